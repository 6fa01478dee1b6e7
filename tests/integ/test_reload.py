#!/usr/bin/env python3
"""Reload of a running venue, by SIGHUP and by wirebook-ctl: what changes, what needs a restart, what is refused as a whole."""
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, free_port, program, run_tests, start, wait_for  # noqa: E402


class Reloaded(Venue):
    """A venue with reference files and a config of its own, both to be edited."""

    def __init__(self, name, more="", control=True):
        self.socket = os.path.join(TMP, name + ".sock")
        folder = os.path.join(TMP, name)
        os.makedirs(folder, exist_ok=True)
        self.files = {}
        for kind in ("accounts", "instruments", "profiles"):
            self.files[kind] = os.path.join(folder, kind + ".csv")
            shutil.copy(os.path.join(ROOT, "config", kind + ".csv"), self.files[kind])
        socket = f"control: {{socket: {self.socket}}}\n" if control else ""
        super().__init__(name, f"reference: {{instruments_file: {self.files['instruments']}, "
                               f"accounts_file: {self.files['accounts']}, profiles_file: {self.files['profiles']}}}\n"
                               f"{socket}{more}")
        self.files["conf"] = self.conf

    def edit(self, kind, change):
        with open(self.files[kind], encoding="utf-8") as file:
            text = file.read()
        after = change(text)
        check(after != text, f"{kind}: nothing was changed")
        with open(self.files[kind], "w", encoding="utf-8") as file:
            file.write(after)

    def reload(self, code=0):
        run = subprocess.run([program("wirebook-ctl"), "--socket", self.socket, "--json", "--reason", "a test", "reload"],
                             capture_output=True, text=True, timeout=30)
        check(run.returncode == code, f"reload: {run.returncode}, not {code}: {run.stdout}{run.stderr}")
        return json.loads(run.stdout)

    def rows(self, command):
        run = subprocess.run([program("wirebook-ctl"), "--socket", self.socket, "--json", command], capture_output=True, text=True)
        return json.loads(run.stdout)["data"]

    def metric(self, name):
        run = subprocess.run([program("wirebook-ctl"), "--socket", self.socket, "metrics"], capture_output=True, text=True)
        return float(next(line.split()[-1] for line in run.stdout.splitlines() if line.startswith(name + " ")))

    def said(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()


class Held:
    """A session that stays logged in: says commands one after the other."""

    def __init__(self, port, user):
        self.process = start(["stdbuf", "-oL", program("wirebook-client"), "--port", str(port), "--user", user],
                             env=dict(os.environ, WIREBOOK_PASSWORD=user + "PASS"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        self.said = 0

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.process.stdin.close()
        check(error or self.process.wait(20) == 0, "the session held to its end")

    def say(self, commands):
        """To their end: what follows in the file works with what came of them."""
        self.said += 1
        if self.process.poll() is None:
            self.process.stdin.write(commands.replace("; ", "\n") + f"\necho done-{self.said}\n")
            self.process.stdin.flush()
        seen, line = "", ""
        while line != f"done-{self.said}\n":
            line = self.process.stdout.readline()
            check(line, f"the session has ended at `{commands}`:\n{seen}")
            seen += line


def column(text, user, name, value):
    """An accounts or instruments file with one field changed."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line and line[0] != "#")
    place = lines[at].split(",").index(name)
    for i, line in enumerate(lines):
        if line.startswith(user + ","):
            fields = next(csv.reader([line]))
            fields[place] = value
            lines[i] = ",".join(f'"{field}"' if "," in field else field for field in fields)
    return "\n".join(lines) + "\n"


def without(text, user):
    return "".join(line for line in text.splitlines(True) if not line.startswith(user + ","))


def copied(text, user, new):
    line = next(line for line in text.splitlines(True) if line.startswith(user + ","))
    return text.rstrip("\n") + "\n" + new + line[len(user):]


def test_nothing_changes():
    with Reloaded("same") as v:
        before = v.rows("instruments")
        a = v.reload()
        check(a["outcome"] == "done" and not a["applied"] and not a["restart"] and not any(a["changes"].values()), a)
        check(v.rows("instruments") == before, "all as it was")
        check(v.metric("wirebook_reloads_total") == 1, "counted")


def test_accounts_and_instruments():
    with Reloaded("reference") as v:
        v.edit("instruments", lambda t: copied(without(t, "MSFT"), "AAPL", "ZNEW"))
        v.edit("accounts", lambda t: copied(column(t, "ALFA01", "max_qty", "50"), "BRAV01", "NEWB01"))
        a = v.reload()
        check(a["changes"] | {"instruments_new": 1, "instruments_halted": 1, "accounts_new": 1, "accounts_changed": 1}
              == a["changes"], a)
        client(v.port, "ALFA01", "buy 100 AAPL 225.50; expect rejected")
        client(v.port, "ALFA01", "buy 10 ZNEW 225.50; expect accepted")
        client(v.port, "NEWB01", "buy 10 AAPL 225.50; expect accepted", password="BRAV01PASS")
        client(v.port, "BRAV01", "buy 10 MSFT 415; expect rejected")
        v.edit("accounts", lambda t: column(without(t, "NEWB01"), "CHAR01", "enabled", "no"))
        a = v.reload()
        check(a["changes"]["accounts_disabled"] == 1 and a["changes"]["accounts_changed"] == 1, a)
        client(v.port, "NEWB01", "buy 10 AAPL 225.50", password="BRAV01PASS", code=2)
        client(v.port, "CHAR01", "buy 10 AAPL 225.50", code=2)
        v.edit("accounts", lambda t: column(column(t, "CHAR01", "enabled", "yes"), "ALFA01", "restricted", "AAPL"))
        v.reload()
        client(v.port, "CHAR01", "buy 10 AAPL 225.50; expect accepted")
        client(v.port, "ALFA01", "buy 10 AAPL 225.50; expect rejected")
        v.kill()
        v.start()  # the files and the journal agree: nothing but the process is new
        check(v.reload()["changes"] == {k: 0 for k in a["changes"]}, "as after the crash")
        run = subprocess.run([program("wirebook-journal"), "print", f"{v.dir}/data"], capture_output=True, text=True)
        check('user="root" uid=0 role=3 reason="a test"' in run.stdout, "who and why")


def test_passwords():
    with Reloaded("passwords") as v:
        run = subprocess.run([program("wirebook"), "--hash-password"], input="OTHERPASS\n", capture_output=True, text=True)
        old = next(line for line in open(v.files["accounts"], encoding="utf-8") if line.startswith("ALFA01,"))
        v.edit("accounts", lambda t: t.replace(old, old.replace(next(csv.reader([old]))[2], run.stdout.strip())))
        client(v.port, "ALFA01", "buy 10 AAPL 225.50; expect accepted")
        v.reload()
        client(v.port, "ALFA01", "buy 10 AAPL 225.50; expect accepted", password="OTHERPASS")
        client(v.port, "ALFA01", "buy 10 AAPL 225.50", code=2)
        check("argon2id$" not in v.said() and "OTHERPASS" not in v.said(), "no secret in the log")


def test_config():
    with Reloaded("config", "log: {level: info}\n") as v:
        v.edit("conf", lambda t: t.replace("gateway:\n", "gateway:\n  rate_reject_per_s: 1\n")
               .replace("segment_mb: 4", "segment_mb: 8").replace("level: info", "level: warn"))
        a = v.reload()
        check(a["applied"] == ["gateway.rate_reject_per_s", "log.level"] and a["restart"] == ["journal.segment_mb"], a)
        wait_for("the log", lambda: "journal.segment_mb needs a restart" in v.said())
        client(v.port, "ALFA01", "buy 10 AAPL 225.50; buy 10 AAPL 225.50; buy 10 AAPL 225.50; expect accepted; expect rejected")
        v.edit("conf", lambda t: t.replace("  rate_reject_per_s: 1\n", "").replace("level: warn", "level: info"))
        a = v.reload()
        check(a["applied"] == ["gateway.rate_reject_per_s", "log.level"] and a["restart"] == ["journal.segment_mb"], a)


def test_wrong_files_change_nothing():
    with Reloaded("wrong") as v:
        before = (v.rows("instruments"), v.rows("accounts"))
        good = {kind: open(path, encoding="utf-8").read() for kind, path in v.files.items()}
        for kind, change, word in (
                ("conf", lambda t: t + "boom: 1\n", "unknown key"),
                ("conf", lambda t: t.replace("gateway:\n", "gateway:\n  heartbeat_ms: 1\n"), "too small"),
                ("accounts", lambda t: column(t, "ALFA01", "max_qty", "-1"), "not such a limit"),
                ("accounts", lambda t: "\n", ":"),
                ("accounts", lambda t: column(t, "BRAV01", "restricted", "NOSUCH"), "NOSUCH"),
                ("accounts", lambda t: with_column(t, "ports", {"ALFA01": "1"}), "not a port of gateway.listen"),
                ("profiles", lambda t: column(t, "CAREFUL", "max_qty", "lots"), "not such a limit"),
                ("profiles", lambda t: column(t, "HOUSE", "based_on", "RETAIL"), "based on itself"),
                ("profiles", lambda t: column(t, "RETAIL", "forbidden", "mraket"), "not all of it are such words"),
                ("instruments", lambda t: column(t, "AAPL", "tick", "0"), "not a price"),
                ("conf", lambda t: t.replace("control: {", "control: {viewers: nobodyatall, "), "no user 'nobodyatall'")):
            # something right beside it, which must not be taken
            v.edit("instruments", lambda t: copied(t, "AAPL", "ZNEW"))
            v.edit(kind, change)
            a = v.reload(code=3)
            check(a["outcome"] == "refused" and word in a["text"] and a["applied"] == [], a)
            for name, text in good.items():
                with open(v.files[name], "w", encoding="utf-8") as file:
                    file.write(text)
        check((v.rows("instruments"), v.rows("accounts")) == before, "nothing has changed")
        check(v.metric("wirebook_reloads_failed_total") == 11, "counted")
        wait_for("the log", lambda: v.said().count("outcome=refused") == 11)
        check("unknown key" in v.said(), "in the log")


def with_column(text, name, values):
    """An accounts file with one more column, of which some accounts have a value."""
    out = []
    for line in text.splitlines():
        user = line.split(",")[0]
        out.append(line if line.startswith("#") else line + "," + (name if user == "user" else values.get(user, "")))
    return "\n".join(out) + "\n"


def test_profiles_lists_and_ports():
    """All three, of a session that goes on meanwhile; by SIGHUP and by wirebook-ctl; and back again."""
    other = free_port()
    with Reloaded("risk") as v:
        v.edit("conf", lambda t: t.replace(f"port: {v.port}}}", f"port: {v.port}}}\n    - {{address: 127.0.0.1, port: {other}}}"))
        v.edit("accounts", lambda t: with_column(t, "profile", {"ALFA01": "CAREFUL", "ALFA02": "RETAIL"}))
        v.edit("accounts", lambda t: with_column(t, "ports", {"BRAV01": str(v.port)}))
        for field in ("max_qty", "max_notional", "collar_percent"):  # the profile's from now on
            v.edit("accounts", lambda t: column(column(t, "ALFA01", field, ""), "ALFA02", field, ""))
        v.stop()
        v.start()
        with Held(v.port, "ALFA01") as s, Held(v.port, "ALFA02") as r, Held(v.port, "BRAV01") as b:
            s.say("buy 2000 AAPL 225.50; expect accepted")
            b.say("buy 1 AAPL 225.50; expect accepted; buy 1 GME 22.60; expect rejected reason 0x22")
            r.say("buy 1000 AAPL 225.50; expect rejected reason 0x30; buy 400 AAPL 225.50; expect accepted")
            v.edit("profiles", lambda t: column(column(t, "CAREFUL", "max_qty", "1000"), "HOUSE", "collar_percent", "20"))
            v.edit("accounts", lambda t: column(column(t, "BRAV01", "restricted", "AAPL"), "BRAV01", "ports", str(other)))
            a = v.reload()
            check(a["changes"]["profiles"] == 2 and a["changes"]["listed"] == 3, a)  # AAPL comes, GME and AMC go
            s.say("buy 1001 AAPL 225.50; expect rejected reason 0x31; buy 1000 AAPL 225.50; expect accepted")
            r.say("buy 401 AAPL 250; expect rejected reason 0x30; buy 1 AAPL 240; expect rejected reason 0x26")
            b.say("buy 1 AAPL 225.50; expect rejected reason 0x22; buy 1 GME 22.60; expect accepted")
            v.edit("profiles", lambda t: column(t, "CAREFUL", "max_exposure", "700000"))  # what is open counts
            v.process.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda: v.said().count("outcome=done") == 2)
            s.say("buy 500 AAPL 225.50; expect rejected reason 0x20; buy 100 AAPL 225.50; expect accepted")
            b.say("buy 1 GME 22.60; expect accepted")  # who is in stays in
            v.edit("accounts", lambda t: column(t, "ALFA02", "max_open_orders", "2"))  # one is open
            v.reload()
            r.say("buy 1 AAPL 225.50; expect accepted; buy 1 AAPL 225.50; expect rejected reason 0x20")
        client(v.port, "BRAV01", "buy 1 GME 22.60", code=2)
        client(other, "BRAV01", "buy 1 GME 22.60; expect accepted")


def test_ticks():
    with Reloaded("ticks") as v:
        client(v.port, "ALFA01", "buy 10 AAPL 225.51; expect accepted")
        v.edit("instruments", lambda t: copied(column(t, "AAPL", "tick", "0.005"), "MSFT", "ZNEW"))
        v.edit("conf", lambda t: t.replace("gateway:\n", "gateway:\n  heartbeat_ms: 900\n"))
        a = v.reload(code=3)  # the order stands in the way; the new one does not come either, nor what the config says
        check("the new tick" in a["text"] and "taken back" in a["text"] and a["applied"] == [], a)
        check(not any(row["symbol"] == "ZNEW" for row in v.rows("instruments")), "all or nothing")
        v.edit("instruments", lambda t: column(t, "AAPL", "tick", "0.025"))
        check("neither a multiple nor a part" in v.reload(code=3)["text"], "not while it runs")
        v.edit("instruments", lambda t: column(t, "AAPL", "tick", "0.05"))
        v.reload()
        client(v.port, "ALFA01", "buy 10 AAPL 225.51; expect rejected")
        client(v.port, "ALFA01", "buy 10 AAPL 225.55; expect accepted")


def test_operators_terms_stay():
    with Reloaded("kept") as v:
        subprocess.run([program("wirebook-ctl"), "--socket", v.socket, "--reason", "x", "instrument", "AAPL", "lot=7"], check=True)
        v.edit("instruments", lambda t: column(t, "AAPL", "lot", "50"))
        check(v.reload()["changes"]["instruments_kept"] == 1, "kept")
        check(next(row for row in v.rows("instruments") if row["symbol"] == "AAPL")["lot"] == 7, "his lot")


def test_disabled_is_cut():
    with Reloaded("cut") as v:
        env = dict(os.environ, WIREBOOK_PASSWORD="ALFA01PASS")
        held = subprocess.Popen([program("wirebook-client"), "--port", str(v.port), "--user", "ALFA01"], env=env,
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("a session", lambda: any(r["connected"] for r in v.rows("accounts")))
        v.edit("accounts", lambda t: column(t, "ALFA01", "enabled", "no"))
        v.reload()
        wait_for("its end", lambda: not any(r["connected"] for r in v.rows("accounts")))
        held.kill()
        held.wait()


def test_signal_without_a_socket():
    with Reloaded("hup", control=False) as v:
        v.edit("accounts", lambda t: copied(t, "BRAV01", "NEWB01"))
        v.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: "outcome=done" in v.said())
        client(v.port, "NEWB01", "buy 10 AAPL 225.50; expect accepted", password="BRAV01PASS")
        v.edit("accounts", lambda t: t + "boom\n")
        v.process.send_signal(signal.SIGHUP)
        wait_for("the refusal", lambda: "outcome=refused" in v.said())
        check(v.process.poll() is None, "it runs on")
        for _ in range(50):
            v.process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        client(v.port, "NEWB01", "buy 10 AAPL 225.50; expect accepted", password="BRAV01PASS")


run_tests(test_nothing_changes, test_accounts_and_instruments, test_passwords, test_config, test_wrong_files_change_nothing,
          test_ticks, test_operators_terms_stay, test_disabled_is_cut, test_profiles_lists_and_ports, test_signal_without_a_socket)
