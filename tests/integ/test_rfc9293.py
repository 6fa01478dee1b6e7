#!/usr/bin/env python3
"""gateway/net/RFC9293.md against the RFC's numbers and against the tests that there are."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Appendix B: how many numbers of each kind, and the rows that come more than once.
KINDS = {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}
TWICE = {"SHLD-5": 2, "MUST-15": 2, "MUST-20": 2, "MUST-46": 2, "MUST-57": 2, "MUST-56": 3}
MET = re.compile(r"(yes|no|n/a|only)\b")
SCRIPT = re.compile(r"[a-z0-9_]+\.pkt$")

problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def exists(test):
    """A packet script, or a case that its program runs."""
    if SCRIPT.match(test):
        return os.path.isfile(os.path.join(ROOT, "tests/data/tcp", test))
    program, _, case = test.partition(":")
    path = os.path.join(ROOT, "tests/unit", program + ".c")
    if not case or not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8") as file:
        return re.search(rf"cmocka_unit_test\({re.escape(case)}\)", file.read()) is not None


def rows(path):
    """(line number, id, what, met, [tests]) of each row that has an id."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())]
            if len(cells) >= 6 and re.match(r"[A-Z]+-\d+$", cells[1]):
                yield number, cells[1], cells[2], cells[3], re.findall(r"`([^`]+)`", cells[4])


def main():
    path = os.path.join(ROOT, "gateway/net/RFC9293.md")
    counts, tests = {}, set()
    for number, name, what, met, named in rows(path):
        where = f"RFC9293.md:{number}: {name}"
        counts[name] = counts.get(name, 0) + 1
        expect(what, f"{where} says nothing")
        expect(MET.match(met), f"{where} does not say whether it is met")
        expect(met != "no" or name.startswith("MAY"), f"{where} gives no reason")
        expect(named, f"{where} names no test")
        for test in named:
            tests.add(test)
            expect(exists(test), f"{where}: there is no test {test}")
    for kind, count in KINDS.items():
        for i in range(1, count + 1):
            name = f"{kind}-{i}"
            expect(counts.pop(name, 0) == TWICE.get(name, 1), f"{name}: not as often as in the RFC")
    expect(not counts, f"not of the RFC: {sorted(counts)}")
    print("\n".join(problems) or f"ok {sum(KINDS.values())} numbers, {len(tests)} tests")
    return 1 if problems else 0


sys.exit(main())
