#!/usr/bin/env python3
"""Our TCP against Linux's in what seldom happens: a narrow link behind a router, the same 4-tuple again, silence.

The venue's own interface takes 1,200 bytes. Path MTU: the router's far link takes 800 bytes, so it answers larger packets by ICMP, and a long replay must get through.
TIME_WAIT: the venue closes first and the client comes back from the same port at once. Keepalive: Linux answers our probes,
and a connection over which nothing is said lives on.
wb-test: variants=release timeout=90 alone=yes
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import NAME, PORT, SERVER, DpdkVenue, Namespaces, connect, load, read_login, run  # noqa: E402
from clients import ACCOUNTS, check, wait_for  # noqa: E402
from soup import login  # noqa: E402

NARROW = 800


def replay(user):
    """Logs in, has the whole stream replayed, and returns its bytes and how long that took."""
    with connect() as s:
        began, got = time.monotonic(), 0
        s.sendall(login(user, ACCOUNTS[user]))
        s.settimeout(5)
        while True:
            data = s.recv(65536)
            got += len(data)
            if not data or data.endswith(b"\0\1H"):  # a heartbeat comes when all of it is through
                return got, time.monotonic() - began


def path_mtu():
    load(1000, 2)  # something to replay
    before, _ = replay("ALFA01")
    check(before > 20000, f"a replay of {before} bytes is long enough")
    check(venue.metric("wirebook_net_icmp_errors_total") == 0, "no complaint so far")
    run("ip", "-n", net.router, "link", "set", NAME + "x", "mtu", str(NARROW))
    after, took = replay("ALFA01")
    errors = venue.metric("wirebook_net_icmp_errors_total")
    run("ip", "-n", net.router, "link", "set", NAME + "x", "mtu", "1500")
    check(after >= before - 200, f"{after} bytes came through {NARROW}, {before} before")
    check(errors >= 1, "the router complained")
    print(f"path MTU: {after} bytes in {took:.2f} s, {errors:.0f} ICMP messages")
    check(took < 5, "it did not crawl")


def same_port_again():
    cut = venue.metric("wirebook_net_tcp_time_wait_cut_total")
    port = None
    for _ in range(5):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(15)
        s.bind(("10.213.1.2", port or 0))
        began = time.monotonic()
        s.connect((SERVER, PORT))
        check(time.monotonic() - began < 0.9, "the first SYN is answered, not one that is sent again")
        port = s.getsockname()[1]
        s.sendall(login("ALFA01", "NONSENSE"))
        check(read_login(s) == b"J", "a wrong password is rejected")
        while s.recv(4096):  # the venue closes first, so TIME_WAIT is its
            pass
        s.close()
        time.sleep(0.05)
    wait_for("each but the first reused a TIME_WAIT",
             lambda: venue.metric("wirebook_net_tcp_time_wait_cut_total") - cut >= 4)


def silence():
    before = venue.metric("wirebook_net_tcp_keepalives_total")
    with connect() as s:
        time.sleep(3.5)  # no login: the venue says nothing, and neither do we
        probes = venue.metric("wirebook_net_tcp_keepalives_total") - before
        check(probes >= 2, f"{probes} probes in 3.5 s of silence")
        s.sendall(login("ALFA01", ACCOUNTS["ALFA01"]))
        check(read_login(s) == b"A", "it is still open")
    check(venue.metric("wirebook_net_tcp_timed_out_total") == 0, "all of them were answered")


net = Namespaces()
device = net.veth()
run("ip", "link", "set", device, "mtu", "1200")  # nothing larger leaves it, and nobody complains: the venue must know by itself
venue = DpdkVenue("path", f"net_af_packet0,iface={device},qdisc_bypass=1", dpdk=", keepalive_ms: 1000")
net.enter()
for part in (path_mtu, same_port_again, silence):
    part()
    print(f"ok {part.__name__}", flush=True)
net.leave()
venue.stop()
net.remove()
