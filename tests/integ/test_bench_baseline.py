#!/usr/bin/env python3
"""The baseline gateway is right: every order answered once, fills on both sides, with either durability."""
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import TMP, check, program, run_tests  # noqa: E402

JOURNAL = os.path.join(TMP, "baseline.journal")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("bench-baseline does not listen")


def load(durability):
    port = free_port()
    baseline = subprocess.Popen([program("bench-baseline"), str(port), durability, JOURNAL])
    try:
        wait_for(port)
        run = subprocess.run([program("wirebook-bench"), "--port", str(port), "--accounts", "A:SECRET,B:SECRET,C:SECRET",
                              "--symbols", "AAPL:150,IBM:99", "--rate", "2000", "--seconds", "1", "--warmup", "0.2", "--any-rate",
                              "--lines"], capture_output=True, text=True, timeout=60)
    finally:
        baseline.terminate()
        ended = baseline.wait(20)
    check(run.returncode == 0, f"wirebook-bench: {run.returncode}\n{run.stdout}{run.stderr}")
    check(ended == 0, f"bench-baseline ended with {ended}")
    found = {name: float(value) for name, value, _ in (line.split() for line in run.stdout.splitlines())}
    check(found["bench.enters"] > 500 and found["bench.accepted"] == found["bench.enters"], "every order is accepted")
    check(found["bench.fills"] > 0, "orders trade")
    return found


def test_none():
    load("none")


def test_disk():
    """The file begins with transaction 1, the start; and nobody hears of anything faster than a device can be."""
    found = load("disk")
    with open(JOURNAL, "rb") as file:
        kind, _, _, _, seq = struct.unpack("<BBHIQ", file.read(16))
    check((kind, seq) == (1, 1), f"type {kind}, transaction {seq}")
    check(found["bench.all.min_us"] > 20, "no answer is faster than a device can be")


def test_usage():
    for args in ([], ["9000", "sometimes", JOURNAL]):
        done = subprocess.run([program("bench-baseline"), *args], capture_output=True, text=True)
        check(done.returncode == 2 and "PORT none|disk FILE" in done.stderr, f"{args}: {done.returncode}")


run_tests(test_none, test_disk, test_usage)
