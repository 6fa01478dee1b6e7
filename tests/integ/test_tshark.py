#!/usr/bin/env python3
"""A real conversation, decoded by somebody else: Debian's tshark finds no malformed frame in what client and venue say,
and counts the SoupBinTCP packets that were to be said. Captured on the loopback, or by a relay where that is forbidden."""
import collections
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ACCOUNTS, TMP, Venue, bench, check, client, messages  # noqa: E402
from wire import Capture, Relay  # noqa: E402

PCAP = os.path.join(TMP, "conversation.pcap")


def talk(port):
    """Every packet type and every OUCH type of the spine. Returns how many sequenced messages clients saw."""
    seen = 0
    seen += len(messages(port, "ALFA01", "sell 300 AAPL 225.50 clordid REST", "expect accepted ref 1"))
    seen += len(messages(port, "BRAV01", "--soup", "4.1", "buy 100 AAPL 225.50; expect executed", "buy 100 AAPL 225.40",
                         "expect accepted", "replace last auto 200 225.45; expect replaced", "cancel last 100",
                         "expect cancelled", "cancel last; expect cancelled", "buy 100 NONE 10; expect rejected",
                         "buy 200000 AAPL 225; expect rejected", "buy 100 AAPL 150; expect rejected",
                         "buy 300 AAPL 225.50 ioc; expect executed; expect cancelled reason I"))
    client(port, "CHAR01", "query", password="nonsense", code=2)
    seen += len(messages(port, "ALFA01", "--seq", "1", "--no-query", "wait 3500ms"))
    return seen


def tshark(*args):
    run = subprocess.run(["tshark", "-r", PCAP, "-d", f"tcp.port=={venue.port},soupbintcp", *args],
                         capture_output=True, text=True)
    check(run.returncode == 0, run.stderr)
    return run.stdout


def packet_types():
    """{(to the venue?, letter): packets}."""
    out = tshark("-Y", "soupbintcp", "-T", "fields", "-e", "tcp.dstport", "-e", "soupbintcp.packet_type")
    counts = collections.Counter()
    for line in out.splitlines():
        port, letters = line.split("\t")
        for letter in letters.split(","):
            counts[port == str(venue.port), letter.strip("'")] += 1
    return counts


with Venue() as venue:
    capture = Capture(PCAP, venue.port)
    relay = None if capture.allowed else Relay(venue.port)
    seen = talk(relay.port if relay else venue.port)
    load = bench(relay.port if relay else venue.port, {u: ACCOUNTS[u] for u in ("ALFA02", "CHAR01")},
                 "--rate", "500", "--seconds", "1", "--warmup", "0")
    time.sleep(0.2)
    if relay:
        relay.write(PCAP)
    else:
        capture.stop()

print("captured by", "a relay" if relay else "tshark on the loopback")
for bad in ("_ws.malformed", "soupbintcp.req_seq_num.invalid || soupbintcp.next_seq_num.invalid",
            "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"):
    found = tshark("-Y", bad)
    check(found == "", f"{bad}:\n{found}")
counts = packet_types()
print(", ".join(f"{'->' if to else '<-'} {letter} {n}" for (to, letter), n in sorted(counts.items())))
# ALFA01's second visit asks for the stream from 1, without a query and so with one login.
check(counts[True, "L"] == 4 + 2, "logins")
check(counts[False, "A"] == 3 + 2, "accepted logins")
check(counts[False, "J"] == 1, "rejected logins")
check(counts[True, "O"] == 3 + 2, "logouts")
check(counts[True, "R"] >= 2 and counts[False, "H"] >= 2, "heartbeats both ways")
check(counts[False, "S"] == seen + load["bench.messages"], f"sequenced packets: clients saw {seen} and the bench more")
requests = load["bench.enters"] + load["bench.cancels"] + load["bench.replaces"]
check(counts[True, "U"] >= requests + 12, "requests")
check(not [key for key in counts if key[1] not in "LAJSUHROZ"], "no other packet type")
print("ok", sum(counts.values()), "packets,", len(tshark("-T", "fields", "-e", "frame.number").split()), "frames")
