#!/usr/bin/env python3
"""scripts/bench apart from measuring: what it reads, its medians, how it compares, what it refuses."""
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, check, run_tests  # noqa: E402

SCRIPT = os.path.join(ROOT, "scripts", "bench")


def load():
    sys.dont_write_bytecode = True
    spec = spec_from_loader("bench", SourceFileLoader("bench", SCRIPT))
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


run_tests(test_lines, test_medians, test_names, test_compare, test_refused)
