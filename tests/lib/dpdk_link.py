"""For integration tests: a wirebook on a DPDK device, and Linux as its client behind a router of its own.

    this namespace           NAMEr: a router           NAMEc: the clients
    wirebook - NAMEa  ====  NAMEb     NAMEx  ========  NAMEy
    10.213.0.1                .0.2   10.213.1.1        .1.2

The device is NAMEa (AF_PACKET, AF_XDP), or wirebook makes a TAP device which then becomes NAMEb. The router loses packets on
request: it sees both directions before anybody else does. Everything is named after this process and goes at exit.
"""
import atexit
import ctypes
import os
import re
import socket
import subprocess
import time

from clients import ACCOUNTS, ROOT, TMP, check, program, start, wait_for
from soup import login

SERVER = "10.213.0.1"
PORT = 9000
SENT_AGAIN, DUPLICATES = "wirebook_net_tcp_rtx_segments_total", "wirebook_net_tcp_duplicates_total"
PAST_KERNEL = []  # options of our own clients that do not use the kernel's TCP
NAME = f"wb{os.getpid() % 1000000}"
CLONE_NEWNET = 0x40000000


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    check(done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def quiet(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Namespaces:
    """Router and clients; `wire` joins the venue's device to them."""

    def __init__(self):
        check(os.geteuid() == 0, "root is needed for network namespaces and devices")
        self.router, self.clients, self.wire = NAME + "r", NAME + "c", None
        self.home = open("/proc/self/ns/net", encoding="utf-8")
        atexit.register(self.remove)
        for ns in (self.router, self.clients):
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        run("ip", "netns", "exec", self.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "-n", self.router, "link", "add", NAME + "x", "type", "veth", "peer", "name", NAME + "y", "netns",
            self.clients)
        self.up(self.router, NAME + "x", "10.213.1.1/24")
        self.up(self.clients, NAME + "y", "10.213.1.2/24")
        run("ip", "-n", self.clients, "route", "add", "default", "via", "10.213.1.1")

    def up(self, ns, link, address):
        """Checksums are made at once and segments stay as they are: what is seen is what was sent."""
        run("ip", "netns", "exec", ns, "ethtool", "-K", link, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        run("ip", "-n", ns, "addr", "add", address, "dev", link)
        run("ip", "-n", ns, "link", "set", link, "up")

    def veth(self):
        """A kernel interface for the venue; returns its name."""
        run("ip", "link", "add", NAME + "a", "type", "veth", "peer", "name", NAME + "b", "netns", self.router)
        run("ip", "link", "set", NAME + "a", "up")
        self.up(self.router, NAME + "b", "10.213.0.2/24")
        return NAME + "a"

    def long_veth(self, delay_us, one_in):
        """The same with bench-tcp-path between NAMEa and NAMEb, in a namespace of its own: `delay_us` each way, and of the
        venue's packets with data one in `one_in` is lost. Returns the name, and the program, which tells of each loss."""
        self.wire = NAME + "w"
        run("ip", "netns", "add", self.wire)
        run("ip", "link", "add", NAME + "a", "type", "veth", "peer", "name", NAME + "p", "netns", self.wire)
        run("ip", "-n", self.wire, "link", "add", NAME + "q", "type", "veth", "peer", "name", NAME + "b", "netns", self.router)
        for ns, link in ((self.wire, NAME + "p"), (self.wire, NAME + "q")):
            run("ip", "netns", "exec", ns, "ethtool", "-K", link, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            run("ip", "-n", ns, "link", "set", link, "up")
        run("ip", "link", "set", NAME + "a", "up")
        self.up(self.router, NAME + "b", "10.213.0.2/24")
        path = start(["ip", "netns", "exec", self.wire, program("bench-tcp-path"), NAME + "p", NAME + "q", str(delay_us),
                      str(one_in)], stdout=subprocess.PIPE)
        check(path.stdout.readline() == b"ready\n", "bench-tcp-path runs")
        return NAME + "a", path

    def adopt_tap(self):
        """The TAP interface NAMEb that the venue has made goes to the router."""
        run("ip", "link", "set", NAME + "b", "netns", self.router)
        run("ip", "-n", self.router, "addr", "add", "10.213.0.2/24", "dev", NAME + "b")
        run("ip", "-n", self.router, "link", "set", NAME + "b", "up")

    def lose(self, percent):
        """Of the packets of both directions, from now on; 0 ends it."""
        quiet("ip", "netns", "exec", self.router, "nft", "delete", "table", "netdev", "loss")
        if percent == 0:
            return
        chains = "".join(f"chain {link} {{ type filter hook ingress device {NAME}{link} priority 0; "
                         f"meta protocol ip numgen random mod 100 < {percent} counter drop; }}\n" for link in "bx")
        run("ip", "netns", "exec", self.router, "nft", f"table netdev loss {{ {chains} }}")

    def lost(self):
        """Packets lost so far: from the venue, from the clients."""
        text = run("ip", "netns", "exec", self.router, "nft", "list", "table", "netdev", "loss")
        return [int(n) for n in re.findall(r"packets (\d+)", text)]

    def remove(self):
        self.leave()
        for ns in (self.clients, self.router, self.wire or ""):
            quiet("ip", "netns", "del", ns)
        quiet("ip", "link", "del", NAME + "a")

    def enter(self):
        """This process, and what it starts from now on, are clients. The venue must have been started before."""
        with open(f"/run/netns/{self.clients}", encoding="utf-8") as ns:
            libc = ctypes.CDLL(None, use_errno=True)
            check(libc.setns(ns.fileno(), CLONE_NEWNET) == 0, "the clients' namespace can be entered")

    def leave(self):
        check(ctypes.CDLL(None).setns(self.home.fileno(), CLONE_NEWNET) == 0, "the first namespace can be entered again")


class DpdkVenue:
    """A wirebook whose gateways drive `device`; gateway 0 shares its thread with the rest, each other one has its own."""

    def __init__(self, name, device, queues=1, gateways=1, more="", dpdk=""):
        self.dir = os.path.join(TMP, name)
        os.makedirs(self.dir, exist_ok=True)
        self.log, self.conf = os.path.join(self.dir, "wirebook.log"), os.path.join(self.dir, "wirebook.yaml")
        self.metrics_file = os.path.join(self.dir, "metrics")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"data_dir: {self.dir}/data\n"
                       "durability: none\n"
                       f"gateway: {{count: {gateways}, connections_max: 2048, unauthenticated_per_source: 0, "
                       f"{self.edge(device, queues, dpdk)}"
                       "journal: {segment_mb: 4, low_space_mb: 64, hard_space_mb: 32}\n"
                       "threads: [{name: hot, agents: [gateway, engine, persist]}" +
                       "".join(f", {{name: hot{g}, agents: [gateway{g}]}}" for g in range(1, gateways)) + "]\n"
                       f"metrics: {{file: {self.metrics_file}, interval_ms: 100}}\n"
                       "memory: {huge_pages: off}\n" + more)
        known = os.path.join(self.dir, "leaks")
        with open(known, "w", encoding="utf-8") as file:
            file.write("leak:xsk_umem__create\n")  # the AF_XDP driver keeps a few bytes when it is closed
        env = dict(os.environ, LSAN_OPTIONS=f"suppressions={known}:print_suppressions=0")
        with open(self.log, "ab") as log:
            self.process = start([program("wirebook"), self.conf], stdout=log, stderr=log, cwd=ROOT, env=env)
        wait_for(f"wirebook starts (see {self.log})",
                 lambda: self.process.poll() is not None or "listening on" in self.said())
        check(self.process.poll() is None, f"wirebook runs:\n{self.said()}")

    def edge(self, device, queues, dpdk):
        """The rest of the gateway's section, and the devices."""
        return (f"transport: dpdk, listen: [{{port: {PORT}}}]}}\n"
                f"dpdk: {{ports: [{{device: '{device}', ipv4: {SERVER}, queues: {queues}}}]{dpdk}}}\n")

    def said(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def metric(self, name):
        """The sum over all labels, as of the last time that the file was written."""
        with open(self.metrics_file, encoding="utf-8") as file:
            return sum(float(line.split()[-1]) for line in file if re.match(name + r"[{ }]", line))

    def stop(self):
        self.process.terminate()
        code = self.process.wait(20)
        check(code == 0, f"wirebook ended in order, code {code}:\n{self.said()}")


def connect(seconds=15):
    """A client's socket; packets may get lost on the way."""
    s = socket.create_connection((SERVER, PORT), seconds)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def trade():
    """Two accounts trade with each other through wirebook-client; it fails unless the answers are as expected."""
    wirebook_client("ALFA01", "sell 300 AAPL 225.50", "expect accepted ref last")
    wirebook_client("BRAV01", "buy 100 AAPL 225.50", "expect executed ref last qty 100", "buy 200 AAPL 225.40",
                    "expect accepted ref last", "cancel last", "expect cancelled", "buy 100 NONE 10",
                    "expect rejected ref last")
    text = wirebook_client("ALFA01", "query", "buy 200 AAPL 225.50", "expect executed ref last qty 200")
    check("executed" in text, text)


def wirebook_client(user, *args):
    env = dict(os.environ, WIREBOOK_PASSWORD=ACCOUNTS[user])
    done = subprocess.run([program("wirebook-client"), "--host", SERVER, "--port", str(PORT), "--user", user,
                           "--timeout", "15000", *PAST_KERNEL, *args], capture_output=True, text=True, env=env, timeout=60)
    check(done.returncode == 0, f"client {args}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def load(rate, seconds):
    """wirebook-bench over all accounts; it checks every answer. Returns what it counted."""
    done = subprocess.run([program("wirebook-bench"), "--host", SERVER, "--port", str(PORT), "--accounts",
                           ",".join(f"{user}:{password}" for user, password in ACCOUNTS.items()), "--lines", "--any-rate",
                           "--rate", str(rate), "--seconds", str(seconds), "--warmup", "0", "--symbols", "AAPL:225.50", *PAST_KERNEL],
                          capture_output=True, text=True, timeout=120)
    check(done.returncode == 0, f"bench: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return {name: float(value) for name, value, _ in (line.split() for line in done.stdout.splitlines())}


def read_login(s):
    s.settimeout(15)
    return s.recv(3)[2:3]


def close_in_every_order(venue):
    """FIN from either side first, resets, half-closed, in the middle of a login: nothing of it may stay behind."""
    for _ in range(3):
        connect().close()  # the client's FIN first
        s = connect()
        reset(s)
        s = connect()  # half-closed by the client: the venue closes its side
        s.shutdown(socket.SHUT_WR)
        s.settimeout(15)
        check(s.recv(1) == b"", "the venue closes a connection that the client half-closed")
        s.close()
        s = connect()  # the venue closes first: a login that is refused
        s.sendall(login("ALFA01", "NONSENSE"))
        check(read_login(s) == b"J", "a wrong password is rejected")
        while s.recv(4096):
            pass
        s.close()
        s = connect()  # a logout: the venue closes first, too
        s.sendall(login("ALFA01", ACCOUNTS["ALFA01"]))
        check(read_login(s) == b"A", "the right one is accepted")
        s.sendall(b"\0\1O")
        while s.recv(4096):
            pass
        s.close()
        s = connect()  # cut in the middle of a packet
        s.sendall(login("ALFA01", "X")[:20])
        reset(s)
    wait_for("no session stays", lambda: venue.metric("wirebook_gateway_sessions") == 0)


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()


def many_connections(venue, count):
    """`count` at once, a trade among them, then half of them end by FIN and half by RST."""
    before = venue.metric("wirebook_net_tcp_accepted_total")
    crowd = [connect() for _ in range(count)]
    wait_for(f"{count} connections", lambda: venue.metric("wirebook_net_tcp_accepted_total") - before >= count)
    trade()
    for i, s in enumerate(crowd):
        if i % 2 == 0:
            s.close()
        else:
            reset(s)
    wait_for("all of them are gone", lambda: venue.metric("wirebook_gateway_sessions") == 0)
    check(venue.metric("wirebook_net_chunks_used") == 0, "no pooled memory stays in use")


class Sniffer:
    """tshark at the clients' interface; `frames` finds what it remarks on."""

    def __init__(self, path):
        self.path = path
        self.process = start(["tshark", "-q", "-i", NAME + "y", "-f", "tcp", "-w", path],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("tshark captures", self.captures)

    def captures(self):
        connect().close()
        return os.path.exists(self.path) and os.path.getsize(self.path) > 1000

    def stop(self):
        time.sleep(0.5)  # dumpcap writes in lumps
        self.process.terminate()
        self.process.wait()

    def frames(self, wanted):
        """Frames that fit a display filter, a line each."""
        done = subprocess.run(["tshark", "-r", self.path, "-o", "tcp.check_checksum:TRUE", "-Y", wanted],
                              capture_output=True, text=True)
        check(done.returncode == 0, done.stderr)
        return done.stdout.splitlines()


def without_loss(venue):
    """What tshark remarks on is explained: by tail-loss probes, ours or those of Linux, which a machine that is busy
    with other things provokes. Both sides count them."""
    sniffer = Sniffer(os.path.join(TMP, "flags.pcap"))
    before = {name: venue.metric(name) for name in (SENT_AGAIN, DUPLICATES)}
    trade()
    load(500, 2)
    sniffer.stop()
    time.sleep(1)  # the venue's numbers are as old as their file
    known = {name: venue.metric(name) - value for name, value in before.items()}
    again = "(tcp.analysis.retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.fast_retransmission)"
    ours, theirs = (len(sniffer.frames(f"{again} && tcp.{end}port == 9000")) for end in ("src", "dst"))
    check(ours <= known[SENT_AGAIN], f"{ours} segments sent again, {known[SENT_AGAIN]} of them are known")
    check(theirs <= known[DUPLICATES], f"Linux sent {theirs} again, {known[DUPLICATES]} of them came twice")
    answers = "tcp.analysis.duplicate_ack"  # what is said to a probe
    check(len(sniffer.frames(answers)) <= ours + theirs, f"{sniffer.frames(answers)} for {ours} and {theirs} probes")
    rest = sniffer.frames(f"tcp.analysis.flags && !tcp.analysis.window_update && !{again} && !{answers}")
    check(not rest, "unexplained remarks of tshark:\n" + "\n".join(rest))
    # 0xffff is the other zero of this arithmetic; tshark calls it wrong.
    wrong = sniffer.frames("tcp.srcport == 9000 && (ip.checksum.status == 0 || "
                           "(tcp.checksum.status == 0 && tcp.checksum != 0xffff))")
    check(not wrong, "wrong checksums:\n" + "\n".join(wrong[:20]))
    check(len(sniffer.frames("tcp.srcport == 9000 && tcp.len > 0")) > 300, "something was captured")


def under_loss(net, name):
    """Orders while packets get lost in both directions: every one is answered once."""
    for percent in (1, 5):
        net.lose(percent)
        counted = load(300, 3)
        lost = net.lost()
        net.lose(0)
        check(counted["bench.unanswered"] == 0 and counted["bench.accepted"] > 300, counted)
        check(len(lost) == 2 and min(lost) > percent, f"packets were lost in both directions: {lost}")
        print(f"ok {name}: {percent} % loss, {lost} packets lost, p99 {counted['bench.all.p99_us'] / 1000:.1f} ms")
