#!/usr/bin/env python3
"""Linux's TCP as the judge of ours: streams between the kernel and gateway/net on AF_PACKET, while nft drops packets.

Bulk and request/response, over one connection and over 200, with loss from us, from Linux, and both ways. All streams come
back exact. Two captures, before and after the place of the loss, tell which packets were lost; the counts are nft's own. Then
everything that was sent twice, by us or by Linux, is explained by a packet that was lost, or by a probe that somebody
counted; and tshark, told of no loss, remarks on nothing else: no malformed packet, wrong checksum, or ACK of what was never
sent. A sample of it in each make test, all of it at 1 and 5 % with WB_FULL=1.
wb-test: variants=release timeout=600 alone=yes
"""
import collections
import os
import random
import selectors
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dpdk_link import NAME, PORT, SERVER, Namespaces, run  # noqa: E402
from clients import TMP, check, program, start  # noqa: E402

FIELDS = ("frame.time_epoch", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.flags",
          "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr", "tcp.options.sack_le", "tcp.window_size_value",
          "tcp.checksum", "tcp.analysis.flags")
Frame = collections.namedtuple("Frame", "at src dst seq ack len flags ts echo sacks window cksum remarked")
FIN, SYN, ACK = 1, 2, 16
# What tshark says of losses and windows. All else that it remarks on is unexplained. ack_lost_segment is left to acks_unseen()
# below: tshark follows the bytes up to the first hole only, and may remark on the first ACK after the hole was filled.
EXPECTED = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "duplicate_ack", "lost_segment",
            "ack_lost_segment", "window_update", "window_full", "zero_window", "zero_window_probe", "zero_window_probe_ack")


# ---- the streams ----

class Stream:
    """One connection: what it sends must come back, all at once or piece by piece."""

    def __init__(self, k, size, piece):
        self.out, self.at, self.got, self.piece = random.Random(k).randbytes(size), 0, 0, piece
        self.sock = socket.create_connection((SERVER, PORT), 30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)

    def limit(self):
        """How much may have been sent by now."""
        return len(self.out) if self.piece == 0 else min(len(self.out), self.got + self.piece)

    def wants(self):
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.at < self.limit() else 0)

    def step(self, events):
        """False: the stream has ended."""
        if events & selectors.EVENT_WRITE and self.at < self.limit():
            self.at += self.sock.send(self.out[self.at:self.limit()])
            if self.at == len(self.out):
                self.sock.shutdown(socket.SHUT_WR)
        if events & selectors.EVENT_READ:
            data = self.sock.recv(65536)
            check(data == self.out[self.got:self.got + len(data)], f"a stream is exact at {self.got}")
            self.got += len(data)
            if not data:
                check(self.got == len(self.out), f"{self.got} of {len(self.out)} bytes came back")
                self.sock.close()
                return False
        return True


def talk(count, size, piece):
    streams = [Stream(k, size, piece) for k in range(count)]
    sel = selectors.DefaultSelector()
    for s in streams:
        sel.register(s.sock, s.wants(), s)
    end = time.monotonic() + 100
    while sel.get_map():
        check(time.monotonic() < end, f"{len(sel.get_map())} streams end")
        for key, events in sel.select(1):
            s = key.data
            if not s.step(events):
                sel.unregister(key.fileobj)
            elif key.events != s.wants():
                sel.modify(key.fileobj, s.wants(), s)


# ---- what was on the wire ----

class Capture:
    """tshark on a link of the router."""

    def __init__(self, net, link):
        self.path = os.path.join(TMP, f"judge-{link}.pcap")
        self.process = start(["ip", "netns", "exec", net.router, "dumpcap", "-q", "-i", NAME + link, "-f", "tcp", "-B", "64",
                              "-w", self.path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            if line.startswith(b"File:"):
                break

    def stop(self):
        time.sleep(0.3)  # the last ACKs
        self.process.terminate()
        said = self.process.communicate()[1].decode()
        check("dropped: 0" in said or "dropped on interface" not in said or "/0 (" in said, said)

    def tshark(self, *args):
        """The streams are random bytes: told nothing, it takes some for a protocol, and misses the rest of a message."""
        done = subprocess.run(["tshark", "-r", self.path, "-o", "tcp.check_checksum:TRUE", "-d", f"tcp.port=={PORT},data", *args],
                              capture_output=True, text=True)
        check(done.returncode == 0, done.stderr)
        return done.stdout.splitlines()

    def frames(self):
        """All of them; sequence numbers and ACKs count from the SYN's, so that nothing wraps."""
        args = [arg for field in FIELDS for arg in ("-e", field)]
        found, isn = [], {}
        for line in self.tshark("-T", "fields", *args):
            at, src, dst, seq, ack, length, flags, ts, echo, sacks, window, cksum, remarked = line.split("\t")
            if int(flags, 16) & SYN:
                isn[src, dst] = int(seq)
            seq = (int(seq) - isn.get((src, dst), 0)) % 2**32
            ack = (int(ack) - isn.get((dst, src), 0)) % 2**32 if int(flags, 16) & ACK else 0
            found.append(Frame(float(at), int(src), int(dst), seq, ack, int(length), int(flags, 16), ts, echo,
                               sacks, window, cksum, remarked != ""))
        return found

    def unexplained(self):
        fine = " || ".join(f"tcp.analysis.{what}" for what in EXPECTED)
        return self.tshark("-Y", f"(tcp.analysis.flags && !({fine})) || _ws.malformed || ip.checksum.status == 0 || "
                                 "(tcp.checksum.status == 0 && tcp.checksum != 0xffff)")


def lost_between(before, after):
    """The frames of `before` that `after` does not have. Who is the same twice is lost once if it came once."""
    there = collections.Counter(f._replace(at=0, remarked=0) for f in after)
    lost = []
    for f in before:
        key = f._replace(at=0, remarked=0)
        if there[key] > 0:
            there[key] -= 1
        else:
            lost.append(f)
    check(not +there, f"frames from nowhere: {list(+there)[:3]}")
    return lost


def sent_twice(frames):
    """(frame, when its first bytes were sent before) for all that repeats what its connection has sent."""
    sent, twice = collections.defaultdict(dict), []
    for f in frames:
        span = range(f.seq, f.seq + f.len + bool(f.flags & (SYN | FIN)))
        if not span:
            continue
        starts = sent[f.src, f.dst]
        again = [at for (a, b), at in starts.items() if a < span.stop and span.start < b] if len(starts) < 4096 else []
        if again:
            twice.append((f, min(again)))
        starts[span.start, span.stop] = f.at
    return twice


def unexplained_repeats(frames, lost, lost_back):
    """Repetitions between whose first sending and themselves no packet of the connection was lost either way."""
    times = collections.defaultdict(list)
    for f in lost:
        times[f.src, f.dst].append(f.at)
    for f in lost_back:
        times[f.dst, f.src].append(f.at)
    return [f for f, first in sent_twice(frames) if not any(first <= at <= f.at for at in times[f.src, f.dst])]


class Seen:
    """What came by of one direction of a connection, counted from its SYN: all below `next`, and pieces behind holes."""

    def __init__(self, isn):
        self.isn, self.next, self.pieces = isn, 0, {}

    def place(self, seq):
        return (seq - self.isn) & 0xffffffff  # no stream here is longer than a turn of the numbers

    def add(self, seq, span):
        at = self.place(seq)
        self.pieces[at] = max(at + span, self.pieces.get(at, 0))
        while ready := [a for a in self.pieces if a <= self.next]:
            self.next = max(self.next, *(self.pieces.pop(a) for a in ready))


def acks_unseen(frames):
    """ACKs of a byte, a SYN or a FIN that had not come by before."""
    seen, wrong = {}, []
    for f in frames:
        span = f.len + bool(f.flags & SYN) + bool(f.flags & FIN)
        if f.flags & SYN:
            seen.setdefault((f.src, f.dst), Seen(f.seq))
        if span:
            check((f.src, f.dst) in seen, f"a connection begins with a SYN: {f}")
            seen[f.src, f.dst].add(f.seq, span)
        if f.flags & ACK:
            other = seen.get((f.dst, f.src))
            if other is None or other.place(f.ack) > other.next:
                wrong.append(f)
    return wrong


# ---- the judgement ----

def kernel_counters(net):
    """{name: count} of the clients' kernel: probes, timeouts."""
    names = ("TcpExtTCPLossProbes", "TcpExtTCPSpuriousRTOs", "TcpExtTCPTimeouts")
    text = run("ip", "netns", "exec", net.clients, "nstat", "-asz", *names)
    return {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if line.startswith("TcpExt")}


def kernel_may(kernel, gap_ms):
    """How often Linux may send again for no loss: its probes; its timeouts only where our process had no core for so long that
    nobody could acknowledge (Linux waits 200 ms at least, from the last time it heard of us)."""
    return kernel["TcpExtTCPLossProbes"] + kernel["TcpExtTCPSpuriousRTOs"] + (kernel["TcpExtTCPTimeouts"] if gap_ms >= 100 else 0)


def lose(net, ways, percent):
    net.lose(0)
    chains = "".join(f"chain {link} {{ type filter hook ingress device {NAME}{link} priority 0; ip protocol tcp "
                     f"numgen random mod 100 < {percent if link in ways else 0} counter drop; }}\n" for link in "bx")
    run("ip", "netns", "exec", net.router, "nft", f"table netdev loss {{ {chains} }}")


def judge(what, percent, count, size, piece, ways):
    net = Namespaces()
    link = net.veth()
    echo = start([program("bench-tcp-echo"), link, SERVER, str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    check(echo.stdout.readline() == "ready\n", "bench-tcp-echo runs")
    near, far = Capture(net, "b"), Capture(net, "x")
    net.enter()
    lose(net, ways, percent)
    began = time.monotonic()
    talk(count, size, piece)
    took = time.monotonic() - began
    dropped = net.lost()
    near.stop()
    far.stop()
    kernel = kernel_counters(net)
    net.leave()
    text = echo.communicate("")[0]
    counted = {name: int(value) for name, value in (line.split() for line in text.splitlines())}
    report(what, percent, took, near, far, dropped, counted, kernel)
    net.remove()


def report(what, percent, took, near, far, dropped, counted, kernel):
    check(counted["DEVICE_REFUSED"] + counted["DEVICE_DROPPED"] == 0, f"no other loss: {counted}")
    at_b, at_x = near.frames(), far.frames()
    ours = [[f for f in frames if f.src == PORT] for frames in (at_b, at_x)]
    theirs = [[f for f in frames if f.dst == PORT] for frames in (at_x, at_b)]
    lost = lost_between(*ours), lost_between(*theirs)
    check([len(x) for x in lost] == dropped, f"{[len(x) for x in lost]} packets are missing, nft dropped {dropped}")
    needless = unexplained_repeats(ours[0], *lost), unexplained_repeats(theirs[0], lost[1], lost[0])
    again = len(sent_twice(ours[0])), len(sent_twice(theirs[0]))
    check(len(needless[0]) <= counted["RTX_PROBE"] + counted["UNDONE"],
          f"{len(needless[0])} of ours sent again for no loss, {counted['RTX_PROBE']} probes: {needless[0][:3]}")
    check(len(needless[1]) <= kernel_may(kernel, counted["LONGEST_GAP_MS"]),
          f"{len(needless[1])} of Linux's sent again for no loss: {kernel}, we were away for {counted['LONGEST_GAP_MS']} ms at most")
    unseen = acks_unseen(at_b) + acks_unseen(at_x)
    check(not unseen, f"{len(unseen)} ACKs of what did not come by: {unseen[:3]}")
    rest = near.unexplained() + far.unexplained()
    check(not rest, "unexplained remarks of tshark:\n" + "\n".join(rest[:20]))
    print(f"ok {what}, {percent} %: {len(at_b)} frames in {took:.1f} s; lost {dropped[0]} of ours, {dropped[1]} of Linux's; sent again "
          f"{again[0]} and {again[1]}, of these {len(needless[0])} and {len(needless[1])} were probes or needless", flush=True)


BULK, TALK = (1 << 20, 0), (64 * 300, 64)  # bytes, and at most so many at a time
FEWER = (32768, 0), (64 * 12, 64)          # on each of 200
CASES = [(f"{kind}, {count} connections, loss {name}", count, *sizes, ways)
         for count, both in ((1, (BULK, TALK)), (200, FEWER)) for kind, sizes in zip(("bulk", "requests"), both)
         for name, ways in (("of ours", "b"), ("of Linux's", "x"), ("both ways", "bx"))]
if os.environ.get("WB_FULL"):
    for percent in (1, 5):
        for case in CASES:
            judge(case[0], percent, *case[1:])
else:
    for case in (CASES[0], CASES[5], CASES[6], CASES[10]):
        judge(case[0], 2, *case[1:])
