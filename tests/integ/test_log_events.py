#!/usr/bin/env python3
"""The log of a running venue as JSON: each kind of event with its fields, nothing secret, no forged line; journald's fields."""
import json
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import TMP, Venue, check, client, program, run_tests, wait_for  # noqa: E402


class Logged(Venue):
    def __init__(self, name, form="json", more=""):
        self.socket = os.path.join(TMP, name + ".sock")
        super().__init__(name, f"log: {{format: {form}}}\ncontrol: {{socket: {self.socket}}}\n{more}")

    def ctl(self, *args):
        return subprocess.run([program("wirebook-ctl"), "--socket", self.socket, "--yes", *args], capture_output=True, text=True)

    def lines(self):
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines()]

    def has(self, event, **fields):
        def there():
            return any(line.get("event") == event and fields.items() <= line.items() for line in self.lines())
        wait_for(f"{event} {fields}", there)


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
                    frame = b"L" + b"NOBODY" + b"GUESS     " + b" " * 10 + b"1".rjust(20)
                    s.sendall(len(frame).to_bytes(2, "big") + frame)
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


run_tests(test_every_event, test_flood, test_text_is_as_before)
