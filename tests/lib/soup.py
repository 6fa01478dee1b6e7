"""SoupBinTCP and OUCH 5.0 by hand, nothing shared with the C code: packets, and a session that waits for its answers."""
import socket
import struct


def packet(kind, body=b""):
    return struct.pack(">Hc", len(body) + 1, kind) + body


def login(user, password, seq=1):
    """A Login Request for the current session."""
    return packet(b"L", user.encode().ljust(6) + password.encode().ljust(10) + b" " * 10 + str(seq).rjust(20).encode())


def enter(ref, side=b"B", shares=100, symbol="AAPL", price=2200000, tif=b"0", token=b"BY HAND"):
    """An Enter Order of 5.0 without tags, for an unsequenced packet."""
    return struct.pack(">cIcI8sQccccc14sH", b"O", ref, side, shares, symbol.encode().ljust(8), price, tif, b"Y", b"A", b"N",
                       b"N", token.ljust(14), 0)


class Session:
    """One connection that logs in at once; the login must be answered with `want`."""

    def __init__(self, port, user, seq=1, want=b"A", source=""):
        self.sock = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = self.sock.getsockname()
        self.user, self.inbox = user, b""
        self.sock.sendall(login(user, user + "PASS", seq))
        kind, body = self.frame()
        if kind != want:
            raise AssertionError(f"login of {user}: {kind!r} {body!r}")

    def say(self, message):
        self.sock.sendall(packet(b"U", message))

    def frame(self, seconds=30):
        """The next packet that is no heartbeat; (b"", b"") at the end, None when nothing comes in time."""
        self.sock.settimeout(seconds)
        while True:
            while len(self.inbox) < 3 or len(self.inbox) < 2 + struct.unpack_from(">H", self.inbox)[0]:
                try:
                    piece = self.sock.recv(65536)
                except TimeoutError:
                    return None
                if not piece:
                    return b"", b""
                self.inbox += piece
            n = struct.unpack_from(">H", self.inbox)[0]
            kind, body, self.inbox = self.inbox[2:3], self.inbox[3:2 + n], self.inbox[2 + n:]
            if kind != b"H":
                return kind, body
