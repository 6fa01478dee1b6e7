#!/usr/bin/env python3
"""wirebook on a TAP device of DPDK, Linux's TCP as the client: log in, trade, 1,000 connections, close in every order, orders
under 1 % and 5 % loss in both directions, nothing for tshark to remark on without, end in order.

wb-test: timeout=120 alone=yes
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import (NAME, DpdkVenue, Namespaces, close_in_every_order, connect, many_connections, trade,  # noqa: E402
                       under_loss, without_loss)
from clients import check, wait_for  # noqa: E402

net = Namespaces()
venue = DpdkVenue("tap", f"net_tap0,iface={NAME}b")
net.adopt_tap()
net.enter()
trade()
print("ok trade")
many_connections(venue, 1000)
print("ok 1,000 connections")
close_in_every_order(venue)
print("ok close in every order")
without_loss(venue)
print("ok without loss")
under_loss(net, "tap")
check(venue.metric("wirebook_port_rx_frames_total") > 1000, "frames were counted")

# A session that is open when the venue ends hears of it: its stream's end comes before the FIN.
open_one = connect()
wait_for("it is taken", lambda: venue.metric("wirebook_gateway_sessions") == 1)
venue.stop()
open_one.settimeout(15)
check(open_one.recv(4096) == b"", "the venue's end closes connections in order")
print("ok end in order")
