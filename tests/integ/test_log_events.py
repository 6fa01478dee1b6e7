#!/usr/bin/env python3
"""The log of a running venue as JSON: each kind of event with its fields, nothing secret, no forged line; journald's fields."""
import ctypes
import datetime
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, program, run_tests, wait_for  # noqa: E402
from soup import login  # noqa: E402


class Logged(Venue):
    of = {}

    def __init__(self, name, form="json", more=""):
        self.of[name] = self
        self.socket = os.path.join(TMP, name + ".sock")
        super().__init__(name, f"log: {{format: {form}}}\ncontrol: {{socket: {self.socket}, viewers: daemon}}\n{more}")

    def ctl(self, *args, by=()):
        return subprocess.run([*by, program("wirebook-ctl"), "--socket", self.socket, "--yes", *args], capture_output=True, text=True)

    def lines(self):
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines()]

    def has(self, event, **fields):
        def there():
            return any(line.get("event") == event and fields.items() <= line.items() for line in self.lines())
        wait_for(f"{event} {fields}", there)


class Midday:
    """A venue whose schedule has it trading now; an order stands at AAPL's upper band, which pauses it after 15 s, and its engine is
    held for a while meanwhile. Begun first, looked at last."""

    def __init__(self):
        zone = 12 - datetime.datetime.now(datetime.timezone.utc).hour
        self.venue = Logged("midday", more=f"venue: {{timezone: Etc/GMT{-zone:+d}, pre_open: '00:01', opening: '00:02', closing: '23:58', closed: '23:59', "
                                           "weekends: yes, late_s: 0, wide_opening_s: 0, wide_closing_s: 0}\n")
        self.venue.start()
        self.venue.ctl("--reason", "bands", "instrument", "AAPL", "tier=1")
        client(self.venue.port, "ALFA01", "buy 100 AAPL 225.50; expect accepted")
        client(self.venue.port, "BRAV01", "sell 100 AAPL 225.50; expect accepted; expect executed")
        answer = json.loads(self.venue.ctl("--json", "instruments").stdout)
        upper = next(row["band_upper"] for row in answer["data"] if row["symbol"] == "AAPL")
        client(self.venue.port, "ALFA01", f"buy 100 AAPL {upper / 10000:.2f}; expect accepted")
        self.began = time.monotonic()


PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def hold_engine(venue, meanwhile):
    """Stops the engine's thread alone, as a machine that does not run it would, until `meanwhile` is over."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for tid in os.listdir(f"/proc/{venue.process.pid}/task"):
        with open(f"/proc/{venue.process.pid}/task/{tid}/comm", encoding="utf-8") as file:
            name = file.read().strip()
        if name == "engine":
            check(libc.ptrace(PTRACE_ATTACH, int(tid), None, None) == 0, "the engine's thread can be held")
            os.waitpid(int(tid), 0x40000000)  # __WALL
            meanwhile()
            check(libc.ptrace(PTRACE_DETACH, int(tid), None, None) == 0, "and let go")
            return
    check(False, "no thread is called engine")


def test_phase_pause_and_an_engine_that_is_held():
    v = midday.venue
    v.has("phase", phase="T", by="schedule", late="0", wide="0", closing="0")
    hold_engine(v, lambda: check(v.ctl("--reason", "x", "--timeout", "6", "limits", "user", "CHAR01", "position=9").returncode == 6, "no answer in time"))
    v.has("operator_timeout", user="root", command="limits")
    v.has("operator_late", outcome="done")
    wait_for("the pause", lambda: any(line.get("event") == "pause" for line in v.lines()), 40)
    v.has("pause", symbol="AAPL", phase="V", by="price_bands", level="warn")
    check(14 < time.monotonic() - midday.began < 40, "after 15 seconds")
    v.stop()


def test_the_table():
    """The README's table has each event that was seen, and each of it was seen, with the fields that it names."""
    with open(os.path.join(ROOT, "gateway", "README.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| ((?:`\w+` ?)+) \| [^|]+ \| ([^|]+) \|$", file.read().split("## The log")[1].split("\n## ")[0], re.M)
    events = {event for row in rows for event in row[0].replace("`", "").split()}
    fields = {event: set(re.findall(r"[a-z_]+", row[1])) for row in rows for event in row[0].replace("`", "").split()}
    seen = {}
    for name in ("events", "flood", "text", "midday"):
        for line in Logged.of[name].lines() if name != "text" else []:
            if "event" in line:
                seen.setdefault(line["event"], set()).update(line.keys() - {"time", "level", "event", "message"})
    check(set(seen) == events, f"not in the table {set(seen) - events}, not seen {events - set(seen)}")
    for event, keys in seen.items():
        check(keys <= fields[event], f"{event} has {keys - fields[event]}, which its row does not name")


def test_every_event():
    with Logged("events") as v:
        client(v.port, "ALFA01", "buy 10 AAPL 225.50; expect accepted")
        v.has("login", user="ALFA01", gateway="0", dialect="ouch50", level="info")
        v.has("logout", user="ALFA01")
        client(v.port, "ALFA01", "buy 10 AAPL 225.50", password="WRONGPASS", code=2)
        v.has("login_refused", user="ALFA01", code="A", why="wrong user or password", level="warn")
        client(v.port, "NOBODY", "buy 10 AAPL 225.50", password="SECRETXYZ", code=2)
        v.has("login_refused", user="NOBODY")
        client(v.port, "BRAV01", "; ".join(["buy 10 GME 22"] * 120) + "; expect rejected")
        v.has("reject_burst", user="BRAV01", rejects="100", last="0x0022")
        v.ctl("--reason", 'to "see" what=1 comes', "halt", "AAPL")
        v.has("operator", user="root", command="halt", of="AAPL", outcome="done", reason="to 'see' what=1 comes")
        os.chmod(TMP, 0o755)
        os.chmod(v.socket, 0o666)
        v.ctl("--reason", "x", "halt", "AAPL", by=("setpriv", "--reuid", "daemon", "--regid", "daemon", "--clear-groups"))
        v.has("operator_denied", user="daemon", uid="1", role="viewer", command="halt", wants="operator")
        run = subprocess.run([program("wirebook-ctl"), "--socket", v.socket, "--reason", "x", "halt", "NOSUCH"], capture_output=True, text=True)
        check(run.returncode == 3, run)
        v.has("operator_refused", user="root", role="admin", command="halt", of="NOSUCH", why="no such instrument", text="no such instrument")
        v.ctl("--reason", "x", "phase", "all", "P")
        v.has("operator", command="phase", outcome="done")
        v.ctl("--reason", "x", "reload")
        v.has("reload", outcome="done", user="root", reason="x")
        v.process.send_signal(signal.SIGHUP)
        v.has("reload", outcome="done", user="SIGHUP")
        v.ctl("--reason", "x", "day-end")
        v.has("day", state="ended")
        text = json.dumps(v.lines())
        for secret in ("ALFA01PASS", "WRONGPASS", "SECRETXYZ", "BRAV01PASS", "argon2id"):
            check(secret not in text, f"{secret} is in the log")
        check(all({"time", "level"} <= line.keys() for line in v.lines()), "each line says when")
    v.has("day", state="open")


def test_flood():
    """Refused logins cannot fill the log: 20 a second, the rest counted."""
    with Logged("flood", more="auth: {failures_max: 1}\n") as v:
        def knock(n):
            for _ in range(n):
                with socket.create_connection(("127.0.0.1", v.port)) as s:
                    s.sendall(login("NOBODY", "GUESS"))
                    s.recv(64)
        knock(300)

        def counts():
            lines = v.lines()
            return (sum(line.get("event") == "login_refused" for line in lines),
                    sum(int(line["lines"]) for line in lines if line.get("event") == "suppressed"))
        wait_for("each is told or counted", lambda: sum(counts()) == 300)
        check(20 <= counts()[0] < 200, f"{counts()} told, counted")


def test_text_is_as_before():
    with Logged("text", form="text") as v:
        client(v.port, "ALFA01", "buy 10 AAPL 225.50; expect accepted")
        wait_for("a line", lambda: " info  login: user=ALFA01 gateway=0" in open(v.log, encoding="utf-8").read())


midday = Midday()
run_tests(test_every_event, test_flood, test_text_is_as_before, test_phase_pause_and_an_engine_that_is_held, test_the_table)
