#!/usr/bin/env python3
"""wirebook-client and wirebook-bench against a small venue with planted faults: what they must notice, they notice."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import TMP, Fake, bench, check, client, messages, program, run_tests, start  # noqa: E402

TWO = {"A": "secret", "B": "Secret"}
QUICK = ["--symbols", "AAPL:150,MSFT:400", "--rate", "1000", "--seconds", "1", "--warmup", "0.3", "--drain", "1.5"]


def kinds(found):
    return [m["type"] for m in found]


def test_conversation():
    with Fake() as venue:
        client(venue.port, "FIRMB", "sell 300 AAPL 150; expect accepted ref 1")
        found = messages(venue.port, "FIRMA", "buy 100 AAPL 150.25 clordid HELLO", "expect next accepted ref last",
                         "expect next executed ref 1 qty 100 price 150", "buy 100 NONE 5; expect rejected reason 0x17",
                         "buy 100 AAPL 149", "replace last auto 200 149.50", "expect replaced ref 4 qty 200",
                         "cancel last 50; expect cancelled qty 150 reason U", "cancel last", "wait 1", "expect none")
        check(kinds(found) == ["system", "query", "accepted", "executed", "rejected", "accepted", "replaced",
                               "cancelled", "cancelled"], kinds(found))
        check([m["seq"] for m in found] == list(range(1, 10)), "sequence numbers without a gap")
        check(found[2]["clordid"] == "HELLO" and found[2]["symbol"] == "AAPL", found[2])
        check(found[4]["text"] == "invalid symbol", found[4])
        text = client(venue.port, "FIRMB", "--label", "B", "query; wait 1")
        check("accepted   ref 1" not in text and "executed   ref 1" in text, "only the most recent message is shown")
        text = client(venue.port, "FIRMB", "--seq", "1", "query; wait 1")
        check("executed   ref 1      100 @ 150.0000  added  match 1" in text, text)


def test_resume():
    state = os.path.join(TMP, "resume")
    with Fake() as venue:
        client(venue.port, "FIRMA", "--resume", state, "buy 100 AAPL 150; expect accepted")
        client(venue.port, "FIRMB", "sell 100 AAPL 150; expect executed")
        text = client(venue.port, "FIRMA", "--resume", state, "buy 100 MSFT 400; expect accepted ref 2")
        check(text.count("executed") == 1 and text.count("ref 1 ") == 1, text)
        client(venue.port, "FIRMB", "sell 100 MSFT 400; expect executed")
        client(venue.port, "FIRMA", "--resume", state, "--no-query", "expect next executed ref 2")
        client(venue.port, "OTHER", "--resume", state, "query", code=1)


def test_script_and_terminal():
    script = os.path.join(TMP, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write("# a comment\n\nbuy 100 AAPL 150\nexpect accepted\necho in between\ncancel last\nexpect cancelled")
    with Fake("--dribble") as venue:
        text = client(venue.port, "FIRMA", "--script", script)
        check("in between" in text and "cancelled" in text, text)
        text = client(venue.port, "FIRMA", "--soup", "4.1", stdin="buy 5 MSFT 400 ioc\nexpect cancelled reason I\n")
        check("immediate or cancel" in text, text)


def test_exit_codes():
    with Fake() as venue:
        client(venue.port, "FIRMA", "bye", code=1)
        client(venue.port, "FIRMA", "--port", "0", code=1)
        client(venue.port, "FIRMA", "query", password="wrong", code=2)
        client(venue.port, "FIRMA", "--session", "YESTERDAY", "query", code=2)
        client(venue.port, "FIRMA", "--seq", "99", "--no-query", "query", code=2)
        client(venue.port, "FIRMA", "--timeout", "200", "expect accepted", code=4)
        client(venue.port, "FIRMA", "buy 100 AAPL 150; expect next rejected", code=4)
        client(venue.port, "FIRMA", "buy 100 AAPL 150; expect none", code=4)
    client(venue.port, "FIRMA", "query", code=3)
    with Fake("--hang-up", "4") as venue:
        client(venue.port, "FIRMA", "buy 1 AAPL 150; wait 1; buy 1 AAPL 150; wait 5", code=3)
    for end, commands, code in ((3, "buy 100 AAPL 150; expect accepted", 0), (3, "buy 100 AAPL 150; expect accepted; expect executed", 3),
                                (3, "buy 100 AAPL 150; expect accepted; buy 100 AAPL 150", 3), (1, "buy 100 AAPL 150", 3)):
        with Fake("--end", str(end)) as venue:  # the day is over: nothing of what was left to do was done
            client(venue.port, "FIRMA", commands, code=code)


def test_bench():
    log = os.path.join(TMP, "acks")
    with Fake() as venue:
        found = bench(venue.port, TWO, *QUICK, "--verify-replay", "--ack-log", log)
        check(found["bench.all.count"] + found["bench.overtaken"] >= 1000, found)  # warm-up ones may be overtaken, too
        check(found["bench.enters"] == found["bench.accepted"] > 500, found)
        check(found["bench.fills"] > 0 and found["bench.replayed"] > 1000, found)
        check(found["bench.all.p50_us"] > 1, found)
        lines = [line.split() for line in open(log, encoding="ascii")]
        check(len(lines) == found["bench.messages"], "every message is in the log")
        for user in TWO:
            seqs = [int(seq) for name, seq, _ in lines if name == user]
            check(seqs == list(range(seqs[0], seqs[0] + len(seqs))), "the log has no gap")
        again = bench(venue.port, TWO, *QUICK, "--keep")  # the book was left empty, numbers go on
        check(again["bench.foreign"] == 0 and again["bench.enters"] > 500, again)
        third = bench(venue.port, TWO, *QUICK)
        check(third["bench.foreign"] > 0, "orders that were kept are somebody else's to the next run")


def test_bench_notices():
    for faults, code in ((["--lose", "300"], 4), (["--double", "300"], 4), (["--ignore-cancel", "100"], 4),
                         (["--deaf"], 3), (["--hang-up", "700"], 3)):
        with Fake(*faults) as venue:
            # nothing that a fill may overtake: it would excuse the fault
            bench(venue.port, TWO, *QUICK, "--mix", "50,40,10,0", code=code)
    with Fake() as venue:
        bench(venue.port, {"A": "secret", "B": "wrong"}, *QUICK, code=2)
    with Fake() as venue:  # what cannot be noted has not been seen
        bench(venue.port, TWO, *QUICK, "--ack-log", "/dev/full", code=1)
    bench(venue.port, TWO, *QUICK, code=3)
    bench(venue.port, TWO, "--mix", "50,50,50,50", code=1)


def test_bench_reconnects():
    with Fake("--hang-up", "700") as venue:
        found = bench(venue.port, TWO, *QUICK, "--reconnect", "--verify-replay")
        check(found["bench.losses"] == 2 and found["bench.unanswered"] == 0, found)
    with Fake("--hang-up", "700") as venue:  # who spins makes requests before they are due
        found = bench(venue.port, TWO, *QUICK, "--reconnect", "--verify-replay", "--spin")
        check(found["bench.losses"] == 2 and found["bench.unanswered"] == 0, found)
    with Fake("--hang-up", "700", "--forget", "200") as venue:
        bench(venue.port, TWO, *QUICK, "--reconnect", "--verify-replay", code=4)


def test_bench_interrupted():
    """What was asked is answered and cancelled all the same; half the time a request is ready that is not due yet."""
    for spin in ([], ["--spin"]):
        with Fake() as venue:
            process = start([program("wirebook-bench"), "--port", str(venue.port), "--accounts", "A:secret,B:secret", "--lines", "--any-rate",
                             *QUICK, "--rate", "25000", "--seconds", "60", "--drain", "40", *spin], stdout=subprocess.PIPE, text=True)
            time.sleep(1)  # our venue is ten times as slow: the answers take longer than that
            process.send_signal(signal.SIGINT)
            found = dict(line.split()[:2] for line in process.communicate(timeout=60)[0].splitlines())
            check(process.returncode == 0, f"{spin}: exit code {process.returncode}, {found}")
            check(found["bench.unanswered"] == "0" and int(found["bench.enters"]) > 1000, found)


run_tests(test_conversation, test_resume, test_script_and_terminal, test_exit_codes, test_bench, test_bench_notices,
          test_bench_reconnects, test_bench_interrupted)
