#!/usr/bin/env python3
"""Two venues behind a real balancer: HAProxy with proxy protocol v2 and its own health checks. Whose connection it is,
what checks cost, how a target leaves and how its replacement comes."""
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import TMP, Venue, check, free_port, program, run_tests, start, wait_for  # noqa: E402
from soup import Session, enter  # noqa: E402

CLIENT = "127.0.0.77"  # where clients come from; the balancer connects from 127.0.0.1


class Target(Venue):
    """A venue with a plain port, one behind the balancer, a health port and metrics."""

    def __init__(self, name):
        self.proxied, self.health, self.management = free_port(), free_port(), free_port()
        super().__init__(name, f"management: {{port: {self.management}}}\n")
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace(f"port: {self.port}}}\n", f"""port: {self.port}}}
    - {{port: {self.proxied}, proxy: v2}}
    - {{port: {self.health}, role: health}}
  balancers: [{{network: 127.0.0.1/32}}]
  drain_notice_ms: 2500
""")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.management}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"wirebook_gateway_{name}[{{ ]", line))

    def log_lines(self):
        with open(self.log, "rb") as log:
            return log.read().count(b"\n")


class Balancer:
    """HAProxy in front of the targets; each is checked at its health port, and once more at the proxied port, where the
    checks carry a LOCAL header."""

    def __init__(self, targets):
        self.port, self.stats = free_port(), os.path.join(TMP, "haproxy.sock")
        servers = "".join(f"  server {t.name} 127.0.0.1:{t.proxied} send-proxy-v2 check port {t.health} inter 200\n"
                          for t in targets)
        checked = "".join(f"  server {t.name} 127.0.0.1:{t.proxied} send-proxy-v2 check check-send-proxy inter 50\n"
                          for t in targets)
        conf = os.path.join(TMP, "haproxy.cfg")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"global\n  stats socket {self.stats}\n"
                       "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n"
                       f"frontend orders\n  bind 127.0.0.1:{self.port}\n  default_backend venues\n"
                       f"backend venues\n  default-server fall 2 rise 1\n{servers}"
                       f"backend watched\n  default-server fall 2 rise 1\n{checked}")
        start(["haproxy", "-f", conf, "-db", "-q"])
        wait_for("HAProxy answers", lambda: os.path.exists(self.stats) and self.state("venues", targets[0].name))

    def state(self, backend, server):
        """"UP" or "DOWN", with what HAProxy says beside it."""
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.stats)
            except OSError:
                return ""
            s.sendall(b"show stat\n")
            text = b""
            while piece := s.recv(65536):
                text += piece
        for line in text.decode().splitlines():
            row = line.split(",")
            if row[:2] == [backend, server]:
                return row[17]
        return ""

    def wait(self, backend, server, state):
        wait_for(f"{server} is {state} in {backend}", lambda: self.state(backend, server).startswith(state))


class Trader(Session):
    """A client that logs in by hand from CLIENT."""

    def __init__(self, port, user):
        super().__init__(port, user, source=CLIENT)
        self.ref = 0

    def order(self):
        """Enters one and waits for its Accepted."""
        self.ref += 1
        self.say(enter(self.ref))
        while True:
            kind, body = self.frame()
            check(kind == b"S", f"an answer to an order, got {kind!r}")
            if body[:1] == b"A":
                return


def logins_of(target):
    """(address, port) of every login in the target's journal."""
    text = subprocess.run([program("wirebook-journal"), "print", os.path.join(target.dir, "data")], capture_output=True,
                          text=True, timeout=60).stdout
    found = []
    for line in text.splitlines():
        if "CMD_LOGIN" in line:
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            found.append((fields["peer_ipv4"], int(fields["peer_port"])))
    return found


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return False
    except ConnectionError:
        return True


def test_behind_haproxy():
    one, two = Target("one"), Target("two")
    one.name, two.name = "one", "two"
    with one, two:
        balancer = Balancer([one, two])
        for backend in ("venues", "watched"):
            for target in (one, two):
                balancer.wait(backend, target.name, "UP")
        # Checks cost no session, no command and no line of log.
        lines = one.log_lines()
        before = one.metric("proxy_local_total")
        wait_for("checks at the proxied port", lambda: one.metric("proxy_local_total") >= before + 3, 30)
        # HAProxy resets a plain check before the handshake is through; one that looks longer is counted.
        with socket.create_connection(("127.0.0.1", one.health), 5) as check_by_hand:
            check(check_by_hand.recv(10) == b"" and one.metric("health_checks_total") == 1, "a check at the health port")
        check(one.metric("connections_opened_total") == 0 and one.metric("commands_total") == 0, "no session, no command")
        check(one.log_lines() == lines, "no line of log for checks")
        # Clients come through, under their own addresses.
        sessions = [Trader(balancer.port, user) for user in ("ALFA01", "BRAV01", "CHAR01", "ALFA02")]
        for session in sessions:
            session.order()
        seen = {target.name: logins_of(target) for target in (one, two)}
        told = [address for found in seen.values() for address in found]
        for session in sessions:
            check(session.address in told, f"{session.address} is in a journal: {seen}")
        check(len(seen["one"]) == len(seen["two"]) == 2, f"both got clients: {seen}")
        # Nobody gets in past the balancer.
        with socket.create_connection(("127.0.0.1", one.proxied), 5) as direct:
            direct.sendall(b"\x00\x2fL" + b" " * 46)
            check(is_reset(direct), "no header, no session")
        # One leaves: the balancer notices, who is in trades on, newcomers reach the other.
        one.process.send_signal(signal.SIGTERM)
        balancer.wait("venues", "one", "DOWN")
        check(one.process.poll() is None and refuses(one.health), "it still serves, but looks gone")
        mine = [session for session in sessions if session.address in seen["one"]]
        for session in mine:
            session.order()
        Trader(balancer.port, mine[0].user).order()  # at the other: another shard, where it has not been yet
        check(one.process.wait(20) == 0, "it ended in order")
        for session in mine:
            kind, _ = session.frame()
            check(kind == b"", f"the connection ends without End of Session, got {kind!r}")
        # Its replacement comes, and is taken in once it serves.
        one.start()
        balancer.wait("venues", "one", "UP")
        wait_for("a session at the replacement", lambda: bool(Trader(balancer.port, "ALFA01")) and
                 one.metric("proxy_clients_total") > 0)


def is_reset(sock):
    try:
        return sock.recv(10) is None
    except ConnectionResetError:
        return True


def test_second_signal():
    target = Target("twice")
    target.name = "twice"
    with target:
        target.process.send_signal(signal.SIGTERM)
        wait_for("the health port is shut", lambda: refuses(target.health))
        began = time.monotonic()
        target.process.send_signal(signal.SIGTERM)
        check(target.process.wait(5) == 1 and time.monotonic() - began < 1, "it ends at once")


run_tests(test_behind_haproxy, test_second_signal)
