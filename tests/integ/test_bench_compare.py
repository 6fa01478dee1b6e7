#!/usr/bin/env python3
"""scripts/bench, -cost and -burst apart from measuring: what they read, their medians, how they compare, what they refuse.

With WB_FULL=1 the measurements, too, as short as can be.
"""
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bench_rig import waits_above  # noqa: E402
from clients import ROOT, TMP, check, run_tests  # noqa: E402

SCRIPT = os.path.join(ROOT, "scripts", "bench")


def load(script=SCRIPT):
    sys.dont_write_bytecode = True
    spec = spec_from_loader("bench", SourceFileLoader("bench", script))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(name, text):
    folder = os.path.join(TMP, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lines"), "w", encoding="utf-8") as file:
        file.write(text)
    return folder


def run(*args):
    return subprocess.run([SCRIPT, *args], capture_output=True, text=True)


def test_lines():
    found = load().lines_of("wire.a_us 1.5 us\n# each round: 1 2\nprocessor: AMD EPYC\nknee 2 words here\nb 3 requests/s\nc x us\n")
    check(found == {"wire.a_us": (1.5, "us"), "b": (3.0, "requests/s")}, f"{found}")


def test_medians():
    found = load().medians([{"a": (3.0, "us")}, {"a": (1.0, "us"), "b": (7.0, "ns")}, {"a": (200.0, "us")}])
    check(found == {"a": (3.0, "us"), "b": (7.0, "ns")}, f"{found}")


def test_names():
    bench = load()
    check(bench.own_name("exports-500", "bench.all.p99_us") == "exports_500.all.p99_us", "bench.* has the measurement's name")
    check(bench.own_name("wire-10k", "wire.bypass.rtt_p50_us") == "wire.bypass.rtt_p50_us", "all else keeps its own")


def test_compare():
    before = result("before", "a 10 us\ngone 1 ns\nsame 4 us\nzero 0 us\nunit 5 us\n")
    after = result("after", "a 5 us\nsame 4 us\nnew 2 ns\nzero 3 us\nunit 5 ns\n")
    done = run("--compare", before, after)
    rows = {row.split()[0]: row.split()[1:] for row in done.stdout.splitlines()}
    check(done.returncode == 0, done.stderr)
    check(rows["a"] == ["10", "5", "0.500", "us"], f"{rows['a']}")
    check(rows["same"][2] == "1.000", f"{rows['same']}")
    check(rows["gone"] == ["1.0", "-", "-", "ns"], f"{rows['gone']}")
    check(rows["new"] == ["-", "2.0", "-", "ns"], f"{rows['new']}")
    check(rows["zero"][2] == "-", "nothing is divided by zero")
    check(rows["unit"][2] == "units!", "what has another unit is not compared")


def test_refused():
    empty = result("empty", "# nothing\n")
    for args, code, said in ((["--compare", empty, empty], 1, "no `name value unit` line"),
                             (["--compare", os.path.join(TMP, "none"), empty], 1, "No such file"),
                             (["--against", os.path.join(TMP, "none")], 1, "No such file"),
                             (["--only", "wire-10k,frobnicate"], 2, "unknown: frobnicate"), (["--rounds", "0"], 2, "at least one")):
        done = run(*args)
        check(done.returncode == code and said in done.stderr, f"{args}: {done.returncode} {done.stderr}")
    check("wire-100k" in run("--help").stdout, "the help names the set")


def test_cost():
    """The time of the middle half of what was done: neither the logins before it nor the cancels behind it."""
    cost = load(SCRIPT + "-cost")
    check(cost.counts("1,10k,2M") == [1, 10000, 2000000], "numbers with k and M")
    samples = cost.Samples(None)
    samples.taken = [(0, 0), (10, 9e6), (300, 10e6), (500, 10.2e6), (700, 10.4e6), (990, 11e6), (1000, 99e6)]
    check(abs(samples.ns_per_transaction() - 1000) < 1e-6, f"{samples.ns_per_transaction()} ns, not 1000")
    samples.taken = [(0, 0), (500, 1e6), (1000, 2e6)]
    try:
        samples.ns_per_transaction()
        check(False, "one sample in the middle is no measurement")
    except SystemExit:
        pass


def test_disk_waits():
    """Writes that take long weigh by their time: more of those who come meet them."""
    for took, share, wanted in (([1] * 4, 0.5, 0.5), ([1] * 99 + [100], 0.01, 98.01), ([3, 1], 0.5, 1.0), ([8, 2, 2], 0.25, 5.0), ([2], 1, 0)):
        check(abs(waits_above(took, share) - wanted) < 1e-9, f"{took}, {share}: {waits_above(took, share)}, not {wanted}")


def test_short():
    """Each measurement of scripts/bench-cost and -burst gives its lines."""
    if os.environ.get("WB_FULL") != "1":
        return
    for command, wanted in (("-cost --rounds 1 --seconds 2 --rate 5000 --sessions 2 --resting 1k", ("cost.sessions.2.ns", "cost.resting.1000.ns")),
                            ("-burst --seconds 1 --rate 5000", ("burst.disk.p99_us", "burst.none.achieved_per_s"))):
        done = subprocess.run(SCRIPT + command, shell=True, capture_output=True, text=True)
        found = load().lines_of(done.stdout)
        check(done.returncode == 0 and all(found[name][0] > 0 for name in wanted), f"{command}: {done}")


run_tests(test_lines, test_medians, test_names, test_compare, test_refused, test_cost, test_disk_waits, test_short)
