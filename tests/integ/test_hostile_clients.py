#!/usr/bin/env python3
"""Two hundred sessions trade while others, with half a core in a control group of their own, do all that the protocol forbids.

Orders of the good ones are all answered and none of their sessions ends. With WB_FULL=1 the p99 of the time that their orders
spend in the gateway stays within twice that of a quiet run, in the median of five pairs of runs; otherwise it is only bounded,
for what else the machine does is no attack. Every one of their orders counts but those of the warm-up: none is left out because
its answer waited for its client. Where the machine has two cores the venue has one, and the benchmark and the attackers the other.
wb-test: variants=release timeout=240
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cgroup import Group  # noqa: E402
from clients import ROOT, TMP, bench, check, free_port, program, quick_hash, run_tests, start, wait_for  # noqa: E402

FULL = bool(os.environ.get("WB_FULL"))
SECONDS = 6 if FULL else 2
PAIRS = 5
WARMUP = 0.5
BOUND_US = 250000
GOOD, BAD, RATE = 200, 4, 2000
HALF_A_CORE = 0.5
CORES = sorted(os.sched_getaffinity(0))

CONFIG = """
data_dir: {tmp}/data
durability: none
reference: {{accounts_file: {tmp}/accounts.csv}}
gateway:
  listen: [{{address: 127.0.0.1, port: {port}}}]
  login_timeout_ms: 3000
  slow_timeout_ms: 10000
  unauthenticated_per_source: 256
  rate_reject_per_s: 500
  rate_stop_per_s: 1000
journal: {{segment_mb: 64, low_space_mb: 64, hard_space_mb: 32}}
engine: {{accounts_max: 256}}
metrics: {{file: {tmp}/metrics, interval_ms: 100}}
stages: {{enabled: yes, users: G, skip: {skip}, file: {tmp}/stages}}
"""


def write_files(port):
    """For a venue that knows nothing of earlier runs."""
    shutil.rmtree(f"{TMP}/data", ignore_errors=True)
    pathlib.Path(f"{TMP}/metrics").unlink(missing_ok=True)
    stored = quick_hash("SECRET")
    with open(f"{TMP}/accounts.csv", "w", encoding="utf-8") as file:
        file.write("user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,restricted\n")
        for kind, count in (("GOOD", GOOD), ("BAD", BAD)):
            file.writelines(f'{kind[0]}{i:04},FIRM,"{stored}",yes,none,none,none,none,\n' for i in range(count))
    with open(f"{TMP}/venue.yaml", "w", encoding="utf-8") as file:
        file.write(CONFIG.format(tmp=TMP, port=port, skip=int(RATE * WARMUP)))


def metric(name):
    if not os.path.exists(f"{TMP}/metrics"):
        return 0
    with open(f"{TMP}/metrics", encoding="utf-8") as file:
        return sum(float(m) for m in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", file.read(), re.M))


def venue_start():
    """On a core of its own, so that what the other programs cost is not taken for what they do to the gateway."""
    with open(f"{TMP}/log", "wb") as log:
        venue = start(["taskset", "-c", str(CORES[-1]), program("wirebook"), f"{TMP}/venue.yaml"], stdout=log, stderr=log, cwd=ROOT)
    wait_for("wirebook listens", lambda: b"listening on" in open(f"{TMP}/log", "rb").read() or venue.poll() is not None, 30)
    check(venue.poll() is None, open(f"{TMP}/log", encoding="utf-8").read())
    return venue


def gateway_time():
    """p99 in us from the burst that brings an order to the one that takes its answer, of the good ones; the venue has ended."""
    with open(f"{TMP}/stages", encoding="utf-8") as file:
        text = file.read()
    counted = int(re.search(r"^gateway.stamped (\d+)", text, re.M).group(1))
    missed, waited = (metric(f"wirebook_stages_{name}_total") for name in ("missed", "waited"))
    print(f"{counted} orders in the figure, {missed:.0f} not told, {waited:.0f} waited for their client")
    check(missed + waited < counted / 1000, "too many orders are not in the figure")
    check(counted > 0.9 * RATE * SECONDS, "too few orders are in the figure")
    return float(re.search(r"^gateway.total_p99_ns (\S+)", text, re.M).group(1)) / 1000


def attack(port, group):
    return start([sys.executable, os.path.join(ROOT, "tests/lib/hostile_client.py"), str(port),
                  str(SECONDS + WARMUP), *(f"B{i:04}:SECRET" for i in range(BAD))], stdout=subprocess.PIPE, text=True,
                 preexec_fn=group.enter)


def one_run(attacked):
    """(p99 of the gateway, what the attackers did). The benchmark judges that every good order is answered and right."""
    port = free_port()
    write_files(port)
    venue, group = venue_start(), Group("wirebook-hostile", HALF_A_CORE)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            good = pool.submit(bench, port, {f"G{i:04}": "SECRET" for i in range(GOOD)}, "--rate", str(RATE), "--seconds",
                               str(SECONDS), "--warmup", str(WARMUP), "--keep", "--symbols", "MSFT:415.00")
            wait_for("the good ones are in", lambda: metric("wirebook_gateway_logins_accepted_total") == GOOD or good.done(), 60)
            attackers = attack(port, group) if attacked else None
            seen = good.result()
            print(f"the benchmark's p99 {seen['bench.all.p99_us']:.0f} us")
        did = attackers.communicate(timeout=60)[0].strip() if attackers else ""
    finally:
        group.remove()
    venue.terminate()
    check(venue.wait(30) == 0, "it ends in order")
    return gateway_time(), did


def attacked_run():
    """The p99; each kind of attack has been tried and has arrived."""
    p99, did = one_run(True)
    print(f"p99 of the gateway under attack {p99:.0f} us; {did}", flush=True)
    done = {kind: int(n) for kind, n in re.findall(r"(\w+) (\d+)", did)}
    check(len(done) == 6 and all(done.values()), f"a kind did nothing: {done}")
    for name in ("rate_rejects_total", "rate_stops_total", "frames_bad_total"):
        check(metric("wirebook_gateway_" + name) > 0, f"no attack arrived: {name}")
    return p99


def test_nobody_is_dropped():
    check(attacked_run() < BOUND_US, f"p99 within {BOUND_US} us")


def test_twice_the_quiet_run():
    ratios = []
    for _ in range(PAIRS):
        quiet, _ = one_run(False)
        print(f"p99 of the gateway in quiet {quiet:.0f} us", flush=True)
        ratios.append(attacked_run() / quiet)
    print("under attack, by the quiet run before it:", " ".join(f"{r:.2f}" for r in ratios))
    check(statistics.median(ratios) <= 2, f"p99 under attack is {statistics.median(ratios):.2f} times that of the quiet run")


os.sched_setaffinity(0, {CORES[0]})
run_tests(test_twice_the_quiet_run if FULL else test_nobody_is_dropped)
