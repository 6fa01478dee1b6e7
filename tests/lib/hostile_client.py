#!/usr/bin/env python3
"""Clients that wish a venue ill, over kernel sockets from addresses of their own.

    hostile_client.py PORT SECONDS USER:PASSWORD...

Each kind has its own 127.0.66.N. Some connect and say nothing; some send garbage, or half a frame, and wait; some reset in
the middle of a frame; the accounts log in and then either flood or never read what they are sent. What is closed is opened
again. The last line says how often each kind did its worst.
"""
import collections
import random
import selectors
import socket
import struct
import sys
import time

from soup import enter, login, packet

KINDS = ("silent", "garbage", "half", "reset", "flood", "deaf")
STRANGERS = 40  # open at a time, of each kind without an account
PATIENCE_S = 1  # of a kind that waits, before it tries again
BURST = 1 << 16  # bytes that a flooder hands to the kernel at once


def order(ref):
    """A valid order far from the market: it is accepted and cancelled."""
    return packet(b"U", enter(ref, price=1400000, tif=b"3"))


class Attacker:
    """One connection at a time of one kind."""

    def __init__(self, kind, port, account=None):
        self.kind, self.port, self.account = kind, port, account
        self.sock, self.since, self.ref, self.rest = None, 0, 1, b""

    def open(self, selector, now):
        self.sock = socket.socket()
        self.sock.bind((f"127.0.66.{1 + KINDS.index(self.kind)}", 0))
        if self.kind == "deaf":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", self.port))
        self.since, self.rest = now, self.first()
        selector.register(self.sock, selectors.EVENT_WRITE, self)

    def first(self):
        """What it has to say at once."""
        half = login("ALFA01", "ALFA01PASS")
        return {"silent": b"", "garbage": random.randbytes(random.randint(1, 2000)), "half": half[:random.randint(1, 48)],
                "reset": half[:random.randint(1, 48)], "flood": b"", "deaf": b""}[self.kind] if not self.account else login(*self.account)

    def close(self, selector):
        selector.unregister(self.sock)
        self.sock.close()
        self.sock = None

    def turn(self, selector, now):
        """Sends what it can. True when it has done its worst."""
        if self.account and not self.rest:
            self.rest = b"".join(order(self.ref + i) for i in range(BURST // 52))
            self.ref += BURST // 52
        try:
            if self.rest:
                self.rest = self.rest[self.sock.send(self.rest):]
            if self.kind == "flood":
                self.sock.recv(1 << 18)
        except BlockingIOError:
            pass
        except OSError:
            self.close(selector)
            return True
        if self.kind == "reset" and not self.rest:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close(selector)
            return True
        if not self.account and not self.rest:
            selector.modify(self.sock, selectors.EVENT_READ, self)  # the venue hangs up, or patience ends
        return bool(self.account)

    def overdue(self, now):
        return self.sock and not self.account and now - self.since > PATIENCE_S


def main():
    port, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    attackers = [Attacker(kind, port) for kind in KINDS[:4] for _ in range(STRANGERS)]
    for i, account in enumerate(sys.argv[3:]):
        attackers.append(Attacker(KINDS[4 + i % 2], port, account.split(":")))
    selector, done = selectors.DefaultSelector(), collections.Counter()
    while (now := time.monotonic()) < end:
        for a in attackers:
            if a.overdue(now):
                a.close(selector)
                done[a.kind] += 1
            if not a.sock:
                a.open(selector, now)
        for key, events in selector.select(0.01):
            a = key.data
            if events & selectors.EVENT_READ and a.sock:  # only those that wait for the venue to hang up
                try:
                    gone = not a.sock.recv(4096)
                except OSError:
                    gone = True
                if gone:
                    a.close(selector)
                    done[a.kind] += 1
            elif a.sock:
                done[a.kind] += a.turn(selector, now)
    print(" ".join(f"{kind} {done[kind]}" for kind in KINDS))


main()
