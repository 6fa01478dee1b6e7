#!/usr/bin/env python3
"""wirebook on a virtual Ethernet link, Linux's TCP as the client: by AF_PACKET with one and two queues, and by AF_XDP.

On each: trade, 1,000 connections at once, closing in every order, and orders while 1 % and 5 % of all packets get lost in
both directions, every answer checked; 20,000 requests a second (for 20 s with WB_FULL=1). Without loss tshark finds nothing in the streams that is not explained.
wb-test: timeout=175
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import DpdkVenue, Namespaces, Sniffer, close_in_every_order, load, many_connections, trade  # noqa: E402
from clients import TMP, check  # noqa: E402

FULL = bool(os.environ.get("WB_FULL"))
SLOW = os.environ.get("WB_VARIANT") == "asan"
SENT_AGAIN, DUPLICATES = "wirebook_net_tcp_rtx_segments_total", "wirebook_net_tcp_duplicates_total"
DEVICES = [  # name, device, queues
    ("packet", "net_af_packet0,iface={},qdisc_bypass=1", 1),
    ("queues", "net_af_packet0,iface={},qdisc_bypass=1,qpairs=2", 2),
    ("xdp", "net_af_xdp0,iface={}", 1),
]


def without_loss(venue):
    """What tshark remarks on is explained: by tail-loss probes, ours or those of Linux, which a machine that is busy
    with other things provokes. Both sides count them."""
    sniffer = Sniffer(os.path.join(TMP, "flags.pcap"))
    before = {name: venue.metric(name) for name in (SENT_AGAIN, DUPLICATES)}
    trade()
    load(500, 2)
    sniffer.stop()
    known = {name: venue.metric(name) - value for name, value in before.items()}
    again = "(tcp.analysis.retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.fast_retransmission)"
    ours, theirs = (len(sniffer.frames(f"{again} && tcp.{end}port == 9000")) for end in ("src", "dst"))
    check(ours <= known[SENT_AGAIN], f"{ours} segments sent again, {known[SENT_AGAIN]} of them are known")
    check(theirs <= known[DUPLICATES], f"Linux sent {theirs} again, {known[DUPLICATES]} of them came twice")
    answers = "tcp.analysis.duplicate_ack"  # what is said to a probe
    check(len(sniffer.frames(answers)) <= ours + theirs, f"{sniffer.frames(answers)} for {ours} and {theirs} probes")
    rest = sniffer.frames(f"tcp.analysis.flags && !tcp.analysis.window_update && !{again} && !{answers}")
    check(not rest, "unexplained remarks of tshark:\n" + "\n".join(rest))
    # 0xffff is the other zero of this arithmetic; tshark calls it wrong.
    wrong = sniffer.frames("tcp.srcport == 9000 && (ip.checksum.status == 0 || "
                           "(tcp.checksum.status == 0 && tcp.checksum != 0xffff))")
    check(not wrong, "wrong checksums:\n" + "\n".join(wrong[:20]))
    check(len(sniffer.frames("tcp.srcport == 9000 && tcp.len > 0")) > 300, "something was captured")


def run(name, device, queues):
    net = Namespaces()
    venue = DpdkVenue(name, device.format(net.veth()), queues)
    net.enter()
    trade()
    many_connections(venue, 200 if SLOW else 1000)
    close_in_every_order(venue)
    if queues == 2:
        check(venue.metric("wirebook_port_rx_frames_total.*queue=\"1\"") > 100, "both queues were used")
    else:
        without_loss(venue)
        counted = load(2000 if SLOW else 20000, 20 if FULL else 3)
        check(counted["bench.unanswered"] == 0, counted)
        print(f"ok {name}: {counted['bench.achieved']:.0f} requests/s, p99 {counted['bench.all.p99_us']:.0f} us")
    for percent in (1, 5):
        net.lose(percent)
        counted = load(300, 3)
        lost = net.lost()
        net.lose(0)
        check(counted["bench.unanswered"] == 0 and counted["bench.accepted"] > 300, counted)
        check(len(lost) == 2 and min(lost) > percent, f"packets were lost in both directions: {lost}")
        print(f"ok {name}: {percent} % loss, {lost} packets lost, p99 {counted['bench.all.p99_us'] / 1000:.1f} ms")
    net.leave()
    venue.stop()
    net.remove()
    print("ok", name)


for row in DEVICES:
    run(*row)
