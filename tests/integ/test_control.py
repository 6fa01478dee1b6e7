#!/usr/bin/env python3
"""The control socket of a running venue and wirebook-ctl: each command, wrong roles, bad input, two operators, restarts."""
import fcntl
import grp
import json
import os
import pty
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, program, run_tests, start, wait_for  # noqa: E402

DONE, USAGE, UNREACHABLE, REFUSED, NOTHING, DENIED, TIMEOUT, NOT_CONFIRMED = range(8)


class Steered(Venue):
    """A venue with a control socket."""

    def __init__(self, name, more=""):
        self.socket = os.path.join(TMP, name + ".sock")
        super().__init__(name, f"control: {{socket: {self.socket}{more}}}\n")

    def ctl(self, *args, code=DONE, user=None, stdin=subprocess.DEVNULL):
        command = [program("wirebook-ctl"), "--socket", self.socket, *args]
        if user:
            command = ["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups", *command]
        run = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=stdin)
        check(run.returncode == code, f"ctl {args}: exit code {run.returncode}, not {code}\n{run.stdout}{run.stderr}")
        return run.stdout + run.stderr

    def asked(self, *args, code=DONE):
        return json.loads(self.ctl("--json", "--reason", "a test", "--yes", *args, code=code))

    def row(self, command, key, value):
        data = json.loads(self.ctl("--json", command))["data"]
        return next((row for row in data if row[key] == value), None)

    def raw(self, *lines):
        """Sends lines as they are; returns the answers."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.socket)
            s.sendall(b"".join(lines))
            file = s.makefile("rb")
            return [json.loads(file.readline()) for _ in lines]

    def journal(self):
        run = subprocess.run([program("wirebook-journal"), "print", f"{self.dir}/data"], capture_output=True, text=True)
        check(run.returncode == 0, run.stderr)
        return run.stdout


def test_looks():
    with Steered("looks") as v:
        text = v.ctl("status")
        check("phase          T" in text and "accounts       4" in text, text)
        check("AAPL" in v.ctl("instruments") and "ALFA01" in v.ctl("accounts"), "lists")
        check(v.ctl("sessions").count("\n") == 1, "nobody is connected: the titles alone")
        data = json.loads(v.ctl("--json", "instruments"))["data"]
        check(len(data) > 32 and len({row["symbol"] for row in data}) == len(data), "more than a page, each once")
        check("wirebook_engine_transactions_total" in v.ctl("metrics"), "metrics")
        check(os.stat(v.socket).st_mode & 0o777 == 0o660, "mode of the socket")
    check(not os.path.exists(v.socket), "the socket goes with the venue")


def test_accounts():
    with Steered("accounts") as v:
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        a = v.asked("disable", "ALFA01")
        check(a["outcome"] == "done" and a["orders_gone"] == 0 and a["seq"] > 0, a)
        check(v.asked("disable", "alfa01", code=NOTHING)["outcome"] == "nothing", "it was so already")
        client(v.port, "ALFA01", "buy 100 AAPL 220", code=2)
        check(v.row("accounts", "user", "ALFA01")["disabled"], "listed")
        v.stop()
        v.start()
        check(v.row("accounts", "user", "ALFA01")["disabled"], "after a restart, too")
        v.asked("enable", "ALFA01")
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        v.asked("limits", "user", "ALFA01", "exposure=1")
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect rejected")
        check(v.asked("disable", "NOBODY", code=REFUSED)["text"] == "no such account", "unknown")
        v.kill()
        v.start()
        check(not v.row("accounts", "user", "ALFA01")["disabled"], "after a crash")


def test_risk():
    with Steered("risk") as v:
        v.asked("checks", "ALFA01", "qty=10", "forbid=market,short")
        client(v.port, "ALFA01", "buy 11 AAPL 220; expect rejected")
        client(v.port, "ALFA01", "buy 10 AAPL 220; expect accepted")
        now = v.row("accounts", "user", "ALFA01")["checks"]
        check(now["qty"] == 10 and now["forbid"] == ["market", "short"] and now["notional"] > 0 and now["by_operator"], now)
        v.asked("profile", "CARE", "qty=5")
        v.asked("checks", "ALFA01", "profile=CARE", "inherit=qty")
        client(v.port, "ALFA01", "buy 6 AAPL 220; expect rejected")
        v.asked("profile", "CARE", "qty=6")
        client(v.port, "ALFA01", "buy 6 AAPL 220; expect accepted")
        check("based on itself" in v.asked("profile", "CARE", "base=CARE", code=REFUSED)["text"], "a circle")
        check("no such profile" in v.asked("checks", "ALFA01", "profile=NONE", code=REFUSED)["text"], "unknown")
        check("CARE" in v.ctl("profiles"), "profiles")
        v.asked("restrict", "AAPL", "user", "ALFA01")
        client(v.port, "ALFA01", "buy 1 AAPL 220; expect rejected")
        v.kill()
        v.start()
        client(v.port, "ALFA01", "buy 1 AAPL 220; expect rejected")
        row = v.row("lists", "user", "ALFA01")
        check(row["symbol"] == "AAPL" and row["list"] == "restricted" and row["by_operator"], row)
        v.asked("unrestrict", "AAPL", "user", "ALFA01")
        client(v.port, "ALFA01", "buy 7 AAPL 220; expect rejected")
        client(v.port, "ALFA01", "buy 6 AAPL 220; expect accepted")


def test_open_orders():
    with Steered("open") as v:
        held = "buy 1 AAPL 220; expect accepted"
        client(v.port, "ALFA01", held)
        v.asked("limits", "user", "ALFA01", "open=2")
        client(v.port, "ALFA01", f"{held}; buy 1 AAPL 220; expect rejected reason 0x20")
        v.asked("profile", "FEW", "open=3")
        v.asked("checks", "ALFA01", "profile=FEW")
        v.asked("limits", "user", "ALFA01", "inherit=open")
        v.kill()
        v.start()
        check(v.row("accounts", "user", "ALFA01")["orders_open_max"] == 3, "the profile's, after a crash, too")
        check(v.row("profiles", "profile", "FEW")["open"] == 3, "listed")
        client(v.port, "ALFA01", f"{held}; buy 1 AAPL 220; expect rejected reason 0x20")
        v.asked("profile", "FEW", "open=0")
        client(v.port, "ALFA01", held)
        check("of a user" in v.asked("limits", "firm", "ALFA", "open=1", code=USAGE)["text"], "not of a firm")
        v.asked("limits", "user", "ALFA01", "files")
        v.stop()
        v.start()
        check(v.row("accounts", "user", "ALFA01")["orders_open_max"] == 60000, "given back to the files")


def test_disconnect():
    with Steered("disconnect") as v:
        env = dict(os.environ, WIREBOOK_PASSWORD="ALFA01PASS")
        held = start([program("wirebook-client"), "--port", str(v.port), "--user", "ALFA01"], env=env,
                     stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("a session", lambda: "ALFA01" in v.ctl("sessions"))
        v.asked("disconnect", "ALFA01")
        wait_for("its end", lambda: 'sessions_ended_total{gateway="0",reason="expelled"} 1' in v.ctl("metrics"))
        wait_for("the client hears of it", lambda: f":{v.port}" not in subprocess.run(
            ["ss", "-tnpH", "state", "established"], capture_output=True, text=True).stdout)
        held.kill()
        check("ALFA01" not in v.ctl("sessions"), "gone")
        check(v.asked("disconnect", "ALFA01", code=NOTHING)["outcome"] == "nothing", "nobody there")


def test_instruments():
    with Steered("instruments") as v:
        v.asked("halt", "AAPL")
        check(v.row("instruments", "symbol", "AAPL")["phase"] == "H", "halted")
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect rejected")
        v.asked("resume", "AAPL")
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        v.asked("instrument", "ZZZZ", "tick=100", "lot=10", "reference=500000")
        client(v.port, "ALFA01", "buy 10 ZZZZ 50; expect accepted")
        v.asked("instrument", "ZZZZ", "collar_bps=100")
        z = v.row("instruments", "symbol", "ZZZZ")
        check((z["lot"], z["collar_bps"], z["by_operator"]) == (10, 100, True), z)
        client(v.port, "ALFA01", "buy 10 ZZZZ 60; expect rejected")
        check("no such" in v.ctl("--reason", "x", "halt", "QQQQ", code=REFUSED), "unknown")
        v.asked("phase", "all", "P", "late")
        check(json.loads(v.ctl("--json", "status"))["data"][0]["phase"] == "P", "the venue's phase")
        v.kill()
        v.start()
        now = v.row("instruments", "symbol", "ZZZZ")
        want = z | {"phase": "P", "late": True}
        check({key: now[key] for key in want} == want, f"as it was, after a crash: {now}, not {z}")
        cross = {key: value for key, value in now.items() if key not in want}
        check(cross == {"cross": "O", "cross_price": 0, "cross_paired": 0, "cross_imbalance": 0, "cross_side": "N"}, cross)
        check(" O " in v.ctl("instruments"), "the cross to come stands in the table")
        v.asked("phase", "all", "T")


def test_kill_and_restore():
    with Steered("kill") as v:
        client(v.port, "ALFA01", "buy 100 AAPL 220; buy 100 AAPL 219; expect accepted")
        client(v.port, "BRAV01", "buy 100 AAPL 218; expect accepted")
        check(v.asked("kill", "user", "ALFA01")["orders_gone"] == 2, "two orders go")
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect rejected")
        client(v.port, "BRAV01", "buy 100 AAPL 217; expect accepted")
        check(v.asked("kill", "venue")["orders_gone"] == 2, "all go")
        v.kill()
        v.start()
        check("killed         true" in v.ctl("status"), "after a crash, too")
        client(v.port, "BRAV01", "buy 100 AAPL 217; expect rejected")
        v.asked("restore", "venue")
        v.asked("restore", "user", "ALFA01")
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        check(v.asked("restore", "venue", code=NOTHING)["outcome"] == "nothing", "it was so already")
        firm = v.row("accounts", "user", "ALFA01")["firm"]
        check(v.asked("kill", "firm", firm)["orders_gone"] == 1, "the firm's")


def test_break():
    with Steered("break") as v:
        client(v.port, "ALFA01", "buy 100 AAPL 220 clordid THEBID; expect accepted")
        client(v.port, "BRAV01", "sell 100 AAPL 220 clordid THEASK; expect accepted; expect executed")
        match = re.search(r"EV_EXECUTED.* match=(\d+)", v.journal())[1]
        check(v.asked("break", match, "E")["outcome"] == "done", "broken")
        check(v.asked("break", match, "E", code=REFUSED)["text"] == "the trade was broken before", "twice")
        check("no such trade" in v.asked("break", "99", "E", code=REFUSED)["text"], "unknown")
        lines = [line for line in v.journal().splitlines() if "EV_BROKEN" in line]
        check(len(lines) == 2 and all(f"match={match} " in line for line in lines), lines)
        check(sorted(re.findall(r'clordid="(\w+)"', " ".join(lines))) == ["THEASK", "THEBID"], lines)


def test_who_and_why_are_in_the_journal():
    with Steered("who") as v:
        v.asked("disable", "ALFA01")
        v.asked("disable", "ALFA01", code=NOTHING)
        text = v.journal()
        check('user="root" uid=0 role=3 reason="a test"' in text, text[-2000:])
        check("EV_OPERATED" in text and "outcome=1" in text, "what came of it, nothing included")
        wait_for("the log", lambda: "operator: user=root uid=0 role=admin command=disable of=ALFA01 request="
                 in open(v.log, encoding="utf-8").read())
        v.stop()
        run = subprocess.run([program("wirebook-journal"), "verify", f"{v.dir}/data"], capture_output=True, text=True)
        check(run.returncode == 0, run.stdout + run.stderr)


def test_roles():
    os.chmod(TMP, 0o755)
    with Steered("roles", ", viewers: daemon, operators: 'bin, sys', group: games") as v:
        os.chmod(v.socket, 0o666)  # whoever may connect, his role decides
        check("phase" in v.ctl("status", user="daemon"), "a viewer looks")
        check("wants the role operator" in v.ctl("--reason", "x", "halt", "AAPL", user="daemon", code=DENIED), "no more")
        check("orders gone" not in v.ctl("--reason", "x", "halt", "AAPL", user="bin"), "it tells of orders only where some have gone")
        check("wants the role admin" in v.ctl("--reason", "x", "--yes", "drain", user="sys", code=DENIED), "admins' alone")
        check("no role" in v.ctl("status", user="nobody", code=DENIED), "a stranger")
        wait_for("denials are in the log", lambda: all(f"operator_denied: user={who}" in open(v.log, encoding="utf-8").read() for who in (
            "daemon uid=1 role=viewer command=halt wants=operator", "sys uid=3 role=operator command=drain wants=admin",
            "nobody uid=65534 role=none command=- wants=viewer")))
        os.chmod(v.socket, 0o660)
        check("Permission denied" in v.ctl("status", user="nobody", code=UNREACHABLE), "the file's mode")


def test_bad_input():
    with Steered("bad") as v:
        lines = [b"\n", b"{}\n", b"[1]\n", b'{"command": 5}\n', b'{"command": "boom"}\n', b"\xff\xfe\n", b"{" * 3000 + b"\n",
                 b'{"command": "halt", "args": {"symbol": "AAPL"}}\n',
                 b'{"command": "halt", "args": {"symbol": 5}, "reason": "x"}\n',
                 b'{"command": "halt", "args": {"symbol": "A\\u0000B"}, "reason": "x"}\n',
                 b'{"command": "halt", "args": {"symbol": "TOOLONGSYMBOL"}, "reason": "x"}\n',
                 b'{"command": "halt", "args": {"symbol": "AAPL", "more": 1}, "reason": "x"}\n',
                 b'{"command": "kill", "reason": "x"}\n', b'{"command": "limits", "args": {"user": "A", "daily": -1}, "reason": "x"}\n',
                 b'{"command": "kill", "args": {"venue": true, "user": "ALFA01"}, "reason": "x"}\n',
                 b'{"command": "break", "args": {"match": 0, "why": "E"}, "reason": "x"}\n',
                 b'{"command": "status", "command": "drain"}\n']
        for answer in v.raw(*lines):
            check(answer["outcome"] == "error" and answer["text"], answer)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(v.socket)
            s.sendall(b"x" * 5000)
            check(b"too long" in s.recv(4096), "a line without an end")
        v.ctl("boom", code=USAGE)
        v.ctl("halt", code=USAGE)
        v.ctl("--reason", "x", "break", "one", "E", "--yes", code=USAGE)
        v.ctl("--reason", "x", "kill", "venue", code=NOT_CONFIRMED)
        check("killed         false" in v.ctl("status"), "nothing was done")
        wait_for("each has its note", lambda: v.journal().count(" carries=CMD_NOTE what=5 ") >= 18)
        for said in ('command="boom" of="" why=14 text="no such command"', 'of="AAPL" why=14 text="a reason is wanted', 'text="the line is too long"'):
            check(said in v.journal(), v.journal())
        check(v.process.poll() is None, "it runs on")
    v.ctl("status", code=UNREACHABLE)


def test_two_operators_at_once():
    with Steered("two") as v:
        codes = []

        def work(command):
            for _ in range(20):
                run = subprocess.run([program("wirebook-ctl"), "--socket", v.socket, "--reason", command, command, "AAPL"],
                                     capture_output=True, text=True)
                codes.append(run.returncode)
        threads = [threading.Thread(target=work, args=(command,)) for command in ("halt", "resume")]
        for t in threads:
            t.start()
        idle = [socket.socket(socket.AF_UNIX) for _ in range(8)]
        for s in idle:  # who says nothing keeps nobody
            s.connect(v.socket)
            s.sendall(b'{"command"')
        for t in threads:
            t.join()
        check(len(codes) == 40 and set(codes) <= {DONE, NOTHING} and codes.count(DONE) >= 2, codes)
        check(v.journal().count("EV_OPERATED") == 40, "each is in the journal")
        for s in idle:
            s.close()


def test_day_end_and_drain():
    with Steered("ends") as v:
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        check(v.asked("day-end")["orders_gone"] == 1, "the day's order goes")
        check("day            0" in v.ctl("status"), "no day is open")
        check("no trading day" in v.asked("day-end", code=REFUSED)["text"], "twice")
        check(v.asked("drain")["outcome"] == "done", "asked for")
        check(v.process.wait(20) == 0, "it ends in order")


def test_drain_twice():
    """Two operators, one wish: the second one's must not end at once what the first one's ends in order."""
    v = Steered("twice")
    with open(v.conf, encoding="utf-8") as file:
        text = file.read().replace("gateway:\n", "gateway:\n  drain_notice_ms: 3000\n")
    with open(v.conf, "w", encoding="utf-8") as file:
        file.write(text)
    with v:
        for _ in range(2):
            check(v.asked("drain")["outcome"] == "done", "asked for")
        v.process.send_signal(signal.SIGTERM)  # nor does whoever stops the service meanwhile
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        check(v.process.wait(20) == 0, "it ends in order")


def test_snapshot():
    with Steered("snapshot") as v:
        client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        a = v.asked("snapshot")
        path = f"{v.dir}/data/{a['file']}"
        check(a["outcome"] == "done" and a["snapshot_seq"] >= a["last_seq"] and a["seconds"] >= 0, a)
        check(os.path.getsize(path) == a["bytes"] > 4096, "the file is there, of that size")
        check("CMD_OPERATOR" in v.journal() and 'reason="a test"' in v.journal(), "with why in the journal")
        check("snapshot, up to transaction" in v.ctl("--reason", "again", "snapshot"), "told")
        b = v.asked("snapshot")
        check(b["snapshot_seq"] > a["snapshot_seq"], "another one")
        v.kill()
        v.start()
        log = open(v.log).read()
        check(f"goes on from the snapshot of transaction {b['snapshot_seq']}" in log, "a start goes on from it")
        check("ALFA01" in v.ctl("accounts"), "and serves")
    none = Steered("no-snapshot")
    with open(none.conf, encoding="utf-8") as file:
        text = file.read().replace("segment_mb:", "snapshot_transactions: 0, segment_mb:")
    with open(none.conf, "w", encoding="utf-8") as file:
        file.write(text)
    with none as v:
        a = v.asked("snapshot", code=REFUSED)
        check("snapshot_transactions" in a["text"], a)
        wait_for("the note", lambda: "what=5 command=\"snapshot\"" in v.journal())
        check("what=2" not in v.journal(), "noted as refused, not as asked for")


def test_engine_that_does_not_answer():
    with Steered("stuck") as v:
        subprocess.run(["kill", "-STOP", str(v.process.pid)], check=True)
        check("no answer in time" in v.ctl("--timeout", "0.5", "status", code=TIMEOUT), "said")
        subprocess.run(["kill", "-CONT", str(v.process.pid)], check=True)
        check("phase" in v.ctl("status"), "and goes on")


def screen_of(fd, seconds):
    """What a terminal has been sent within so much time."""
    end, text = time.monotonic() + seconds, b""
    os.set_blocking(fd, False)
    while time.monotonic() < end:
        try:
            text += os.read(fd, 65536)
        except (BlockingIOError, OSError):
            time.sleep(0.05)
    return text.decode(errors="replace")


def test_top():
    with Steered("top") as v:
        frame = v.ctl("top", "--once", "--interval", "0.2")
        check(frame.count("\n") <= 24 and all(len(line) <= 80 for line in frame.splitlines()), frame)
        for word in ("trading", "ready", "open orders 0", "transactions", "longest turn of", "most used of ring", "export lag"):
            check(word in frame, f"{word} in\n{frame}")
        rings = re.findall(r"  \w+ +\d+ +\d+ +(\d+)$", frame[frame.index("most used of ring"):], re.M)
        check(len(rings) >= 5 and all(int(slots) >= 64 for slots in rings), f"every ring's size: {frame}")
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        top = start([program("wirebook-ctl"), "--socket", v.socket, "--interval", "0.2", "top"], stdin=slave, stdout=slave,
                    stderr=slave, env=dict(os.environ, TERM="xterm"))
        screen = screen_of(master, 1)
        check("trading" in screen and " UTC; q ends" in screen, f"the screen, and of when it is: {screen}")
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        top.send_signal(28)  # SIGWINCH
        v.stop()
        check("is away: the numbers of " in screen_of(master, 1.5), "it says that the venue is away")
        v.start()
        check("q ends" in screen_of(master, 2.5), "it is back by itself")
        check(top.poll() is None, "still there")
        os.write(master, b"q")
        wait_for("its end", lambda: top.poll() is not None)
        check(top.returncode == 0, top.returncode)
        # Nobody can press a key any more: it asks no oftener for that.
        asked = lambda: int(re.search(r"^wirebook_control_connections_total (\d+)$", v.ctl("metrics"), re.M)[1])
        before = asked()
        top = start([program("wirebook-ctl"), "--socket", v.socket, "--interval", "0.5", "top"], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, TERM="xterm"))
        time.sleep(2)
        check(3 <= asked() - before <= 20, f"three questions each half a second, not {asked() - before} in two seconds")
        top.kill()


def test_clumsy_command_lines():
    """What is mistyped does nothing, and above all nothing else than was meant."""
    with Steered("clumsy") as v:
        def wrong(text, *args):
            run = subprocess.run([os.fsencode(a) if isinstance(a, str) else a for a in (program("wirebook-ctl"), "--socket", v.socket, *args)],
                                 capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
            said = (run.stdout + run.stderr).decode(errors="replace")
            check(run.returncode == USAGE and text in said, (args, run.returncode, said))
        wrong("UTF-8", "--reason", "x", "phase", b"AAPL\xc3", "H")  # without its symbol it would be the whole venue
        wrong("UTF-8", "--reason", b"\xff", "--yes", "kill", "venue")
        wrong("whole number", "--reason", "x", "limits", "user", "ALFA01", "daily= -18446744073709551615")
        wrong("whole number", "--reason", "x", "limits", "user", "ALFA01", "daily=+5")
        wrong("twice", "--reason", "x", "checks", "ALFA01", "qty=5", "qty=6")
        wrong("is wanted", "--reason", "x", "kill", "user")  # before anybody is asked whether really
        wrong("1 to 8", "--reason", "x", "phase", "", "H")
        check("first 96 bytes" in v.ctl("--reason", "y" * 97, "halt", "MSFT"), "cut, and said so")
        check(v.row("instruments", "symbol", "AAPL")["phase"] == "T", "nothing was done")


def test_groups_of_another_machine():
    """A check may run elsewhere than the venue: it warns of what this machine lacks; a start refuses it."""
    mine = Steered("elsewhere", ", group: nosuch, viewers: '@nogroups', admins: nobodyatall")
    run = subprocess.run([program("wirebook"), "--check-config", mine.conf], capture_output=True, text=True, timeout=20)
    for said in ("control.group: this machine has no such group 'nosuch'; make it (groupadd)", "no group 'nogroups'", "no user 'nobodyatall'",
                 "warning: that is what this machine lacks", f"{mine.conf}:6: control.viewers: "):
        check(said in run.stderr, run.stderr)
    check(run.returncode == 0 and "good" in run.stdout, run)
    run = subprocess.run([program("wirebook"), mine.conf], capture_output=True, text=True, timeout=30)
    check(run.returncode == 1 and "'nosuch'" in run.stderr and "nobodyatall" in run.stderr, run.stderr)


def test_socket_that_cannot_be():
    with Steered("first") as v:
        other = Steered("second")
        with open(other.conf, encoding="utf-8") as file:
            text = file.read().replace(other.socket, v.socket)
        with open(other.conf, "w", encoding="utf-8") as file:
            file.write(text)
        run = subprocess.run([program("wirebook"), other.conf], capture_output=True, text=True, timeout=30)
        check(run.returncode == 1 and "another process listens there" in run.stderr, run.stderr)
        v.ctl("status")
        v.kill()
        v.start()  # the old file is in the way and nobody is behind it
        v.ctl("status")
    # A service's own account: its own group costs no right, another one does, and is not taken for something else.
    os.chmod(TMP, 0o755)
    for group, said in (("nogroup", None), ("games", "cannot be made: Operation not permitted"), ("nosuch", "no such group")):
        mine = Steered("account-" + group, ", group: " + group)
        home = os.path.join(TMP, "of-nobody")
        os.makedirs(home, exist_ok=True)
        shutil.chown(home, "nobody", "nogroup")
        shutil.chown(mine.dir, "nobody", "nogroup")
        with open(mine.conf, encoding="utf-8") as file:
            text = file.read().replace(mine.socket, f"{home}/{group}.sock")
        with open(mine.conf, "w", encoding="utf-8") as file:
            file.write(text)
        with open(mine.log, "wb") as log:
            process = start(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", program("wirebook"), mine.conf],
                            stdout=log, stderr=log, cwd=ROOT)
        if said:
            check(process.wait(20) == 1, "it ends")
            check(said in open(mine.log, encoding="utf-8").read(), open(mine.log, encoding="utf-8").read())
        else:
            wait_for("it serves", lambda: b"listening on" in open(mine.log, "rb").read())
            at = os.stat(f"{home}/{group}.sock")
            check((at.st_mode & 0o777, grp.getgrgid(at.st_gid).gr_name) == (0o660, group), at)
            process.terminate()
            check(process.wait(20) == 0, "in order")


run_tests(test_socket_that_cannot_be, test_clumsy_command_lines, test_groups_of_another_machine, test_bad_input, test_looks, test_accounts, test_risk, test_open_orders, test_disconnect, test_instruments, test_kill_and_restore, test_break,
          test_who_and_why_are_in_the_journal, test_roles, test_two_operators_at_once,
          test_day_end_and_drain, test_drain_twice, test_snapshot, test_engine_that_does_not_answer, test_top)
