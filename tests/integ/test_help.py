#!/usr/bin/env python3
"""What the programs take, what --help says, what the man pages say and what bash completes are the same: every option with whether it
wants a value, every command of wirebook-ctl and wirebook-journal with its words. In both directions.
"""
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ACCOUNTS, BIN, ROOT, TMP, Venue, check, program, run_tests  # noqa: E402

SOURCES = {  # where getopt's table is
    "wirebook": "gateway/main.c", "wirebook-client": "gateway/client/wirebook-client.c", "wirebook-bench": "gateway/client/bench_command.c",
    "wirebook-journal": "persist/wirebook-journal.c", "wirebook-ctl": "gateway/admin/wirebook-ctl.c"}
UNSAID = {"wirebook": {"help"}, "wirebook-ctl": {"help"}, "wirebook-client": set(), "wirebook-bench": set(), "wirebook-journal": set()}


def source(name):
    with open(os.path.join(ROOT, SOURCES[name]), encoding="utf-8") as file:
        return file.read()


def help_of(name):
    run = subprocess.run([program(name), "--help"], capture_output=True, text=True, timeout=10)
    check(run.returncode == 0 and not run.stderr, f"{name} --help: {run}")
    return run.stdout


def options(text):
    """Name -> whether a value stands behind it."""
    found = {}
    for option, value in re.findall(r"--([a-z][a-z-]+)((?: [A-Z3]| json\|csv)?)", text):
        found[option] = found.get(option, False) or bool(value)
    return found


def differ(what, one, other):
    apart = sorted(set(one) ^ set(other)) or [name for name in one if isinstance(one, dict) and one[name] != other[name]]
    check(one == other, f"{what} differ in {apart}")


def test_options():
    """--help has what getopt has. Of wirebook's own some take a file that may be left out: [FILE]."""
    for name in SOURCES:
        taken = {option: kind == "required" for option, kind in re.findall(r'\{"([a-z-]+)", (no|required)_argument', source(name))}
        check(len(taken) >= 5, f"{name}: {taken}")
        differ(f"{name}'s options and its --help", {k: v for k, v in taken.items() if k not in UNSAID[name]}, options(help_of(name)))


def test_man_pages():
    """As man shows it, line by line: nothing is lost in a macro, nothing is there besides."""
    pages = os.path.join(TMP, "man")
    subprocess.run([f"{ROOT}/scripts/man", pages], check=True, env=dict(os.environ, WB_BIN=BIN))
    check(sorted(os.listdir(pages)) == sorted(f"{name}.1" for name in SOURCES), os.listdir(pages))
    for name in SOURCES:
        shown = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=300,indent=0", f"{pages}/{name}.1"], check=True, stdout=subprocess.PIPE, text=True).stdout
        shown = re.sub(".\b", "", shown)
        body = [line.strip() for line in shown[shown.index("DESCRIPTION"):shown.index("SEE ALSO")].splitlines()[1:]]
        said = [line.strip() for line in help_of(name).splitlines()[2:]]
        check([line for line in body if line] == [line for line in said if line], f"{name}: {set(body) ^ set(said)}")
        check(f"{name} - " + help_of(name).splitlines()[0].split(" - ", 1)[1] in shown, f"{name}: NAME")
        for other in set(SOURCES) - {name}:
            check(f"{other}(1)" in shown, f"{name} does not lead to {other}")


def completed(*words):
    """What bash offers for the last word."""
    run = subprocess.run(["bash", "--norc", "-c", '. "$0" && COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) && _wirebook && printf "%s\\n" "${COMPREPLY[@]}"',
                          f"{ROOT}/config/completion.bash", *words], capture_output=True, text=True, env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}"))
    check(run.returncode == 0 and not run.stderr, f"completion of {words}: {run}")
    return set(run.stdout.split())


def test_completion():
    with open(f"{ROOT}/config/completion.bash", encoding="utf-8") as file:
        check(set(file.read().splitlines()[-1].split()[5:]) == set(SOURCES), "each program has its completion")
    for name in SOURCES:
        differ(f"{name}: completed options", completed(name, "--"), {f"--{option}" for option in options(help_of(name))})


def ctl_commands():
    """Name -> what --help says of it, with the lines that go on."""
    text, found, name = help_of("wirebook-ctl"), {}, None
    for line in text[text.index("Looking"):text.index("Options:")].splitlines():
        begins = re.match(r"  ([a-z][a-z-]*)\b", line)
        name = begins[1] if begins else name if line.startswith("    ") else None
        if name:
            found[name] = found.get(name, "") + " " + line.strip()
    return found


def test_ctl():
    """Its table, its help, its completion; each word of a command's usage is taken by it and each that it takes is said."""
    said = ctl_commands()
    text = source("wirebook-ctl")
    values = re.search(r'#define VALUES "([^"]*)"', text)[1]
    part = r',\s*((?:VALUES\s*)?(?:"[^"]*")?)'
    table = {row[0]: " ".join(row[1:]).replace("VALUES", values).replace('"', "").split()
             for row in re.findall(r'\{"([a-z-]+)",\s*\{.*?\},\s*(?:true|false),\s*(?:true|false)' + 3 * part + r"\}", text, re.S)}
    differ("commands and --help", set(table) | {"top", "sessions"}, set(said))
    differ("completed commands", completed("wirebook-ctl", ""), set(said))
    for name, words in table.items():
        usage = said[name] + (said["checks"].replace("[profile=", "") if "as checks" in said[name] else "")
        for word in words:
            check(re.search(rf"\b{word}\b", usage) or word == "files" and "with `files`" in said["profile"], f"{name} {word} is not in its help: {usage}")
        keys = set(re.findall(r"\[([a-z_]+)=", usage))
        check(keys == {word for word in words if word in keys}, f"{name}: {keys} in its help, {words} are taken")
        offered = {word[:-1] for word in completed("wirebook-ctl", name, "X", "") if word.endswith("=")}
        check(offered == set(re.findall(r"\[([a-z_]+)=", said[name])), f"{name}: {offered} are completed")


def test_journal():
    text = help_of("wirebook-journal")
    verbs = set(re.findall(r"^  wirebook-journal ([a-z]+) ", text, re.M))
    differ("verbs", verbs, set(re.findall(r'\{"([a-z]+)", "[a-zA-Z]*", ', source("wirebook-journal"))))
    differ("completed verbs", verbs, completed("wirebook-journal", ""))


DOCUMENTS = ("README.md", "config/README.md", "config/aws/README.md", "gateway/README.md", "gateway/client/README.md", "gateway/console/README.md",
             "persist/README.md", "config/deb/wirebook.yaml", "config/sql/README.md", "config/certification.yaml", "CONTRIBUTING.md", "tests/README.md")


def test_documents():
    """Every option that a document gives one of the programs is one of that program's."""
    found = 0
    for path in DOCUMENTS:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read().replace("\\\n", " ")
        for name, rest in re.findall(r"\b(wirebook(?:-client|-bench|-journal|-ctl)?) ((?:[^`\n;|&]|`(?! ))*)", text):
            known = options(help_of(name)) | {"help": False}
            for option in re.findall(r"(?<![\w-])--([a-z][a-z-]+)", rest.split("#")[0]):
                check(option in known, f"{path}: {name} has no --{option}: {shlex.quote(rest)}")
                found += 1
    check(found >= 15, f"{found} options in documents")


def test_examples():
    """The client's, as somebody tries them who has `make run` in another terminal."""
    lines = re.findall(r"^ +(?:build/bin/)?wirebook-client (--user [A-Z]+[0-9]+ .*)$", help_of("wirebook-client") + open(f"{ROOT}/README.md", encoding="utf-8").read(), re.M)
    check(len(lines) == 3, lines)
    with Venue("examples") as v:
        for line in lines:
            words = shlex.split(line)
            run = subprocess.run([program("wirebook-client"), "--port", str(v.port), *words], capture_output=True, text=True, timeout=20,
                                 env=dict(os.environ, WIREBOOK_PASSWORD=ACCOUNTS[words[1]]))
            check(run.returncode == 0 and "accepted" in run.stdout and "rejected" not in run.stdout, f"{line}: {run}")


run_tests(test_examples, test_options, test_man_pages, test_completion, test_ctl, test_journal, test_documents)
