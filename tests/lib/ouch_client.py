"""A small client of its own for tests: SoupBinTCP and OUCH 5.0 by hand, nothing shared with the C code.

One Client is one account. It remembers every message that it saw, by day and number, and compares whatever comes a
second time. It sends random orders, comes back after each loss with its session and next number (or from 1), and sends
again, in order, what was not answered. Driven by an outer loop: turn() never blocks.
"""
import random
import socket
import struct


class Broken(AssertionError):
    """The venue broke a promise."""


def field(text, n):
    return text.encode().ljust(n)


class Client:
    def __init__(self, user, password, port, symbols, seed):
        self.user, self.password, self.port, self.symbols = user, password, port, symbols
        self.random = random.Random(seed)
        self.sock, self.live, self.inbox, self.outbox = None, False, b"", b""
        self.seen = {}  # day -> list of payloads, message n at n - 1
        self.day = None
        self.new_day()
        self.logins = self.reread = self.resent = 0
        self.quiet = False  # no new requests
        self.reread_all = False  # the next login reads from 1
        self.session_bad = False
        self.retry_at = 0.0

    def new_day(self):
        self.next_ref, self.last_ref = 1, 0
        self.sent = []  # (ref, payload, is_enter), refs rising; what may have to be sent again
        self.open = {}  # ref -> open shares

    # --- the connection -----------------------------------------------------------------------------------------------

    def connect(self, now):
        if now < self.retry_at:
            return
        self.retry_at = now + 0.05
        self.inbox, self.outbox, self.live, self.next_seq = b"", b"", False, None
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(("127.0.0.1", self.port))
        session, seq = "", 1
        known = self.seen.get(self.day, [])
        if self.day and not self.session_bad and not self.reread_all and self.random.random() < 0.8:
            session, seq = f"{self.day}01", len(known) + 1
        self.asked = seq
        self.put(b"L" + field(self.user, 6) + field(self.password, 10) + session.rjust(10).encode() +
                 str(seq).rjust(20).encode())

    def lose(self):
        if self.sock:
            self.sock.close()
        self.sock, self.live = None, False

    def put(self, packet):
        self.outbox += struct.pack(">H", len(packet)) + packet

    def turn(self, now):
        """Moves bytes, reads messages, makes requests. Returns how many messages came."""
        if self.sock is None:
            self.connect(now)
            return 0
        count = 0
        try:
            if self.outbox:
                self.outbox = self.outbox[self.sock.send(self.outbox):]
        except BlockingIOError:
            pass
        except OSError:
            self.lose()
            return 0
        try:
            got = self.sock.recv(65536)
            if not got:
                self.lose()
                return 0
            self.inbox += got
            count = self.read()
        except BlockingIOError:
            pass
        except OSError:
            self.lose()
        return count

    def read(self):
        count, at = 0, 0
        while len(self.inbox) - at >= 3:
            n = struct.unpack_from(">H", self.inbox, at)[0]
            if len(self.inbox) - at < 2 + n:
                break
            packet = self.inbox[at + 2:at + 2 + n]
            at += 2 + n
            count += 1
            self.packet(packet[:1], packet[1:])
            if self.sock is None:
                return count
        self.inbox = self.inbox[at:]
        return count

    def packet(self, kind, body):
        if kind == b"S":
            self.message(body)
        elif kind == b"A":
            self.logged_in(body)
        elif kind == b"J":
            if body != b"S":
                raise Broken(f"{self.user}: login refused with {body!r}")
            self.session_bad = True
            self.lose()
        elif kind == b"Z":
            self.session_bad = True
            self.lose()
        elif kind != b"H":
            raise Broken(f"{self.user}: packet {kind!r}")

    def logged_in(self, body):
        session, seq = body[:10].decode().strip(), int(body[10:])
        day = int(session[:8])
        if day != self.day:
            self.day = day
            self.seen.setdefault(day, [])
            self.new_day()
        known = self.seen[day]
        if seq != self.asked:
            raise Broken(f"{self.user}: asked for {self.asked}, logged in at {seq}, {len(known)} were seen")
        self.session_bad, self.live, self.next_seq = False, True, seq
        self.logins += 1
        self.reread += seq == 1 and len(known) > 0
        self.reread_all = False
        again = [payload for ref, payload, _ in self.sent if ref > self.last_ref]
        self.resent += len(again)
        for payload in again:
            self.put(b"U" + payload)

    # --- what is seen -------------------------------------------------------------------------------------------------

    def message(self, body):
        known = self.seen[self.day]
        seq = self.next_seq
        self.next_seq += 1
        if seq <= len(known):
            if known[seq - 1] != body:
                raise Broken(f"{self.user}: message {seq} was {known[seq - 1].hex()} and is now {body.hex()}")
            return
        if seq != len(known) + 1:
            raise Broken(f"{self.user}: message {seq} comes after {len(known)}")
        known.append(body)
        self.learn(chr(body[0]), body)

    def learn(self, kind, body):
        if kind in "SQ":
            return
        ref = struct.unpack_from(">I", body, 13 if kind == "U" else 9)[0]
        if kind in "AUJ":
            if ref <= self.last_ref:
                raise Broken(f"{self.user}: {kind} for {ref} after one for {self.last_ref}: answered twice")
            skipped = [r for r, _, enter in self.sent if enter and self.last_ref < r < ref]
            if skipped:
                raise Broken(f"{self.user}: {ref} is answered, {skipped} never were")
            self.last_ref = ref
            self.sent = [s for s in self.sent if s[0] > ref]
        if kind == "A" and body[47:48] == b"L":
            self.open[ref] = struct.unpack_from(">I", body, 14)[0]
        elif kind == "U":
            self.open.pop(struct.unpack_from(">I", body, 9)[0])
            if body[51:52] == b"L":
                self.open[ref] = struct.unpack_from(">I", body, 18)[0]
        elif kind in "CE":
            qty = struct.unpack_from(">I", body, 13)[0]
            if self.open.get(ref, 0) < qty:
                raise Broken(f"{self.user}: {kind} takes {qty} off {ref} with {self.open.get(ref)} open")
            self.open[ref] -= qty
            if self.open[ref] == 0:
                del self.open[ref]

    # --- what is asked for --------------------------------------------------------------------------------------------

    def ask(self):
        """One random request, when logged in."""
        if not self.live or self.quiet or len(self.outbox) > 8192:
            return
        dice = self.random.random()
        some = self.random.choice(list(self.open)) if self.open else None
        if some and dice < 0.15:
            self.request(self.replace(some), False)
        elif some and dice < 0.35:
            self.put(b"U" + struct.pack(">cII", b"X", some, 0))
        else:
            self.request(self.enter(), True)

    def request(self, payload, is_enter):
        self.sent.append((self.next_ref, payload, is_enter))
        self.put(b"U" + payload)
        self.next_ref += 1

    def price(self):
        return 1500000 + 100 * self.random.randint(-5, 5)

    def enter(self):
        symbol = self.random.choice(self.symbols) if self.random.random() > 0.03 else "NOSUCH"
        return struct.pack(">cIcI8sQccccc14sH", b"O", self.next_ref, self.random.choice([b"B", b"S"]),
                           self.random.randint(1, 300), field(symbol, 8), self.price(),
                           self.random.choice([b"0", b"0", b"0", b"3"]), b"Y", b"A", b"N", b"N",
                           field(f"C{self.next_ref}", 14), 0)

    def replace(self, ref):
        return struct.pack(">cIIIQccc14sH", b"U", ref, self.next_ref, self.random.randint(1, 400), self.price(), b"0",
                           b"Y", b"N", field(f"R{self.next_ref}", 14), 0)

    def settled(self):
        """Logged in, all that was seen read again, every order answered."""
        return (self.live and not self.outbox and self.next_seq > len(self.seen[self.day]) and
                not any(enter for ref, _, enter in self.sent if ref > self.last_ref))
