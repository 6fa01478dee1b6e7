#!/usr/bin/env python3
"""wirebook on a virtual Ethernet link, Linux's TCP as the client: by AF_PACKET with one queue, by AF_PACKET with two queues
and a gateway on a thread of its own for each, and by AF_XDP. With two gateways a session also moves between them while it trades.

On each: trade, 1,000 connections at once, closing in every order, and orders while 1 % and 5 % of all packets get lost in
both directions, every answer checked; 20,000 requests a second (for 20 s with WB_FULL=1). Without loss tshark finds nothing
in the streams that is not explained.
wb-test: timeout=175 alone=yes
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import (PORT, SERVER, DpdkVenue, Namespaces, close_in_every_order, connect, load, many_connections, trade,  # noqa: E402
                       under_loss, without_loss)
from clients import ACCOUNTS, check, program, start, wait_for  # noqa: E402

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


def moved_while_trading(venue):
    """A session logs in at whatever gateway its flow belongs to, again and again, while its orders and others' go on: who is cut
    off comes back, sends again what was not answered, and compares its whole stream with what it has seen."""
    before = venue.metric("wirebook_gateway_accounts_in_total")
    bench = start([program("wirebook-bench"), "--host", SERVER, "--port", str(PORT), "--accounts",
                   ",".join(f"{user}:{password}" for user, password in ACCOUNTS.items()), "--any-rate", "--rate", "1000",
                   "--seconds", "3", "--warmup", "0", "--symbols", "AAPL:225.50", "--reconnect", "--verify-replay"],
                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    login = b"\x00\x2fLALFA01ALFA01PASS" + b" " * 10 + b"0".rjust(20)
    taken, orders = 0, venue.metric("wirebook_gateway_commands_total")
    wait_for("orders", lambda: bench.poll() is not None or venue.metric("wirebook_gateway_commands_total") > orders + 500)
    end = time.monotonic() + 3  # who is cut off for ever never hears the answers behind its replay
    while bench.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
        with connect() as s:
            s.sendall(login)
            s.settimeout(5)
            taken += s.recv(33)[2:3] == b"A"
    said = bench.communicate()[0]
    check(bench.returncode == 0, f"{taken} logins took over: {said}")
    moves = venue.metric("wirebook_gateway_accounts_in_total") - before
    check(taken > 10 and moves > 5, f"{taken} logins took over, {moves} times at the other gateway")
    print(f"ok moved: {taken} logins took a session over, {moves:.0f} of its logins were at the other gateway")


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
        moved_while_trading(venue)
    under_loss(net, name)
    net.leave()
    venue.stop()
    net.remove()
    print("ok", name)


for row in DEVICES:
    run(*row)
