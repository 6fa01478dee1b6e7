#!/usr/bin/env python3
"""wirebook on a virtual Ethernet link, Linux's TCP as the client: by AF_PACKET with one queue, by AF_PACKET with two queues
and a gateway on a thread of its own for each, and by AF_XDP.

On each: trade, 1,000 connections at once, closing in every order, and orders while 1 % and 5 % of all packets get lost in
both directions, every answer checked; 20,000 requests a second (for 20 s with WB_FULL=1). Without loss tshark finds nothing
in the streams that is not explained.
wb-test: timeout=175 alone=yes
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import (DpdkVenue, Namespaces, close_in_every_order, load, many_connections, trade, under_loss,  # noqa: E402
                       without_loss)
from clients import check  # noqa: E402

FULL = bool(os.environ.get("WB_FULL"))
SLOW = os.environ.get("WB_VARIANT") == "asan"
DEVICES = [  # name, device, queues and gateways
    ("packet", "net_af_packet0,iface={},qdisc_bypass=1", 1),
    ("queues", "net_af_packet0,iface={},qdisc_bypass=1,qpairs=2", 2),
    ("xdp", "net_af_xdp0,iface={}", 1),
]


def each_where_it_belongs(venue):
    """The kernel spreads flows by a hash of its own: half of them come to the wrong gateway, which hands them over."""
    for i in range(2):
        check(venue.metric(f'wirebook_port_rx_frames_total.*queue="{i}"') > 1000, "both queues were used")
        accepted = venue.metric(f'wirebook_net_tcp_accepted_total.*gateway="{i}".*')
        check(accepted > (50 if SLOW else 300), f"gateway {i} has its share of the connections: {accepted}")
        check(venue.metric(f'wirebook_handover_frames_out_total.*gateway="{i}"') > 500, "frames were handed over")
    names = "handover_frames_out", "handover_frames_in", "handover_dropped", "port_rx_misrouted"
    handed, taken, dropped, strays = (venue.metric(f"wirebook_{name}_total") for name in names)
    check(handed == taken, f"{handed} frames were handed over, {taken} arrived")
    check(strays == handed + dropped, f"{strays} frames of others came, {handed} were handed over, {dropped} dropped")
    print(f"ok queues: {handed:.0f} frames were handed over")


def run(name, device, queues):
    net = Namespaces()
    venue = DpdkVenue(name, device.format(net.veth()), queues, queues)
    net.enter()
    trade()
    many_connections(venue, 200 if SLOW else 1000)
    close_in_every_order(venue)
    without_loss(venue)
    counted = load(2000 if SLOW else 20000, 20 if FULL else 3)
    check(counted["bench.unanswered"] == 0, counted)
    print(f"ok {name}: {counted['bench.achieved']:.0f} requests/s, p99 {counted['bench.all.p99_us']:.0f} us")
    if queues == 2:
        each_where_it_belongs(venue)
    under_loss(net, name)
    net.leave()
    venue.stop()
    net.remove()
    print("ok", name)


for row in DEVICES:
    run(*row)
