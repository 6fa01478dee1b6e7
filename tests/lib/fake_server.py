#!/usr/bin/env python3
"""A small venue for testing clients: SoupBinTCP and OUCH 5.0 on one port, everything in memory, one thread.

    tests/lib/fake_server.py [--port N] [FAULT...]      prints "port N" when it listens

Any account whose password is SECRET may log in. A price-time book for each symbol of SYMBOLS; three kinds of reject:
unknown symbol, quantity above 100,000, price further than 20 % from the reference. The stream of an account outlives its
connections and is replayed from any number. Planted faults, for clients that must notice them:

    --lose N       the Nth order gets no answer          --double N    the Nth order's answer comes twice
    --forget N     the Nth message is not kept: a replay lacks it
    --hang-up N    closes every connection after the Nth message, once
    --dribble      one byte at a time                    --ignore-cancel N  the Nth cancel does nothing
    --slow MS      answers so much later                 --deaf        reads nothing after the login
    --end N        End of Session behind the Nth message
"""
import argparse
import select
import socket
import struct
import sys
import time

SYMBOLS = {"AAPL": 150_0000, "MSFT": 400_0000, "TSLA": 250_0000}
SECRET = "SECRET"
SESSION = "2026112201"
QTY_MAX = 100_000


def text(field):
    return field.strip(b" \0").decode("ascii", "replace")


class Account:
    def __init__(self):
        self.stream = []  # payloads; message n is stream[n - 1]
        self.last_ref = 0
        self.orders = {}
        self.conn = None


class Order:
    def __init__(self, account, ref, side, leaves, symbol, price, base):
        self.account, self.ref, self.side, self.leaves = account, ref, side, leaves
        self.symbol, self.price, self.base, self.executed = symbol, price, base, 0


class Venue:
    """The order book and the accounts' streams; knows nothing of sockets."""

    def __init__(self, faults):
        self.accounts, self.faults = {}, faults
        self.books = {symbol: {"B": [], "S": []} for symbol in SYMBOLS}
        self.matches = self.refs = self.enters = self.cancels = self.messages = 0

    def stamp(self):
        return time.time_ns() % 86_400_000_000_000

    def say(self, account, letter, body):
        self.messages += 1
        payload = letter + struct.pack(">Q", self.stamp()) + body
        account.stream.append(payload)

    def login(self, user):
        account = self.accounts.setdefault(user, Account())
        if not account.stream:
            self.say(account, b"S", b"S")
        return account

    def take(self, account, payload):
        kind = payload[:1]
        if kind == b"O" and len(payload) >= 47:
            self.enter(account, payload)
        elif kind == b"U" and len(payload) >= 40:
            self.replace(account, payload)
        elif kind == b"X" and len(payload) >= 9:
            self.cancel(account, *struct.unpack(">II", payload[1:9]))
        elif kind == b"Q":
            self.say(account, b"Q", struct.pack(">I", account.last_ref + 1))

    def reject_reason(self, qty, symbol, price):
        if symbol not in SYMBOLS:
            return 0x17
        if not 0 < qty <= QTY_MAX:
            return 0x31
        if abs(price - SYMBOLS[symbol]) * 5 > SYMBOLS[symbol]:
            return 0x26
        return 0

    def enter(self, account, p):
        ref, side, qty, symbol, price = struct.unpack(">IcI8sQ", p[1:26])
        if ref <= account.last_ref:
            return
        account.last_ref = ref
        self.enters += 1
        if self.enters == self.faults.lose:
            return
        for _ in range(2 if self.enters == self.faults.double else 1):
            reason = self.reject_reason(qty, text(symbol), price)
            if reason:
                self.say(account, b"J", struct.pack(">IH", ref, reason) + p[31:45])
                continue
            self.refs += 1
            self.say(account, b"A", struct.pack(">IcI8sQ", ref, side, qty, symbol, price) + p[26:28] +
                     struct.pack(">Q", self.refs) + p[28:31] + b"L" + p[31:45] + b"\0\0")
        if not reason:
            order = Order(account, ref, "B" if side == b"B" else "S", qty, text(symbol), price, p)
            self.place(order, ioc=p[26:27] == b"3")

    def place(self, order, ioc):
        order.account.orders[order.ref] = order
        other = self.books[order.symbol]["S" if order.side == "B" else "B"]
        while order.leaves and other:
            best = other[0]
            if best.price > order.price if order.side == "B" else best.price < order.price:
                break
            qty = min(order.leaves, best.leaves)
            self.matches += 1
            for side, flag in ((best, b"A"), (order, b"R")):
                side.leaves -= qty
                side.executed += qty
                self.say(side.account, b"E",
                         struct.pack(">IIQcQH", side.ref, qty, best.price, flag, self.matches, 0))
            if not best.leaves:
                self.drop(best)
        if order.leaves and ioc:
            self.say(order.account, b"C", struct.pack(">IIc", order.ref, order.leaves, b"I"))
            order.leaves = 0
        if not order.leaves:
            order.account.orders.pop(order.ref, None)
            return
        book = self.books[order.symbol][order.side]
        at = len(book)
        while at and (book[at - 1].price < order.price if order.side == "B" else book[at - 1].price > order.price):
            at -= 1
        book.insert(at, order)

    def drop(self, order):
        self.books[order.symbol][order.side].remove(order)
        order.account.orders.pop(order.ref, None)

    def cancel(self, account, ref, qty):
        order = account.orders.get(ref)
        self.cancels += 1
        if order is None or self.cancels == self.faults.ignore_cancel:
            return
        left = max(0, min(order.leaves, qty - order.executed))
        if left < order.leaves:
            self.say(account, b"C", struct.pack(">IIc", ref, order.leaves - left, b"U"))
            order.leaves = left
            if not left:
                self.drop(order)

    def replace(self, account, p):
        orig, ref, qty, price = struct.unpack(">IIIQ", p[1:21])
        order = account.orders.get(orig)
        if order is None or ref <= account.last_ref:
            return
        self.drop(order)
        if qty > QTY_MAX:
            self.say(account, b"C", struct.pack(">IIc", orig, order.leaves, b"U"))
            return
        account.last_ref = ref
        self.refs += 1
        leaves = max(0, qty - order.executed)
        new = Order(account, ref, order.side, leaves, order.symbol, price, order.base)
        new.executed = order.executed
        self.say(account, b"U", struct.pack(">II", orig, ref) + order.base[5:6] +
                 struct.pack(">I8sQ", leaves, order.base[10:18], price) + p[21:23] + struct.pack(">Q", self.refs) +
                 order.base[28:29] + p[23:24] + order.base[30:31] + (b"L" if leaves else b"D") + p[24:38] + b"\0\0")
        if leaves:
            self.place(new, ioc=p[21:22] == b"3")


class Conn:
    def __init__(self, sock):
        self.sock, self.inbox, self.outbox = sock, b"", bytearray()
        self.account, self.next, self.closing, self.dead = None, 0, False, False
        self.heard = self.spoke = time.monotonic()


class Server:
    def __init__(self, faults):
        self.faults, self.venue, self.conns = faults, Venue(faults), []
        self.listener = socket.create_server(("127.0.0.1", faults.port))
        self.listener.setblocking(False)
        self.hung_up = False

    def put(self, conn, kind, payload=b""):
        conn.outbox += struct.pack(">Hc", len(payload) + 1, kind) + payload
        conn.spoke = time.monotonic()

    def login(self, conn, payload):
        user, password = text(payload[:6]).upper(), text(payload[6:16]).upper()
        session, seq = text(payload[16:26]), int(text(payload[26:46]) or 0)
        if password != SECRET:
            reason = b"A"
        elif session not in ("", SESSION):
            reason = b"S"
        else:
            account = self.venue.login(user)
            reason = b"S" if seq > len(account.stream) + 1 else None
        if reason:
            self.put(conn, b"J", reason)
            conn.closing = True
            return
        if account.conn:
            account.conn.dead = True
        conn.account, account.conn = account, conn
        conn.next = seq or max(1, len(account.stream))
        self.put(conn, b"A", SESSION.rjust(10).encode() + str(conn.next).rjust(20).encode())

    def take(self, conn, kind, payload):
        if kind == b"L" and len(payload) in (46, 51) and conn.account is None:
            self.login(conn, payload)
        elif kind == b"O":
            conn.closing = True
        elif kind == b"U" and conn.account:
            self.venue.take(conn.account, payload)

    def read(self, conn):
        try:
            got = conn.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            conn.dead = True
            return
        conn.heard = time.monotonic()
        conn.inbox += got
        while len(conn.inbox) >= 2:
            length = struct.unpack(">H", conn.inbox[:2])[0]
            if len(conn.inbox) < 2 + length:
                break
            packet, conn.inbox = conn.inbox[2:2 + length], conn.inbox[2 + length:]
            self.take(conn, packet[:1], packet[1:])

    def write(self, conn):
        account = conn.account
        while account and account.conn is conn and conn.next <= len(account.stream) and len(conn.outbox) < 65536:
            if not (self.faults.forget and conn.next == self.faults.forget and self.hung_up):
                self.put(conn, b"S", account.stream[conn.next - 1])
            conn.next += 1
        if self.faults.end and account and not conn.closing and self.venue.messages >= self.faults.end:
            self.put(conn, b"Z")
            conn.closing = True
        if not conn.closing and account and time.monotonic() - conn.spoke > 1:
            self.put(conn, b"H")
        try:
            piece = bytes(conn.outbox[:1]) if self.faults.dribble else bytes(conn.outbox)
            while piece:
                sent = conn.sock.send(piece)
                del conn.outbox[:sent]
                piece = bytes(conn.outbox[:1]) if self.faults.dribble else b""
        except BlockingIOError:
            pass
        except OSError:
            conn.dead = True
        if conn.closing and not conn.outbox:
            conn.dead = True

    def hang_up(self):
        if self.faults.hang_up and not self.hung_up and self.venue.messages >= self.faults.hang_up:
            self.hung_up = True
            for conn in self.conns:
                conn.dead = True

    def turn(self):
        deaf = self.faults.deaf
        reading = [c.sock for c in self.conns if not (deaf and c.account)]
        writing = [c.sock for c in self.conns if c.outbox]
        ready, _, _ = select.select([self.listener] + reading, writing, [], 0.05)
        if self.faults.slow:
            time.sleep(self.faults.slow / 1000)
        if self.listener in ready:
            sock, _ = self.listener.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.conns.append(Conn(sock))
        for conn in list(self.conns):
            if conn.sock in ready:
                self.read(conn)
        self.hang_up()
        for conn in self.conns:
            if not conn.dead:
                self.write(conn)
        for conn in [c for c in self.conns if c.dead]:
            if conn.account and conn.account.conn is conn:
                conn.account.conn = None
            conn.sock.close()
            self.conns.remove(conn)


def main():
    parser = argparse.ArgumentParser()
    for name in ("port", "lose", "double", "forget", "hang-up", "ignore-cancel", "slow", "end"):
        parser.add_argument("--" + name, type=int, default=0)
    for name in ("dribble", "deaf"):
        parser.add_argument("--" + name, action="store_true")
    server = Server(parser.parse_args())
    print("port", server.listener.getsockname()[1], flush=True)
    while True:
        server.turn()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
