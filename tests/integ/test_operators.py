#!/usr/bin/env python3
"""Every command of wirebook-ctl: who may not is refused, what makes no sense is answered with its usage, what is asked is in the journal
and in PostgreSQL with who, why and what came of it, refusals included. One table has them all, and is held against --help.
wb-test: timeout=120
"""
import json
import os
import pwd
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, program, run_tests  # noqa: E402
from databases import Databases  # noqa: E402

DONE, USAGE, UNREACHABLE, REFUSED, NOTHING, DENIED, TIMEOUT, NOT_CONFIRMED = range(8)
VIEWER, OPERATOR, ADMIN = "daemon", "bin", "sys"

# role, name: what is asked and the message that it becomes ("": a look); what is refused and why; what makes no sense
COMMANDS = [
    (VIEWER, "status", [([], "")], [], [["x"]]),
    (VIEWER, "sessions", [([], "")], [], [["ALFA01"]]),
    (VIEWER, "accounts", [([], "")], [], [["ALFA01"]]),
    (VIEWER, "instruments", [([], "")], [], [["AAPL"]]),
    (VIEWER, "profiles", [([], "")], [], [["x=1"]]),
    (VIEWER, "lists", [([], "")], [], [["x"]]),
    (VIEWER, "metrics", [([], "")], [], [["x"]]),
    (VIEWER, "stages", [([], "")], [], [["x"]]),
    (VIEWER, "request", [], [(["4711"], None)], [[], ["x"], ["-1"], ["0"]]),
    (VIEWER, "top", [], [], [["x"]]),
    (OPERATOR, "disable", [(["BRAV01"], "CMD_BAR")], [(["NOBODY"], "no such account")], [[], ["TOOLONG"], ["A", "B"], ["A;B"]]),
    (OPERATOR, "enable", [(["BRAV01"], "CMD_UNBAR")], [(["NOBODY"], "no such account")], [[], ["TOOLONG"]]),
    (OPERATOR, "disconnect", [(["CHAR01"], "CMD_EXPEL")], [(["NOBODY"], "no such account")], [[], ["A", "B"]]),
    (OPERATOR, "halt", [(["MSFT"], "CMD_PHASE")], [(["QQQQ"], "no such instrument")], [[], ["NINECHARS"], ["A", "B"]]),
    (OPERATOR, "resume", [(["MSFT"], "CMD_PHASE")], [(["QQQQ"], "no such instrument")], [[], ["A", "B"]]),
    (OPERATOR, "phase", [(["all", "X"], "CMD_PHASE"), (["all", "T", "wide"], "CMD_PHASE")], [(["QQQQ", "T"], "no such instrument")],
     [[], ["all"], ["AAPL", "Q"], ["AAPL", "T", "never"]]),
    (OPERATOR, "restrict", [(["AAPL", "user", "ALFA01"], "CMD_LISTED"), (["AAPL", "venue", "short"], "CMD_LISTED")],
     [(["QQQQ", "venue"], "no such instrument")], [[], ["AAPL"], ["AAPL", "user"], ["AAPL", "venue", "long"]]),
    (OPERATOR, "unrestrict", [(["AAPL", "user", "ALFA01"], "CMD_LISTED"), (["AAPL", "venue", "short"], "CMD_LISTED")],
     [(["QQQQ", "venue"], "no such instrument")], [[], ["AAPL"]]),
    (OPERATOR, "kill", [(["user", "ALFA02"], "CMD_KILL")], [(["user", "NOBODY"], "no such account")], [[], ["ALFA01"], ["user"], ["firm", "TOOLONG"]]),
    (OPERATOR, "restore", [(["user", "ALFA02"], "CMD_RESTORE")], [(["user", "NOBODY"], "no such account")], [[], ["desk", "x"]]),
    (ADMIN, "instrument", [(["ZZZZ", "tick=100", "lot=10", "reference=500000"], "CMD_INSTRUMENT")], [(["ZZZY", "tick=0", "lot=1"], "impossible values")],
     [[], ["ZZZZ", "tick=x"], ["ZZZZ", "colour=3"], ["ZZZZ", "tick=-1"]]),
    (ADMIN, "limits", [(["user", "ALFA01", "daily=99999999999"], "CMD_LIMIT")], [(["user", "NOBODY", "daily=1"], "no such account")],
     [[], ["venue"], ["user", "ALFA01", "daily=much"], ["user", "ALFA01", "speed=3"]]),
    (ADMIN, "profile", [(["CARE", "qty=5"], "CMD_PROFILE")], [(["CARE", "base=NONESUCH"], "no such profile")], [[], ["CARE", "qty=x"], ["CARE", "forbid=trading"]]),
    (ADMIN, "checks", [(["ALFA01", "qty=500", "forbid=iso"], "CMD_CHECKS")], [(["NOBODY", "qty=5"], "no such account")],
     [[], ["ALFA01", "qty=x"], ["ALFA01", "forbid=trading"]]),
    (ADMIN, "break", [([None, "E"], "CMD_BREAK")], [(["99999", "E"], "no such trade")], [[], ["x", "E"], ["1"], ["1", "Q"], ["0", "E"]]),
    (ADMIN, "reload", [([], None)], [], [["now"]]),
    (ADMIN, "snapshot", [([], "CMD_NOTE")], [], [["now"]]),
    (ADMIN, "day-end", [([], "CMD_DAY_END")], [([], "no trading day is open")], [["now"]]),
    (ADMIN, "drain", [([], "CMD_NOTE")], [], [["now"]]),
]
BY_NAME = {row[1]: row for row in COMMANDS}
FORBIDDEN = {VIEWER: 0, OPERATOR: 0}  # so many requests were refused by role
ROLES = {VIEWER: 0, OPERATOR: 1, ADMIN: 2}


class Desk(Venue):
    def __init__(self, more):
        os.chmod(TMP, 0o755)
        self.socket = os.path.join(TMP, "desk.sock")
        super().__init__("desk", f"control: {{socket: {self.socket}, viewers: {VIEWER}, operators: {OPERATOR}, admins: {ADMIN}}}\n" + more)

    def ctl(self, user, *args):
        run = subprocess.run(["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups", program("wirebook-ctl"),
                              "--socket", self.socket, "--yes", "--json", *args], capture_output=True, text=True, timeout=30)
        return run.returncode, run.stdout + run.stderr


def help_names():
    text = subprocess.run([program("wirebook-ctl"), "--help"], capture_output=True, text=True).stdout
    looks = text[text.index("Looking"):text.index("Options:")]
    return set(re.findall(r"^  ([a-z][a-z-]+)\b", looks, re.M))


def test_table():
    check(help_names() == {name for _, name, *_ in COMMANDS}, help_names() ^ {name for _, name, *_ in COMMANDS})


DOCUMENTS = ("README.md", "gateway/README.md", "config/aws/README.md", "config/prometheus/alerts.yaml", "config/systemd/wirebook.service")


def test_documents():
    """Each command of wirebook-ctl that a document tells is one: nobody listens here, so it comes as far as that, and not to its usage."""
    found = set()
    for name in DOCUMENTS:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            found |= set(re.findall(r"wirebook-ctl ((?:--reason (?:'[^']*'|\w+) )?[a-z][a-z-]*(?: [a-zA-Z0-9=]+)*)[ ]*(?:[`\"#]|$)", file.read(), re.M))
    check(len(found) >= 6, found)
    for words in found:
        run = subprocess.run([program("wirebook-ctl"), "--socket", f"{TMP}/nobody", "--yes", *shlex.split(words)]
                             + (["--once"] if words == "top" else []), capture_output=True, text=True, timeout=10)
        check(run.returncode == UNREACHABLE, f"{words}: {run.returncode} {run.stderr}")


def forbidden(v, role, name, args):
    """Whoever has less than `role` is told so, before anything is done."""
    for user in [u for u in ROLES if ROLES[u] < ROLES[role]]:
        code, text = v.ctl(user, "--reason", "mine", name, *args)
        FORBIDDEN[user] += 1
        check(code == DENIED and "wants the role" in text and user in text, f"{name} by {user}: {code} {text}")


def senseless(v, role, name, wrong):
    """Answered with what is wrong and what is right: by the program with its usage, or by the venue in a sentence."""
    for args in wrong:
        code, text = v.ctl(role, "--reason", "x", name, *args)
        check(code == USAGE and len(text) > 20, f"{name} {args}: {code} {text}")
        check(f"  {name}" in text or "--help says more" in text or text.startswith("{") and json.loads(text)["text"], f"{name} {args}: {text}")
    if role != VIEWER:
        code, text = v.ctl(role, name, *["1" if a is None else a for a in BY_NAME[name][2][0][0]])
        check(code == USAGE and "a reason is wanted" in text, f"{name} without a reason: {code} {text}")


def test_every_command():
    databases = Databases(os.path.join(TMP, "services"))
    try:
        with Desk(databases.export("desk")) as v:
            os.chmod(v.socket, 0o666)
            client(v.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
            client(v.port, "BRAV01", "sell 100 AAPL 220; expect accepted; expect executed")
            client(v.port, "CHAR01", "buy 100 AAPL 219; expect accepted")
            journal = subprocess.run([program("wirebook-journal"), "print", f"{v.dir}/data"], capture_output=True, text=True).stdout
            match = re.search(r"EV_EXECUTED.* match=(\d+)", journal)[1]
            asked = []  # (who, why, message, outcome, text)
            for role, name, good, refused, wrong in COMMANDS:
                for args, message in good:
                    args = [match if a is None else a for a in args]
                    forbidden(v, role, name, args)
                    if name == "drain":
                        senseless(v, role, name, wrong)
                    why = f"because of {name} {len(asked)}"
                    code, text = v.ctl(role, "--reason", why, name, *args)
                    check(code in (DONE, NOTHING), f"{name} {args}: {code} {text}")
                    answer = json.loads(text)
                    if message:
                        check(answer["seq"] > 0 and answer["request"] > 0, answer)
                        asked.append((role, why, message, "done" if code == DONE else "nothing", ""))
                if name != "drain":
                    senseless(v, role, name, wrong)
                for args, why_not in refused:
                    why = f"refused {name} {len(asked)}"
                    code, text = v.ctl(role, "--reason", why, name, *args)
                    check(code == REFUSED and (why_not is None or why_not in text), f"{name} {args}: {code} {text}")
                    if why_not:
                        asked.append((role, why, None, "refused", why_not))
            check(v.process.wait(20) == 0, "drained")
            check(len(asked) >= 25, asked)
            in_journal(v, asked)
            in_postgres(databases, asked)
    finally:
        databases.call("stop")


def sql(databases, query):
    run = subprocess.run(["psql", "-XAtqc", query], capture_output=True, text=True, env=databases.env)
    check(run.returncode == 0, run.stderr)
    return run.stdout.strip()


def in_journal(v, asked):
    text = subprocess.run([program("wirebook-journal"), "print", f"{v.dir}/data"], capture_output=True, text=True).stdout
    for role, why, _, _, _ in asked:
        found = [line for line in text.splitlines() if "CMD_OPERATOR" in line and f'reason="{why}"' in line]
        check(len(found) == 1 and f'user="{role}" uid={pwd.getpwnam(role).pw_uid} role={ROLES[role] + 1} ' in found[0], (why, found))
    notes = [line for line in text.splitlines() if "CMD_OPERATOR" in line and 'reason="mine"' in line]
    for user in (VIEWER, OPERATOR):
        mine = [line for line in notes if f'user="{user}"' in line]
        check(len(mine) == FORBIDDEN[user] > 8 and all(" carries=CMD_NOTE what=5 command=" in line and " why=13 text=" in line for line in mine), (user, mine))
    check(f'command="halt" of="MSFT" why=13 text="halt wants the role operator; {VIEWER} has viewer" unnoted=0' in " ".join(notes), notes)


def in_postgres(databases, asked):
    for role, why, message, outcome, why_not in asked:
        row = sql(databases, f"select user_name, uid, role, command, outcome, why from operator_requests where reason = '{why}'").split("|")
        name = ("viewer", "operator", "admin")[ROLES[role]]
        check(row[:3] == [role, str(pwd.getpwnam(role).pw_uid), name], (why, row))
        check((message is None or row[3] == message) and row[4] == outcome, (why, row))
        check(why_not in row[5] or why_not == "no such trade", (why, row))
    row = sql(databases, f"select command, note, asked, answered, outcome, why, role from operator_requests where user_name = '{VIEWER}' and asked = 'halt MSFT'")
    check(row == f"CMD_NOTE|refused|halt MSFT|halt wants the role operator; {VIEWER} has viewer|refused|the role does not allow it|viewer", row)


run_tests(test_table, test_documents, test_every_command)
