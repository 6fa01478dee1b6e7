#!/usr/bin/env python3
"""gateway/session/CONFORMANCE.md against the tests and the golden vectors that there are."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TABLE = "gateway/session/CONFORMANCE.md"
SECTIONS = ["2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3", "4", "5", "6", "6.1", "6.2", "7", "8"]
MET = re.compile(r"(yes|no|never|only|as far|counted|the connection)\b")

problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def vectors():
    """Every golden vector of sessions and orders, as the table names it."""
    for file in ("ouch5_vectors.tsv", "ouch42_vectors.tsv", "soup_vectors.tsv"):
        for line in read("tests/data/" + file).splitlines():
            cells = line.split("\t")
            if not line.startswith("#"):
                yield f"{file}:{cells[0]}" if file.startswith("soup") else f"{file}:{cells[1]} {cells[2]}"


def exists(test, golden):
    """A golden vector, a function of a Python program, or a case that a C program runs."""
    program, _, case = test.partition(":")
    if program.endswith(".tsv"):
        return test in golden
    places = ["tests/integ/" + program] if program.endswith(".py") else [f"tests/{d}/{program}.c" for d in ("unit", "sim", "lib")]
    for path in places:
        if os.path.isfile(os.path.join(ROOT, path)):
            text = read(path)
            named = rf"^def {re.escape(case)}\(" if path.endswith(".py") else rf"^(static )?void {re.escape(case)}\("
            # Defined, and somewhere else handed on to be run.
            return bool(case and re.search(named, text, re.M)) and len(re.findall(rf"\b{re.escape(case)}\b", handed_on(path, text))) > 1
    return False


def handed_on(path, text):
    """The text in which a case must be named twice: the suite's cases are run by another file."""
    parts = tuple(f"session_{part}.c" for part in ("cases", "checks", "copies"))
    return text + read("tests/lib/session_suite.c") if path.endswith(parts) else text


def main():
    golden, used, ids, tests = set(vectors()), set(), [], set()
    for number, line in enumerate(read(TABLE).splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())]
        if len(cells) < 6 or not re.match(r"[0-9.]+-\d+$", cells[1]):
            continue
        where, named = f"{TABLE}:{number}: {cells[1]}", re.findall(r"`([^`]+)`", cells[4])
        ids.append(cells[1])
        expect(cells[2], f"{where} says nothing")
        expect(MET.match(cells[3]), f"{where} does not say whether it is met")
        expect(named, f"{where} names no test")
        for test in named:
            tests.add(test)
            used |= {test} & golden
            expect(exists(test, golden), f"{where}: there is no test {test}")
    expect(len(ids) == len(set(ids)), "an id comes twice")
    expect([s for s in SECTIONS if f"{s}-1" not in ids] == [], f"sections without a row: {[s for s in SECTIONS if f'{s}-1' not in ids]}")
    expect(golden <= used, f"golden vectors without a row: {sorted(golden - used)}")
    print("\n".join(problems) or f"ok {len(ids)} rules, {len(tests)} tests, {len(golden)} golden vectors")
    return 1 if problems else 0


sys.exit(main())
