#!/usr/bin/env python3
"""Management clients that are slow, many, huge or silent: orders take their usual time, another address still gets its answers, memory
stays where it is. Nothing of a client's secrets, nor of the exports', is on a command line, in the environment of a child, or in the log,
and both exports take new passwords over while the venue runs.
wb-test: timeout=120
"""
import glob
import http.client
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ACCOUNTS, TMP, Venue, bench, check, free_port, program, run_tests, wait_for  # noqa: E402
from databases import Databases  # noqa: E402

ATTACKER = "127.0.0.2"
HEAD = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"


def attacker(port, data, receive=None):
    """A connection that has sent so much, as far as it was taken; None when it was refused."""
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    try:
        s.bind((ATTACKER, 0))
        s.settimeout(0.2)
        s.connect(("127.0.0.1", port))
        s.setblocking(False)
        if data:
            s.send(data)
    except OSError:
        s.close()
        return None
    return s


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def memory_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


class Attack:
    """A thousand connections by HTTP and a dozen by the control socket, held open and fed while it lasts."""

    def __init__(self, port, control):
        kinds = ((b"", None), (HEAD, None), (HEAD + b"\r\n", 2304), (b"GET /" + b"a" * 500000 + b" HTTP/1.1\r\n", None),
                 (HEAD + b"X: " + b"b" * 1000000, None), (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b"c" * 9999, None),
                 ((HEAD + b"\r\n") * 300, 2304), (b"\x16\x03\x01" + b"\xff" * 4000, None), (b"\0" * 9000, None))
        self.sockets = [attacker(port, *kinds[i % len(kinds)]) for i in range(1000)]
        self.taken = sum(s is not None for s in self.sockets)
        for line in (b"", b'{"command"', b"x" * 5000, b'{"command": "metrics"}\n' * 200) * 3:
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            s.connect(control)
            try:
                s.send(line)
            except OSError:
                pass
            self.sockets.append(s)

    def end(self):
        for s in self.sockets:
            if s:
                s.close()


def test_orders_go_on():
    port, control = free_port(), os.path.join(TMP, "hostile.sock")
    with Venue("hostile", f"management: {{port: {port}}}\ncontrol: {{socket: {control}}}\nstages: {{enabled: true}}\n") as v:
        quiet, attacked = [], []
        before = memory_kib(v.process)
        for _ in range(2):
            for times in (quiet, attacked):
                attack = Attack(port, control) if times is attacked else None
                if attack:
                    check(attack.taken >= 30, f"{attack.taken} of the thousand were taken")
                    began = time.monotonic()
                    status, text = get(port, "/readyz")
                    check(status == 200 and time.monotonic() - began < 3, f"another address: {status} after {time.monotonic() - began:.1f} s: {text}")
                    run = subprocess.run([program("wirebook-ctl"), "--socket", control, "status"], capture_output=True, text=True, timeout=20)
                    check(run.returncode == 0 and "phase" in run.stdout, run.stdout + run.stderr)
                counted = bench(v.port, ACCOUNTS, "--rate", "1000", "--seconds", "0.5", "--warmup", "0")
                check(counted["bench.unanswered"] == 0 and counted["bench.losses"] == 0, counted)
                times.append(counted["bench.all.p50_us"])
                check(counted["bench.all.max_us"] < 5e6, f"nobody waits for an attacker's time to end: {counted}")
                if attack:
                    attack.end()
        quiet, attacked = min(quiet), min(attacked)
        check(attacked < 3 * quiet + 1000, f"an order's median time: {quiet} us, {attacked} us under attack")
        check(memory_kib(v.process) < before + 65536, f"memory: {before} KiB before, {memory_kib(v.process)} KiB now")
        print(f"   median {quiet:.0f} us, {attacked:.0f} us under attack")
        check(get(port, "/livez")[0] == 200, "alive")


SECRET = "Very5ecretPassw0rd"


def test_secrets_stay_secret():
    """Passwords of exports by file and by environment, a console's token, clients' passwords: in no argument and no log."""
    token = os.path.join(TMP, "token")
    redis = os.path.join(TMP, "redis-password")
    for path, text in ((token, SECRET + "0123456789"), (redis, SECRET)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(path, 0o600)
    more = (f'log: {{level: debug}}\nmanagement: {{port: {free_port()}}}\n'
            f'export: {{postgres: {{enabled: yes, conninfo: "host=127.0.0.1 port=1 user=x dbname=x"}}, '
            f'redis: {{enabled: yes, host: 127.0.0.1, port: 1, password_file: {redis}}}}}\n')
    os.environ["PGPASSWORD"] = SECRET
    try:
        with Venue("secrets", more) as v:
            bench(v.port, ACCOUNTS, "--rate", "200", "--seconds", "0.5", "--warmup", "0")
            held = subprocess.Popen([program("wirebook-client"), "--port", str(v.port), "--user", "ALFA01"], stdin=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL, env=dict(os.environ, WIREBOOK_PASSWORD=ACCOUNTS["ALFA01"]))
            time.sleep(0.5)
            secrets = [SECRET.encode(), ACCOUNTS["ALFA01"].encode()]
            for pid in (v.process.pid, held.pid):
                for path in glob.glob(f"/proc/{pid}/task/*/cmdline"):
                    with open(path, "rb") as file:
                        said = file.read()
                    check(not any(secret in said for secret in secrets), said)
            held.stdin.close()
            held.wait(10)
            time.sleep(0.5)
            v.kill()  # an end in order would wait for the exports, which find nobody
        with open(v.log, "rb") as file:
            said = file.read()
        check(b"export redis" in said, "the log has something to hide")
        check(not any(secret in said for secret in secrets + [b"argon2"]), said.decode())
        for wrong in (f'export: {{postgres: {{conninfo: "host=h password={SECRET}"}}}}\n', f"management: {{token: {SECRET}}}\n"):
            run = subprocess.run([program("wirebook"), "--check-config", Venue("wrong", wrong).conf], capture_output=True, text=True, timeout=20)
            check(run.returncode == 1 and SECRET not in run.stdout + run.stderr, f"a secret in the config is refused and not repeated: {run}")
    finally:
        del os.environ["PGPASSWORD"]


OLD, NEW = "Old5ecretPassw0rd", "New5ecretPassw0rd"
ROTATED = """
management: {{port: {port}}}
log: {{level: debug}}
export:
  retry_min_ms: 20
  retry_max_ms: 100
  refused_retry_ms: 100
  postgres:
    enabled: yes
    conninfo: "host={PGHOST} port={PGPORT} user=rotated dbname={PGDATABASE}"
    password_file: {folder}/pgpass
    batch_ms: 20
  redis: {{enabled: yes, host: {REDIS_HOST}, port: {REDIS_PORT}, username: rotated, password_file: {folder}/redis, prefix: rotated}}
"""


class Rotation:
    """Two databases with a user `rotated` whose password changes, and the files that the venue has it from."""

    def __init__(self):
        self.databases = Databases(os.path.join(TMP, "rotated"))
        self.env = self.databases.env
        self.folder = os.path.join(TMP, "rotated-passwords")
        os.makedirs(self.folder)
        os.environ.pop("PGPASSWORD")  # or the venue would have it from there
        self.ask("create role rotated login superuser")

    def ask(self, query):
        return subprocess.run(["psql", "-XAtqc", query], env=self.env, check=True, capture_output=True, text=True).stdout.strip()

    def redis(self, *args):
        return subprocess.run([*self.databases.redis_cli, *args], check=True, capture_output=True, text=True).stdout.strip()

    def serve(self, password):
        """The servers take this one and no other, and whoever is connected must log in again."""
        self.ask(f"alter role rotated password '{password}'")
        self.redis("ACL", "SETUSER", "rotated", "reset", "on", f">{password}", "~*", "&*", "+@all")
        self.ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotated'")
        for line in self.redis("CLIENT", "LIST").splitlines():
            if " user=rotated " in line:
                self.redis("CLIENT", "KILL", "ID", re.search(r"\bid=(\d+)", line)[1])

    def write(self, password):
        """As wirebook-secrets of config/aws does: a new file in the old one's place."""
        for name, text in (("pgpass", f"*:*:*:rotated:{password}\n"), ("redis", password + "\n")):
            path = os.path.join(self.folder, name)
            with open(path + ".new", "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text)
            os.rename(path + ".new", path)

    def marks(self):
        """How far either is; nothing before its first batch."""
        return {self.ask("select seq from export_mark"), self.redis("HGET", "rotated:mark", "seq")}


def exported(port, sink, what):
    return float(re.search(rf'^wirebook_export_{what}{{sink="{sink}"}} (\S+)', get(port, "/metrics")[1], re.M)[1])


def trade(v):
    counted = bench(v.port, ACCOUNTS, "--rate", "500", "--seconds", "0.4", "--warmup", "0")
    check(counted["bench.unanswered"] == 0, counted)


def test_rotated_passwords():
    """The servers take new ones, the files still have the old: both exports are refused, trading goes on. New files: both have all. One process."""
    rotation, port = Rotation(), free_port()
    both = ("postgres", "redis")
    try:
        rotation.serve(OLD)
        rotation.write(OLD)
        with Venue("rotation", ROTATED.format(port=port, folder=rotation.folder, **rotation.env)) as v:
            trade(v)
            wait_for("both have all", lambda: all(exported(port, sink, "lag_transactions") == 0 for sink in both) and "" not in rotation.marks())
            before = rotation.marks()
            rotation.serve(NEW)
            trade(v)
            for sink, why in (("postgres", "password authentication failed"), ("redis", "user or password is wrong")):
                wait_for(f"{sink} is refused, and says so", lambda: f"export {sink}" in (text := open(v.log, encoding="utf-8").read()) and why in text)
                check(exported(port, sink, "lag_transactions") > 0, f"{sink} lags")
            check(get(port, "/readyz")[0] == 200 and rotation.marks() == before, "the venue is ready, nothing gets in")
            rotation.write(NEW)
            wait_for("both have all again", lambda: all(exported(port, sink, "lag_transactions") == 0 for sink in both))
            wait_for("the same all", lambda: len(rotation.marks()) == 1 and rotation.marks() != before)
            for path in glob.glob(f"/proc/{v.process.pid}/task/*/cmdline"):
                with open(path, "rb") as file:
                    said = file.read().decode()
                check(OLD not in said and NEW not in said, said)
            check(v.stop() == 0, "an orderly end")
        with open(v.log, encoding="utf-8") as file:
            said = file.read()
        check(OLD not in said and NEW not in said, said)
    finally:
        rotation.databases.call("stop")


run_tests(test_orders_go_on, test_secrets_stay_secret, test_rotated_passwords)
