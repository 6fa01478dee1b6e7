#!/usr/bin/env python3
"""gateway/session/CONFORMANCE.md against the protocol's rules, the tests and the golden vectors that there are."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TABLE = "gateway/session/CONFORMANCE.md"
SECTIONS = ["1", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3", "4", "5", "6", "6.1", "6.2", "7", "8"]
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


def rules():
    """The rows that show each rule of the document, rule by rule."""
    for line in read("tests/data/protocol_rules.tsv").splitlines():
        if not line.startswith("#"):
            section, rule, rows = line.split("\t")
            yield section, rule, rows.split()


def compare_rules(ids):
    """Every rule has a row, every row is some rule's, and no section is without."""
    named = set()
    for section, rule, rows in rules():
        named |= set(rows)
        expect(rows and set(rows) <= set(ids), f"protocol_rules.tsv: {section}: {rule}: no row {rows}")
    expect(set(ids) <= named, f"rows that are no rule's: {sorted(set(ids) - named)}")
    expect({s for s, _, _ in rules()} >= set(SECTIONS), "a section of the document has no rules")


def compare_vectors(golden, rows):
    """A golden vector of a message is compared by a unit test that its row names, not only listed."""
    for vector in golden:
        file, _, name = vector.partition(":")
        if not file.startswith("soup"):
            texts = [read(f"tests/unit/{test.partition(':')[0]}.c") for test in rows[vector]
                     if os.path.isfile(os.path.join(ROOT, f"tests/unit/{test.partition(':')[0]}.c"))]
            way, letters = name.split(" ", 1)
            call = rf'expect_out\(&\w+, "{re.escape(letters)}"\)' if way == "out" else f'"{re.escape(letters)}"'
            expect(any(re.search(call, text) for text in texts), f"{vector}: no unit test of its row compares it")


def compare_reasons(met):
    """Reject reasons that the program has, and those that the table says are never sent."""
    sources = "".join(read(path) for path in ("engine/rules.h", "gateway/session/ouch5.h", "gateway/session/risk.h"))
    sent = set(re.findall(r"= (0x00[0-9A-F]{2}),", sources))
    for what, how in met:
        for code in re.findall(r"`(0x00[0-9A-F]{2})`", what):
            expect((code in sent) == (how != "never"), f"{code}: {'sent' if code in sent else 'not sent'}, but the table says: {how}")


def main():
    golden, used, ids, tests, reasons, rows = set(vectors()), set(), [], set(), [], {}
    for number, line in enumerate(read(TABLE).splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())]
        if len(cells) < 6 or not re.match(r"[0-9.]+-\d+$", cells[1]):
            continue
        where, named = f"{TABLE}:{number}: {cells[1]}", re.findall(r"`([^`]+)`", cells[4])
        ids.append(cells[1])
        expect(cells[2], f"{where} says nothing")
        expect(MET.match(cells[3]), f"{where} does not say whether it is met")
        expect(named or cells[3].startswith("never"), f"{where} names no test")
        if cells[1].startswith("7-"):
            reasons.append((cells[2], cells[3]))
        for test in named:
            tests.add(test)
            used |= {test} & golden
            rows.setdefault(test, set()).update(named)
            expect(exists(test, golden), f"{where}: there is no test {test}")
    expect(len(ids) == len(set(ids)), "an id comes twice")
    compare_vectors(golden & used, rows)
    compare_rules(ids)
    compare_reasons(reasons)
    expect(golden <= used, f"golden vectors without a row: {sorted(golden - used)}")
    print("\n".join(problems) or f"ok {len(ids)} rules, {len(tests)} tests, {len(golden)} golden vectors")
    return 1 if problems else 0


sys.exit(main())
