#!/usr/bin/env python3
"""wirebook on a virtual Ethernet link, Linux's TCP as the client: by AF_PACKET with one and two queues, and by AF_XDP.

On each: trade, 1,000 connections at once, closing in every order, and orders while 1 % and 5 % of all packets get lost in
both directions, every answer checked; 20,000 requests a second (for 20 s with WB_FULL=1). Without loss tshark finds nothing
in the streams that is not explained.
wb-test: timeout=175
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import (DpdkVenue, Namespaces, close_in_every_order, load, many_connections, trade, under_loss,  # noqa: E402
                       without_loss)
from clients import check  # noqa: E402

FULL = bool(os.environ.get("WB_FULL"))
SLOW = os.environ.get("WB_VARIANT") == "asan"
DEVICES = [  # name, device, queues
    ("packet", "net_af_packet0,iface={},qdisc_bypass=1", 1),
    ("queues", "net_af_packet0,iface={},qdisc_bypass=1,qpairs=2", 2),
    ("xdp", "net_af_xdp0,iface={}", 1),
]


def run(name, device, queues):
    net = Namespaces()
    venue = DpdkVenue(name, device.format(net.veth()), queues)
    net.enter()
    trade()
    many_connections(venue, 200 if SLOW else 1000)
    close_in_every_order(venue)
    without_loss(venue)
    counted = load(2000 if SLOW else 20000, 20 if FULL else 3)
    check(counted["bench.unanswered"] == 0, counted)
    print(f"ok {name}: {counted['bench.achieved']:.0f} requests/s, p99 {counted['bench.all.p99_us']:.0f} us")
    if queues == 2:
        check(venue.metric("wirebook_port_rx_frames_total.*queue=\"1\"") > 100, "both queues were used")
    under_loss(net, name)
    net.leave()
    venue.stop()
    net.remove()
    print("ok", name)


for row in DEVICES:
    run(*row)
