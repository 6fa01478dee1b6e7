#!/usr/bin/env python3
"""Alert rules and dashboard: promtool takes them, each alert rings for its cause, and every metric they name is one of ours."""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, check, run_tests  # noqa: E402

RULES = os.path.join(ROOT, "config/prometheus/alerts.yaml")
BOARD = os.path.join(ROOT, "config/grafana/wirebook.json")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def promtool(*args):
    run = subprocess.run(["promtool", *args], capture_output=True, text=True, cwd=ROOT)
    check(run.returncode == 0, run.stdout + run.stderr)


def our_metrics():
    """Names as the source registers them; a prefix stands for all that a table of names makes of it."""
    source = subprocess.run(["git", "grep", "-hoE", r'"wirebook_[a-z_]+"', "--", "engine", "gateway", "persist"], cwd=ROOT,
                            capture_output=True, text=True).stdout
    names = {name.strip('"') for name in source.split()}
    tables = subprocess.run(["git", "grep", "-hE", r'\bM?[A-Z_]*\(?.*"[a-z_]+(_total)?"', "--", "gateway"], cwd=ROOT,
                            capture_output=True, text=True).stdout
    parts = set(re.findall(r'"([a-z_]+)"', tables)) | set(re.findall(r'\b([a-z_]+_total|sessions)\b', tables))
    return names, {prefix + part for prefix in names if prefix.endswith("_") for part in parts}


def test_rules():
    promtool("check", "rules", RULES)
    promtool("test", "rules", "tests/data/alerts_test.yaml")


def test_each_alert_is_tested():
    names = re.findall(r"- alert: (\w+)", read(RULES))
    tested = read(os.path.join(ROOT, "tests/data/alerts_test.yaml"))
    for name in names:
        check(re.search(f"labels: 'ALERTS{{[^}}]*alertname=\"{name}\"", tested), f"{name} rings in a test")
    check(len(names) == len(set(names)) and len(names) >= 15, names)


def test_dashboard():
    """Its queries are PromQL: promtool reads them as rules."""
    board = json.loads(read(BOARD))
    targets = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    check(len(targets) >= 15, len(targets))
    rules = [{"record": f"x:{i}", "expr": expr.replace("$instance", ".*")} for i, expr in enumerate(targets)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"groups": [{"name": "board", "rules": rules}]}, file)
        file.flush()
        promtool("check", "rules", file.name)


def test_metrics_exist():
    names, made = our_metrics()
    for path in (RULES, BOARD):
        for name in set(re.findall(r"\bwirebook_[a-z_]+\b", read(path))):
            check(name in names or name in made, f"{os.path.basename(path)} names {name}, which nothing registers")


def test_cloudwatch_ships_the_same():
    """Whatever rules and dashboard look at is shipped, and nothing is that there is not."""
    text = read(os.path.join(ROOT, "config/aws/user-data.yaml"))
    block = text[text.index('"metric_declaration"'):text.index("- path: /etc/cron.d")]
    patterns = re.findall(r'"(\^wirebook_[^"]*)"', block)
    wanted = {name for path in (RULES, BOARD) for name in re.findall(r"\bwirebook_[a-z_]+\b", read(path))}
    wanted = {re.sub(r"_bucket$", "", name) for name in wanted}
    check(len(patterns) > 5 and len(wanted) > 20, (patterns, wanted))
    for name in wanted:
        check(any(re.match(pattern, name) for pattern in patterns), f"user-data.yaml does not ship {name}")
    names, made = our_metrics()
    for pattern in patterns:
        if pattern != "^wirebook_$":
            check(any(re.match(pattern, name) for name in names | made), f"user-data.yaml ships {pattern}: nothing is called so")
    dimensions = set(re.findall(r'"(\w+)"', " ".join(re.findall(r'"dimensions": (\[\[.*?\]\])', block, re.S))))
    check({"shard", "gateway", "reason", "agent", "ring", "sink", "port", "name"} <= dimensions, dimensions)


run_tests(test_rules, test_each_alert_is_tested, test_dashboard, test_metrics_exist, test_cloudwatch_ships_the_same)
