"""Far ends that misbehave: a proxy in front of a server, a standby of PostgreSQL and a replica of Redis to be promoted."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from disks import run
from rig import Broken, free_port, wait_until

COMMIT = b"Q\x00\x00\x00\x0bcommit\x00"  # libpq's simple query of the exporter's last word
BATCH = b"EVALSHA"  # the exporter's batch to Redis


class Proxy:
    """Carries bytes between whoever comes and `port`. hold(): once it returns nothing passes any more, in neither direction.
    cut_at(): the next so many times that a client says `word`, the connection ends: before the server hears it, or after it has
    done it and before the client hears that."""

    def __init__(self, port):
        self.to, self.word, self.cuts_left, self.cuts, self.before = port, None, 0, 0, None
        self.gates, self.held = [], False  # one a connection and direction, held while bytes pass on
        self.lock = threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            cut = threading.Event()  # answers are thrown away
            for pump in (self.requests, self.answers):
                threading.Thread(target=pump, args=(near, far, cut, self.gate()), daemon=True).start()

    def gate(self):
        gate = threading.Lock()
        with self.lock:
            self.gates.append(gate)
            if self.held:
                gate.acquire()  # pylint: disable=consider-using-with
        return gate

    @staticmethod
    def end(*sockets):
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def now(self, data):
        """Is this the moment? "before", "after" or None."""
        with self.lock:
            if not self.cuts_left or self.word not in data:
                return None
            self.cuts_left -= 1
            self.cuts += 1
            return self.before() if callable(self.before) else self.before

    def requests(self, near, far, cut, gate):
        try:
            while data := near.recv(65536):
                with gate:
                    how = self.now(data)
                    if how == "before":
                        break
                    if how == "after":
                        cut.set()
                    far.sendall(data)
        except OSError:
            pass
        self.end(near, far)

    def answers(self, near, far, cut, gate):
        try:
            while data := far.recv(65536):
                with gate:
                    if cut.is_set():
                        break  # the server has answered: it has done it
                    near.sendall(data)
        except OSError:
            pass
        self.end(near, far)

    def cut_at(self, word, times, before):
        with self.lock:
            self.word, self.cuts_left, self.before = word, times, before

    def hold(self):
        with self.lock:
            self.held = True
            gates = list(self.gates)
        for gate in gates:
            gate.acquire()

    def close(self):
        if self.held:
            for gate in self.gates:
                gate.release()
        self.server.close()


def wait_still(what, ask):
    """The answer when three in a row are the same, and not None."""
    answers = []

    def still():
        answers.append(ask())
        return answers[-1] is not None and answers[-3:] == [answers[-1]] * 3
    wait_until(what, still)
    return answers[-1]


class Server:
    """A process of ours; servers refuse root, so it is user postgres with a way to its files, as in scripts/local-services."""

    def __init__(self, folder, command, environment=None):
        os.makedirs(folder, exist_ok=True)
        self.log = open(f"{folder}/server.log", "ab")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(as_user(command), cwd=folder, stdout=self.log, stderr=self.log,
                                        env={**os.environ, **(environment or {})})

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def as_user(command):
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override", "--", *command]


class Standby(Server):
    """A copy of the private PostgreSQL that follows it through `proxy`; its own port is `port`."""

    def __init__(self, folder, services, proxy):
        self.port, self.env, data = free_port(), services.env, f"{folder}/data"
        source = f"host=127.0.0.1 port={proxy.port} user={self.env['PGUSER']} password={self.env['PGPASSWORD']}"
        os.makedirs(folder)
        run("pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "-d", source)
        if os.getuid() == 0:
            run("chown", "-R", "postgres:postgres", folder)
        bin_dir = "/usr/lib/postgresql/15/bin"
        super().__init__(folder, [f"{bin_dir}/postgres", "-D", data, "-p", str(self.port), "-c", "unix_socket_directories=",
                                  "-c", "listen_addresses=127.0.0.1"])
        wait_until("the standby answers", lambda: self.ask("select pg_is_in_recovery()") == "t", 30)

    def ask(self, query, database="postgres"):
        done = subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-d", database, "-c", query],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def received(self):
        """Where that ends which it will ever have: it is held back. It may end within a record."""
        return wait_still("the standby has written down what it has", lambda: self.ask("select pg_last_wal_receive_lsn()") or None)

    def promote(self):
        if self.ask("select pg_promote(true, 30)") != "t":
            raise Broken("the standby cannot be promoted")


class Replica(Server):
    """A copy of the private Redis that follows it through `proxy`."""

    def __init__(self, folder, proxy):
        self.port = free_port()
        self.cli = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port)]
        os.makedirs(folder)
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        super().__init__(folder, ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", folder, "--save", "",
                                  "--appendonly", "no", "--replicaof", "127.0.0.1", str(proxy.port)])
        wait_until("the replica follows", lambda: "master_link_status:up" in self.ask("info", "replication"), 30)

    def ask(self, *words):
        return subprocess.run(self.cli + list(words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()

    def settle(self):
        """Nothing comes any more: what has come is applied. It reads a little of it before each answer."""
        wait_still("the replica has applied what it has",
                   lambda: re.findall(r"slave_repl_offset:\d+", self.ask("info", "replication")))

    def fills(self, prefix):
        """How many of them its stream has."""
        return int(self.ask("xlen", f"{prefix}:fills"))

    def promote(self):
        self.ask("replicaof", "no", "one")
        time.sleep(0.1)
