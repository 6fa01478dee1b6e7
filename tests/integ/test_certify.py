#!/usr/bin/env python3
"""scripts/certify with config/certification.yaml: a client that does what each case asks has passed all of them, one that does
less is told what is left, and a script that makes no sense is refused.
wb-test: variants=release timeout=90
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, check, client, free_port, run_tests, start  # noqa: E402

SCRIPT = f"{ROOT}/config/certification.yaml"

# What a client does; each line is a case. Of one it is cut off: that is apart.
GOOD = """
buy 100 AAPL 220; expect accepted; cancel last; expect cancelled reason U
buy 200 AAPL 220; expect accepted; cancel last 100; expect cancelled reason U; cancel last; expect cancelled reason U
buy 300 AAPL 220; expect accepted; replace last auto 200 219; expect replaced; cancel last; expect cancelled reason U
buy 100 MSFT 410; expect accepted; expect executed
sell 300 MSFT 420; expect accepted; expect executed qty 100; expect executed qty 200
buy 400 MSFT 411; expect accepted; expect executed qty 200; expect cancelled reason S; wait 500ms
buy 500 MSFT 412; expect accepted; expect executed qty 500; wait 1
buy 100 NVDA 121.50 ioc; expect accepted; expect executed
buy 100 NVDA 120 ioc; expect accepted; expect cancelled reason I
buy 100 TSLA 210; expect accepted; wait 700ms; cancel last; expect cancelled reason U
buy 100 NOSUCH 10; expect rejected reason 0x17
buy 999999 AAPL 220; expect rejected reason 0x31
"""


def certify(*args, script=SCRIPT):
    port = free_port()
    process = start([f"{ROOT}/scripts/certify", script, "--port", str(port), *args], stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True)
    line = process.stdout.readline()
    return process, port, line


def test_all_passed():
    report = f"{TMP}/report.json"
    process, port, line = certify("--until-passed", "ALFA01", "--report", report)
    check("13 cases" in line, line)
    client(port, "ALFA01", "--script", "/dev/stdin", stdin=GOOD.replace(";", "\n"))
    client(port, "ALFA01", "buy 200 TSLA 210; expect accepted; wait 20s", code=3)
    client(port, "ALFA01", "query; cancel 14; expect cancelled reason U")
    out = process.communicate(timeout=30)[0]
    check(process.returncode == 0 and "ALFA01: 13 of 13 passed" in out, out)
    with open(report, encoding="utf-8") as file:
        found = json.load(file)
    check(len(found["ALFA01"]["passed"]) == 13 and not found["ALFA01"]["left"], found)


def test_what_is_left():
    process, port, _ = certify()
    client(port, "ALFA02", "buy 100 AAPL 220; expect accepted; cancel last; expect cancelled",
           "buy 100 MSFT 410; cancel last; wait 300ms")
    process.terminate()
    out = process.communicate(timeout=30)[0]
    check(process.returncode == 1, out)
    check("ALFA02: " in out and "passed  enter and cancel" in out and "OPEN    a broken trade: expected A E B, not tried" in out, out)


def test_scripts_that_make_no_sense():
    for text in ("cases: [{case: x}]", "cases: [{case: x, expect: A, when: {colour: red}}]", "cases: [{case: x, expect: A, then: [jump]}]",
                 "cases: {"):
        with open(f"{TMP}/bad.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        process, _, line = certify(script=f"{TMP}/bad.yaml")
        rest = process.communicate(timeout=30)[0]
        check(process.returncode == 2 and "certify: " in line + rest, line + rest)


run_tests(test_all_passed, test_what_is_left, test_scripts_that_make_no_sense)
