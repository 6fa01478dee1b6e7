#!/usr/bin/env python3
"""Our own TCP on both ends: wirebook and its clients over shared memory (DPDK's net_memif), no kernel in between.

Trade, clients that come one after the other, 20,000 requests a second (100,000 for 10 s with WB_FULL=1), every answer checked.
wb-test: timeout=120 alone=yes
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dpdk_link  # noqa: E402
from dpdk_link import DpdkVenue, load, trade, wirebook_client  # noqa: E402
from clients import TMP, check  # noqa: E402

FULL = bool(os.environ.get("WB_FULL"))
SLOW = os.environ.get("WB_VARIANT") == "asan"
SOCKET = os.path.join(TMP, "memif.sock")
check(len(SOCKET) < 100, f"{SOCKET}: too long for a socket's name")


def device(role):
    return f"net_memif0,role={role},id=0,socket={SOCKET},socket-abstract=no"


venue = DpdkVenue("memif", device("server"))
dpdk_link.PAST_KERNEL[:] = ["--vdev", device("client"), "--address", "10.213.0.9/24"]
trade()
print("ok trade")
wirebook_client("CHAR01", "--soup", "4.1", "buy 100 AAPL 225.50 ioc", "expect cancelled reason I")
rate, seconds = (100000, 10) if FULL else (2000, 2) if SLOW else (20000, 3)
counted = load(rate, seconds)
check(counted["bench.unanswered"] == 0 and counted["bench.losses"] == 0, counted)
print(f"ok load: {counted['bench.achieved']:.0f} requests/s, p99 {counted['bench.all.p99_us']:.0f} us")
trade()
venue.stop()
print("ok end in order")
