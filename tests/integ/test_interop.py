#!/usr/bin/env python3
"""A client that others wrote talks to a real venue: PyPI's nasdaq-protocols, installed by this test into build/interop. It
left-justifies its login's fields and has heartbeats of its own. Log in, trade, come back for the rest, be refused."""
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, Venue, check, client, run_tests  # noqa: E402

PACKAGE = "nasdaq-protocols==1.3.0"
HOME = os.path.join(ROOT, "build", "interop")

# Runs in the environment of the package; speaks of what it sees in lines.
THEIRS = r'''
import asyncio, sys
from nasdaq_protocols import soup

async def main(port, user, password, sequence, orders):
    seen = asyncio.Queue()
    async def on_message(message):
        await seen.put(message)
    try:
        session = await soup.connect_async(("127.0.0.1", port), user, password, sequence=sequence, on_msg_coro=on_message,
                                           client_heartbeat_interval=1, server_heartbeat_interval=3)
    except ConnectionRefusedError:
        print("refused")
        return
    print("session", session.session_id.session, session.sequence)
    for order in orders:
        session.send_unseq_data(bytes.fromhex(order))
    while True:
        try:
            message = await asyncio.wait_for(seen.get(), 4)  # longer than its idea of a silent server
        except asyncio.TimeoutError:
            break
        if isinstance(message, soup.SequencedData):
            print("message", message.data.hex())
    session.logout()

asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:]))
'''


def install():
    """Returns the interpreter that has the package. What cannot be had is a failure, with its reason."""
    python = os.path.join(HOME, "bin", "python")
    done = os.path.join(HOME, PACKAGE)
    if not os.path.exists(done):
        for command in (["/usr/bin/python3", "-m", "venv", HOME], [python, "-m", "pip", "-q", "install", PACKAGE]):
            run = subprocess.run(command, capture_output=True, text=True, timeout=180)
            check(run.returncode == 0, f"{' '.join(command)}: {run.stdout}{run.stderr}")
        open(done, "w", encoding="utf-8").close()
    return python


def theirs(python, port, user, password, sequence, *orders):
    run = subprocess.run([python, "-c", THEIRS, str(port), user, password, str(sequence), *(o.hex() for o in orders)],
                         capture_output=True, text=True, timeout=60)
    check(run.returncode == 0, run.stdout + run.stderr)
    return [line.split() for line in run.stdout.splitlines()]


def enter(ref, side, qty, price):
    return struct.pack(">cIcI8sQccccc14sH", b"O", ref, side, qty, b"AAPL    ", price, b"0", b"Y", b"A", b"N", b"N",
                       b"INTEROP".ljust(14), 0)


def test_nasdaq_protocols():
    python = install()
    with Venue("interop") as venue:
        client(venue.port, "BRAV01", "sell 100 AAPL 225.50; expect accepted")
        first = theirs(python, venue.port, "ALFA01", "ALFA01PASS", 1, enter(1, b"B", 100, 2255000), enter(2, b"B", 50, 2250000))
        check(first[0][0] == "session" and first[0][1].endswith("01") and int(first[0][2]) == 0, first)
        kinds = "".join(chr(int(word[1][:2], 16)) for word in first[1:])
        check(kinds == "SAEA", f"what it saw: {kinds}")
        again = theirs(python, venue.port, "alfa01", "alfa01pass", 3)  # case does not matter; from the third message on
        check([w[1] for w in again[1:]] == [w[1] for w in first[3:]], f"{again} after {first}")
        check(theirs(python, venue.port, "ALFA01", "WRONG", 1) == [["refused"]], "a wrong password")
        check(theirs(python, venue.port, "ALFA01", "ALFA01PASS", 100) == [["refused"]], "a number still to come")


run_tests(test_nasdaq_protocols)
