#!/usr/bin/env python3
"""What wirebook-bench writes: HdrHistogram's own library reads the log, the picture is one, the ladder finds its knee.
wb-test: alone=yes
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import npm  # noqa: E402
from clients import ACCOUNTS, ROOT, TMP, Fake, check, program, run_tests  # noqa: E402

READER = """
const hdr = require("hdr-histogram-js");
const reader = new hdr.HistogramLogReader(require("fs").readFileSync(process.argv[1], "utf8"));
for (let h; (h = reader.nextIntervalHistogram()) != null;)
    console.log(JSON.stringify({tag: h.tag, count: h.totalCount, min: h.minNonZeroValue, max: h.maxValue,
        p50: h.getValueAtPercentile(50), p99: h.getValueAtPercentile(99), p999: h.getValueAtPercentile(99.9)}));
"""


def bench(venue, *args, code=0):
    """What it printed; its exit code must be `code` (None: 0, or that no rate held)."""
    run = subprocess.run([program("wirebook-bench"), "--port", str(venue.port), "--accounts", "A:SECRET,B:SECRET",
                          "--symbols", "AAPL:150", "--warmup", "0.2", *args], capture_output=True, text=True, timeout=120)
    check(run.returncode in ((0, 5) if code is None else (code,)), f"wirebook-bench {' '.join(args)}: exit code {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


def lines(text):
    return {name: float(value) for name, value, _ in (line.split() for line in text.splitlines())}


def test_files_agree():
    files = {kind: os.path.join(TMP, "run." + kind) for kind in ("hgrm", "hlog", "csv")}
    with Fake() as venue:
        found = lines(bench(venue, "--rate", "1000", "--seconds", "2", "--any-rate", "--lines",
                            *(part for kind, path in files.items() for part in ("--" + kind, path))))
    run = subprocess.run(["node", "-e", READER, files["hlog"]], cwd=npm.install(), capture_output=True, text=True)
    check(run.returncode == 0, run.stderr)
    read = {h["tag"]: h for h in map(json.loads, run.stdout.splitlines())}
    check(sorted(read) == ["add", "aggressive", "all", "cancel", "replace"], read)
    for tag, h in read.items():
        check(h["count"] == found[f"bench.{tag}.count"], (tag, h, found))
        for theirs, ours in (("min", "min"), ("max", "max"), ("p50", "p50"), ("p99", "p99"), ("p999", "p99_9")):
            a, b = h[theirs], found[f"bench.{tag}.{ours}_us"] * 1000
            check(abs(a - b) <= 0.003 * b, f"{tag} {theirs}: {a} read, {b} printed")
    rows = [line.split(",") for line in open(files["csv"], encoding="utf-8").read().splitlines()[1:]]
    check(sum(int(r[2]) for r in rows if r[0] == "all") == found["bench.all.count"], "the table has every request")
    text = open(files["hgrm"], encoding="utf-8").read()
    check(f"Total count    = {found['bench.all.count']:12.0f}]" in text, text[-300:])

    picture = os.path.join(TMP, "run.png")
    subprocess.run([os.path.join(ROOT, "scripts/percentiles"), picture, "TITLE=a test", f"fake={files['hgrm']}"], check=True)
    with open(picture, "rb") as file:
        check(file.read(8) == b"\x89PNG\r\n\x1a\n" and os.path.getsize(picture) > 5000, "a picture")


def test_on_core():
    """What the machine's other work did not touch, apart; only where it is asked for, and of threads that there are."""
    cores = sorted(os.sched_getaffinity(0))
    with Fake() as venue:
        os.sched_setaffinity(venue.process.pid, cores[:1])  # its wake-ups take no core from who spins on the last one
        os.sched_setaffinity(0, cores[-1:])
        try:
            found = [lines(bench(venue, "--rate", "1000", "--seconds", "1", "--any-rate", "--lines", "--spin", "--on-core", who))
                     for who in ("none", str(os.getpid()))]
        finally:
            os.sched_setaffinity(0, cores)
        for run in found:
            check(run["bench.on_core.count"] <= run["bench.all.count"] and run["bench.on_core.max_us"] <= run["bench.all.max_us"], run)
        check(found[0]["bench.on_core.count"] > 0 or len(cores) == 1, found[0])
        check("\n  on core " in bench(venue, "--seconds", "0.2", "--any-rate", "--on-core", "none"), "a row of its own")
        check("on core" not in bench(venue, "--seconds", "0.2", "--any-rate"), "a row that nobody asked for")
        for wrong in ("4294967295", "x", "1,2,3,4,5,6,7,8", "0"):
            bench(venue, "--on-core", wrong, code=1)


def test_shapes():
    with Fake() as venue:
        for shape in ("poisson", "burst:50"):
            found = lines(bench(venue, "--rate", "1000", "--seconds", "1", "--any-rate", "--lines", "--shape", shape))
            # what a fill overtook has no answer of its own, so no latency
            check(900 < found["bench.all.count"] <= 1000 and found["bench.unanswered"] == 0, found)
            check(850 < found["bench.offered"] < 1150, (shape, found["bench.offered"]))
        bench(venue, "--shape", "burst:0", code=1)
        bench(venue, "--shape", "square", code=1)


def test_report_head():
    mix = os.path.join(TMP, "mix")
    with open(mix, "w", encoding="utf-8") as file:
        file.write("add 60\ncancel 40 # no more\n")
    with Fake() as venue:
        text = bench(venue, "--seconds", "0.5", "--any-rate", "--note", "venue: durability none", "--mix", mix)
    for word in ("processor: ", "kernel: Linux", "cores of the client: ", "clock: ", "over the loopback",
                 "venue: durability none", "every order was answered once"):
        check(word in text, f"{word}\n{text}")
    check("  replace             0" in text, text)


def test_nothing_measured():
    """Who was not let in reads why, and no table of zeros; what cannot be written is known before the run."""
    def said(code, *args):
        run = subprocess.run([program("wirebook-bench"), "--accounts", "A:SECRET", *args], capture_output=True, text=True, timeout=60)
        check(run.returncode == code and "p99" not in run.stdout and "enters" not in run.stdout, f"{run.returncode} {run.stdout}")
        return run.stdout + run.stderr
    with Fake() as venue:
        port = str(venue.port)
        for option in ("--hgrm", "--hlog", "--csv"):
            check("/nonexistent/file" in said(1, "--port", port, option, "/nonexistent/file"), option)
        check("above 0" in said(1, "--port", port, "--seconds", "0"), "no time")
        check("twice" in said(1, "--port", port, "--accounts", "b:SECRET,B:SECRET"), "one account in two sessions")
    for where in (["--port", port], ["--host", "nosuch.invalid"]):
        text = said(3, *where)
        check("nothing was measured" in text and "FAILED: connection lost" in text, text)


def test_ladder():
    """How it breaks is a unit test; here it climbs on a venue, logging in anew for each rung."""
    with Fake() as venue:
        rungs = ["--ladder", "50,100", "--seconds", "1", "--knee", "1000000"]
        found = lines(bench(venue, *rungs, "--lines", code=None))
        check(found["bench.knee"] in (0, 50, 100), found)  # a busy machine may not hold them
        check(found["bench.ladder.50.p99_us"] > 0, found)
        text = bench(venue, *rungs, code=None)
        check("offered/s" in text and ("knee: " in text or "no rate held" in text), text)
        bench(venue, "--ladder", "100,50", code=1)
        bench(venue, "--ladder", "100", "--csv", os.path.join(TMP, "x"), code=1)


VENUE = """
data_dir: {tmp}/venue
durability: {durability}
journal: {{segment_mb: 16, segments_ahead: 1, low_space_mb: 64, hard_space_mb: 32}}
stages: {{enabled: yes, file: {tmp}/stages}}
log: {{level: error}}
{more}
"""


def inside(*args, code=0, durability="none", more="", judge=False):
    config = os.path.join(TMP, "inside.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(VENUE.format(tmp=TMP, durability=durability, more=more))
    accounts = ",".join(f"{user}:{password}" for user, password in ACCOUNTS.items())
    run = subprocess.run([program("wirebook-bench"), "--in-process", config, "--accounts", accounts, "--rate", "2000", "--seconds", "0.5",
                          "--warmup", "0.2", *([] if judge else ["--any-rate"]), *args], capture_output=True, text=True, timeout=120, cwd=ROOT)
    check(run.returncode == code, f"{args}: exit code {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout + run.stderr


def test_in_process():
    """A real venue in the same process: each order answered, its journal whole, also for a second run on it."""
    for durability in ("none", "disk"):
        text = inside(durability=durability)
        check("the venue is in this process" in text and "every order was answered once" in text, text)
        with open(os.path.join(TMP, "stages"), encoding="utf-8") as file:
            report = dict(line.split()[:2] for line in file if line.startswith("gateway."))
        check(int(report["gateway.stamped"]) >= 1000, report)
    verified = subprocess.run([program("wirebook-journal"), "verify", os.path.join(TMP, "venue")], capture_output=True, text=True)
    check(verified.returncode == 0, verified.stdout + verified.stderr)
    inside("--verify-replay")
    text = inside("--symbols", "NOSUCH:10")
    check("answered once: all were rejected" in text, text)
    kept = os.path.join(TMP, "refused.hlog")
    text = inside("--rate", "9000000", "--seconds", "0.05", "--warmup", "0", "--hlog", kept, code=5, judge=True)
    check("REFUSED" in text and "achieved" in text and "p99" not in text and not os.path.exists(kept), text)
    text = inside("--rate", "9000000", "--seconds", "0.05", "--warmup", "0", "--lines", code=5, judge=True)
    check("bench.achieved" in text and "p99" not in text, text)
    check("answered once" in inside("--catch-up", "3"), "what is owed goes one by one")
    check("burst" in inside("--catch-up", "3", "--shape", "burst:5", code=1), "not both")
    two = "gateway: {count: 2}\nthreads: [{name: hot, agents: [gateway, gateway1, engine, persist]}]"
    check("gateway.count" in inside(code=1, more=two), "one gateway only")
    check("one of them" in inside("--vdev", "net_null0", code=1), "no device beside it")
    check("inside.yaml" in inside(code=1, more="nonsense: 1"), "a wrong config is named")


run_tests(test_in_process, test_files_agree, test_on_core, test_shapes, test_report_head, test_nothing_measured, test_ladder)
