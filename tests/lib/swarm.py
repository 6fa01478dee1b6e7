"""Many sessions at once from one thread: SoupBinTCP and OUCH 5.0 by hand, over epoll.

A Swarm is N accounts. storm() connects all and returns when each has its Login Accepted; orders() sends one order each and
returns when each is accepted; keep() heartbeats for a while. A session that is closed by the venue fails the test at once.
"""
import select
import socket
import struct
import time

from clients import check
from soup import enter, login, packet

EVENTS = select.EPOLLIN | select.EPOLLOUT


class Member:
    """One account's connection."""

    def __init__(self, user, password):
        self.user, self.password = user, password
        self.sock, self.inbox, self.outbox = None, b"", b""
        self.live, self.next_ref, self.heartbeats, self.messages = False, 1, 0, []
        self.login_s = None


class Swarm:
    def __init__(self, port, accounts, source=None):
        """`accounts` is [(user, password)]; `source(index)` the address that each comes from."""
        self.port, self.source = port, source
        self.members = [Member(*a) for a in accounts]
        self.epoll, self.by_fd = select.epoll(), {}

    def connect(self, member, index):
        member.sock = socket.socket()
        member.sock.setblocking(False)
        if self.source:
            member.sock.bind((self.source(index), 0))
        member.sock.connect_ex(("127.0.0.1", self.port))
        member.inbox, member.live, member.messages = b"", False, []
        member.outbox = login(member.user, member.password)
        self.by_fd[member.sock.fileno()] = member
        self.epoll.register(member.sock, EVENTS)

    def turn(self):
        for fd, event in self.epoll.poll(0.05):
            member = self.by_fd[fd]
            if event & select.EPOLLOUT and member.outbox:
                member.outbox = member.outbox[member.sock.send(member.outbox):]
                if not member.outbox:
                    self.epoll.modify(fd, select.EPOLLIN)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = member.sock.recv(65536)
                check(data, f"{member.user} is not cut off")
                member.inbox += data
                self.read(member)

    def read(self, member):
        at = 0
        while len(member.inbox) - at >= 3:
            n = struct.unpack_from(">H", member.inbox, at)[0]
            if len(member.inbox) - at < 2 + n:
                break
            kind, body = member.inbox[at + 2:at + 3], member.inbox[at + 3:at + 2 + n]
            at += 2 + n
            if kind == b"A":
                member.live, member.login_s = True, time.monotonic()
            elif kind == b"S":
                member.messages.append(body)
            elif kind == b"H":
                member.heartbeats += 1
            else:
                check(False, f"{member.user}: packet {kind} {body}")
        member.inbox = member.inbox[at:]

    def send(self, member, frame):
        if not member.outbox:
            self.epoll.modify(member.sock.fileno(), EVENTS)
        member.outbox += frame

    def until(self, what, done, seconds):
        """Turns until `done` of each member; heartbeats meanwhile. Returns the seconds that it took."""
        begin = beat = time.monotonic()
        left = list(self.members)
        while left:
            self.turn()
            left = [m for m in left if not done(m)]
            now = time.monotonic()
            check(now < begin + seconds, f"{what} within {seconds} s: {len(left)} of {len(self.members)} are missing")
            if now > beat + 1:
                beat = now
                self.beat()
        return time.monotonic() - begin

    def beat(self):
        for member in self.members:
            if member.live:
                self.send(member, packet(b"R"))

    def storm(self, seconds):
        begin = time.monotonic()
        for index, member in enumerate(self.members):
            self.connect(member, index)
            if index % 64 == 63:
                self.turn()
        self.until("all are logged in", lambda m: m.live, seconds)
        return time.monotonic() - begin

    def orders(self, seconds):
        wanted = {}
        for member in self.members:
            self.send(member, packet(b"U", enter(member.next_ref, price=1500000)))
            wanted[member.user] = struct.pack(">I", member.next_ref)
            member.next_ref += 1
        return self.until("each order is accepted", lambda m: any(
            b[:1] == b"A" and b[9:13] == wanted[m.user] for b in m.messages), seconds)

    def keep(self, seconds):
        """Everybody stays for that long; each hears about a heartbeat a second. Seconds in which we run: a machine's
        measurement may stop us and the venue meanwhile."""
        before = [m.heartbeats for m in self.members]
        for _ in range(seconds):
            self.beat()
            second = time.monotonic() + 1
            while time.monotonic() < second:
                self.turn()
        for m, b in zip(self.members, before):
            check(m.heartbeats - b >= seconds * 0.8 - 1, f"{m.user}: {m.heartbeats - b} heartbeats in {seconds} s")

    def close(self):
        for member in self.members:
            if member.sock:
                self.epoll.unregister(member.sock)
                member.sock.close()
                member.sock = None
        self.by_fd = {}
