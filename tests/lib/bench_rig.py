"""What the measurements of scripts/bench-* share: a venue with one hot thread on the first core, its client on the last.

Past the kernel (`dpdk`: our own TCP on both ends, shared memory between them) or through it (`sockets`: the loopback). The
venue's hot thread has the gateway, the engine and the journal; everything else of it stays off that core.
"""
import contextlib
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clients import quick_hash  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("WB_BIN") or os.path.join(ROOT, "build", "bin")
PORT = 9471
HOST = {"dpdk": "10.9.0.1", "sockets": "127.0.0.1"}
PASSWORD = "SWARMPASS"
DISK_WAIT_BYTES = 64 << 20
AUTOGROUPS = "/proc/sys/kernel/sched_autogroup_enabled"

CONFIG = """
data_dir: {folder}/{name}
durability: {durability}
gateway: {{transport: {transport}, listen: [{{address: 127.0.0.1, port: {port}}}]{gateway}}}
dpdk: {{ports: [{{device: 'net_memif0,role=server,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize={ring_bits}', ipv4: 10.9.0.1}}]}}
journal: {{segment_mb: {segment_mb}, segments_ahead: {segments_ahead}, buffer_mb: {buffer_mb}, snapshot_transactions: 0, low_space_mb: 64, hard_space_mb: 32}}
threads: [{{name: hot, cpu: {cpu}, idle: {idle}, agents: [gateway, engine, persist]}}]
log: {{level: error}}
"""


@contextlib.contextmanager
def without_autogroups():
    """While it lasts the kernel shares a core out by threads, not by sessions first. With a spinning process as a session of its own Linux
    6.18 was seen to leave the kernel's workers, which end the journal's writes, without a turn on that core for up to four minutes."""
    before = None
    with contextlib.suppress(OSError):
        with open(AUTOGROUPS, "r+", encoding="utf-8") as file:
            before = file.read()
            file.seek(0)
            file.write("0")
    try:
        yield
    finally:
        if before is not None:
            with open(AUTOGROUPS, "w", encoding="utf-8") as file:
                file.write(before)


def cores():
    """The venue's hot core and the client's."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def threads(process):
    """{name: folder in /proc} of a process, its main thread as "main"."""
    found = {}
    for tid in os.listdir(f"/proc/{process.pid}/task"):
        folder = f"/proc/{process.pid}/task/{tid}"
        with open(f"{folder}/comm", encoding="utf-8") as file:
            found["main" if int(tid) == process.pid else file.read().strip()] = folder
    return found


def waited_ns(folder):
    """How long a thread was ready and had no core; it may have ended."""
    with open(f"{folder}/schedstat", encoding="utf-8") as file:
        return int(file.read().split()[1])


def disk_wait_p99_us(folder, seconds):
    """How long one who comes at any moment waits for a write under way, at the 99th percentile: a bare writer of 4 KiB, O_DIRECT|O_DSYNC, one
    at a time, is all that uses the disk. What no journal can do anything about."""
    path, took = f"{folder}/disk-wait", []
    zeros = mmap.mmap(-1, 1 << 20)  # aligned, as O_DIRECT wants it
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT | os.O_DSYNC, 0o600)
    except OSError as error:  # a journal has no place there either
        sys.exit(f"{path}: cannot be written past the page cache: {error.strerror}; choose a directory on a disk (TMPDIR, WB_TMP)")
    try:
        for at in range(0, DISK_WAIT_BYTES, len(zeros)):
            os.pwrite(file, zeros, at)
        block, end = memoryview(zeros)[:4096], time.monotonic() + seconds
        while not took or time.monotonic() < end:
            begun = time.perf_counter()
            os.pwrite(file, block, len(took) * len(block) % DISK_WAIT_BYTES)
            took.append(time.perf_counter() - begun)
    finally:
        os.close(file)
        os.unlink(path)
    return 1e6 * waits_above(took, 0.01)


def waits_above(took, share):
    """The length above which that share of all the time in `took` still has to be waited for."""
    took, rest = sorted(took, reverse=True), share * sum(took)
    longest = 0.0
    for count, length in enumerate(took, 1):
        longest += length
        if count == len(took) or (longest - rest) / count >= took[count]:
            return max((longest - rest) / count, 0.0)
    raise ValueError("nothing was written")


def write_accounts(folder, groups):
    """A file of accounts without limits of their own, and of each group {name: how many} a list for wirebook-bench.
    Returns the first one's path and {group: list's path}."""
    stored, lists = quick_hash(PASSWORD), {}
    with open(f"{folder}/accounts.csv", "w", encoding="utf-8") as file:
        file.write("user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,restricted\n")
        for group, count in groups.items():
            users = [f"{group}{number:05d}" for number in range(count)]
            file.writelines(f'{user},BNCH,"{stored}",yes,none,none,none,none,\n' for user in users)
            lists[group] = f"{folder}/{group}.accounts"
            with open(lists[group], "w", encoding="utf-8") as out:
                out.writelines(f"{user}:{PASSWORD}\n" for user in users)
    return f"{folder}/accounts.csv", lists


class RigVenue:
    """A venue while the `with` lasts. `more` is YAML that is appended, `gateway` keys of its gateway. It writes its
    metrics every `metrics_ms`, which costs the client's core a millisecond or so; 0: never. The shared memory has rings of
    2^ring_bits frames: few stay in the caches, many hold what comes while a thread has no core."""

    def __init__(self, folder, name, transport="dpdk", durability="none", more="", gateway="", segment_mb=64, segments_ahead=2,
                 buffer_mb=4, metrics_ms=0, ring_bits=10):
        self.folder, self.name, self.transport, self.metrics_ms, self.ring_bits = folder, name, transport, metrics_ms, ring_bits
        self.metrics_file = f"{folder}/{name}.metrics"
        self.conf = f"{folder}/{name}.yaml"
        spins = durability == "none"
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=folder, name=name, transport=transport, durability=durability, port=PORT,
                                     gateway=gateway and f", {gateway}", cpu=cores()[0], idle="spin" if spins else "backoff",
                                     segment_mb=segment_mb, segments_ahead=segments_ahead, buffer_mb=buffer_mb, ring_bits=ring_bits) +
                       (f"metrics: {{file: {self.metrics_file}, interval_ms: {metrics_ms}}}\n" if metrics_ms else "") + more)

    def __enter__(self):
        self.process = subprocess.Popen([f"{BIN}/wirebook", self.conf], cwd=ROOT, start_new_session=True)
        for _ in range(1200):
            if self.process.poll() is not None:
                sys.exit(f"{self.name}: wirebook ended by itself with {self.process.returncode}")
            if "hot" in threads(self.process):
                time.sleep(1)  # for all others to have started
                self.hot = threads(self.process)["hot"]
                return self
            time.sleep(0.05)
        sys.exit(f"{self.name}: wirebook has started no thread hot in a minute")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def hot_tid(self):
        """The hot thread's number, as text."""
        return os.path.basename(self.hot)

    def wait_for_segments(self, megabytes):
        """Until so much of its journal has been filled with zeros ahead of need; a file that is being filled has its blocks already."""
        data = f"{self.folder}/{self.name}"
        for _ in range(1200):
            whole = [file for file in os.listdir(data) if file != "new.segment"]
            if sum(os.stat(os.path.join(data, file)).st_blocks for file in whole) * 512 >= megabytes << 20:
                return
            time.sleep(0.5)
        sys.exit(f"{self.name}: no {megabytes} MiB of journal in ten minutes")

    def metrics(self):
        """{name with labels: value} as the venue wrote them last."""
        with open(self.metrics_file, encoding="utf-8") as file:
            pairs = (line.rsplit(None, 1) for line in file if not line.startswith("#"))
            return {name: float(value) for name, value in pairs}

    def settled_metrics(self):
        """The same, of now."""
        time.sleep(0.2 + 1.1 * self.metrics_ms / 1e3)
        return self.metrics()

    def bench(self, accounts, rate, seconds, *args):
        """wirebook-bench with `args` on the client's core. Returns its lines as {name: value}, its seconds, and how long it
        was ready and had no core, in ns."""
        where = ["--host", HOST[self.transport], "--port", str(PORT)]
        if self.transport == "dpdk":
            where += ["--vdev", f"net_memif0,role=client,id=0,socket={self.folder}/memif.sock,socket-abstract=no,rsize={self.ring_bits}"]
        return client_run(self.name, [*where, "--accounts", accounts, "--rate", str(rate), "--seconds", str(seconds), *args])


def inside_run(folder, name, accounts, durability, rate, seconds, *args, more=""):
    """wirebook-bench with the same venue inside it: no network at all. Returns its lines as {name: value}."""
    venue = RigVenue(folder, name, "sockets", durability, more)  # only its config: it is not entered
    return client_run(name, ["--in-process", venue.conf, "--accounts", accounts, "--rate", str(rate), "--seconds", str(seconds), *args])[0]


def listens(port):
    """Somebody does, on IPv4."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def baseline_run(folder, accounts, durability, rate, seconds, *args):
    """wirebook-bench against what one would otherwise write (tests/bench/bench_baseline.c) on the same two cores, with the same
    durability. Returns the benchmark's lines as {name: value}."""
    plain = subprocess.Popen([f"{BIN}/bench-baseline", str(PORT), durability, f"{folder}/baseline.journal", str(cores()[0])],
                             cwd=ROOT, start_new_session=True)
    try:
        for _ in range(600):  # it takes its memory first, which may take seconds
            if plain.poll() is not None or listens(PORT):
                break
            time.sleep(0.05)
        return client_run("baseline", ["--port", str(PORT), "--accounts", accounts, "--rate", str(rate), "--seconds", str(seconds),
                                       *args])[0]
    finally:
        plain.send_signal(signal.SIGTERM)
        plain.wait(20)


def client_run(name, args):
    """wirebook-bench on the client's core; see RigVenue.bench."""
    with tempfile.TemporaryFile("w+") as out:
        begun = time.monotonic()
        client = subprocess.Popen(["taskset", "-c", str(cores()[1]), f"{BIN}/wirebook-bench", *args, "--lines"],
                                  cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
        os.waitid(os.P_PID, client.pid, os.WEXITED | os.WNOWAIT)
        waited = waited_ns(f"/proc/{client.pid}/task/{client.pid}")
        seconds = time.monotonic() - begun
        out.seek(0)
        text = out.read()
    if client.wait() != 0:
        sys.exit(f"{name}: wirebook-bench ended with {client.returncode}\n{text}")
    lines = [line.split() for line in text.splitlines()]
    return {line[0]: float(line[1]) for line in lines if len(line) == 3 and line[0].startswith("bench.")}, seconds, waited
