#!/usr/bin/env python3
"""Alert rules, dashboards and what CloudWatch ships, before real venues: promtool takes the rules and each rings for its cause; a real
Prometheus evaluates every expression of rules and dashboard; every metric that anything names is there with the labels it is asked by."""
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, free_port, run_tests, start, wait_for  # noqa: E402
from dpdk_link import DpdkVenue  # noqa: E402

RULES = os.path.join(ROOT, "config/prometheus/alerts.yaml")
BOARD = os.path.join(ROOT, "config/grafana/wirebook.json")
SELECTOR = re.compile(r"\bwirebook_[a-z_]+\b(?:\{[^}]*\})?")


def read(path):
    with open(path if os.path.isabs(path) else os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def promtool(*args):
    run = subprocess.run(["promtool", *args], capture_output=True, text=True, cwd=ROOT)
    check(run.returncode == 0, run.stdout + run.stderr)


def board_queries():
    return [t["expr"].replace("$instance", ".*") for p in json.loads(read(BOARD))["panels"] for t in p.get("targets", [])]


def test_board():
    """Each panel has its place, a unit and colours that mean something: Grafana's own are green, and red from 80 on, whatever is shown."""
    places, limits = set(), {}
    for p in json.loads(read(BOARD))["panels"]:
        at, defaults = p["gridPos"], p.get("fieldConfig", {}).get("defaults", {})
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        check(not cells & places and at["x"] + at["w"] <= 24, f"{p['title']} lies over another one")
        places |= cells
        if p["type"] == "row":
            continue
        check(defaults.get("unit") and all(t["legendFormat"] for t in p["targets"]), f"{p['title']}: a unit, and who each line is")
        steps = defaults.get("thresholds", {}).get("steps", [])
        check(steps or p["type"] != "stat", f"{p['title']}: colours")
        for mapping in defaults.get("mappings", []):
            check(all(o.get("color") for o in mapping["options"].values()), f"{p['title']}: a colour for each word")
        if defaults.get("custom", {}).get("thresholdsStyle"):
            limits[p["targets"][0]["expr"].replace('{instance=~"$instance"}', "")] = steps[-1]["value"]
    check(len(limits) == 2, limits)
    for expr, limit in limits.items():  # the line is where the alert begins
        metric = re.search(r"wirebook_\w+", expr)[0]
        found = re.search(rf"expr: .*{metric}.* > ([0-9.]+)$", read(RULES), re.M)
        check(found and float(found[1]) == limit, f"{expr}: {limit}, {found and found[0]}")


def test_rules():
    promtool("check", "rules", RULES)
    promtool("test", "rules", "tests/data/alerts_test.yaml")


def test_each_alert_is_tested():
    names = re.findall(r"- alert: (\w+)", read(RULES))
    tested = read("tests/data/alerts_test.yaml")
    for name in names:
        check(re.search(f"labels: 'ALERTS{{[^}}]*alertname=\"{name}\"", tested), f"{name} rings in a test")
        check(re.search(rf'alertname="{name}",alertstate="firing"}}\n +eval_time: \w+\n +exp_samples: \[\]', tested),
              f"{name} is silent in a test")
        check(re.search(rf"^\|[^|]*\b{name}\b[^|]*\|", read("config/aws/README.md"), re.M), f"the runbook says what {name} means")
    check(len(names) == len(set(names)) and len(names) >= 15, names)


class Series:
    """Every series of one or more /metrics: {name: [labels]}, and the type of each name."""

    def __init__(self, *texts):
        self.of, self.type = {}, {}
        for line in "\n".join(texts).splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.type[name] = kind
            elif line and not line.startswith("#"):
                name = re.match(r"\w+", line)[0]
                self.of.setdefault(name, []).append(dict(re.findall(r'(\w+)="([^"]*)"', line)))


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


# Stages, both exports (which find nobody), an archive, operators: all that a venue can have.
ALL = """stages: {{enabled: true}}
management: {{port: {port}}}
control: {{socket: {tmp}/{name}.sock}}
export:
  postgres: {{enabled: yes, conninfo: "host=127.0.0.1 port=1 user=x dbname=x"}}
  redis: {{enabled: yes, host: 127.0.0.1, port: 1}}
"""


class Everything:
    """A venue past the kernel with two gateways and one through it, and a Prometheus that looks at both. It takes some seconds to begin
    (it reads its targets every five), so other tests run meanwhile."""

    def __init__(self):
        self.ports = [free_port(), free_port()]
        memif = f"net_memif0,role=server,id=0,socket={TMP}/m.sock,socket-abstract=no"
        self.past = DpdkVenue("past", memif, queues=2, gateways=2, more=ALL.format(port=self.ports[0], tmp=TMP, name="past"))
        self.through = Venue("through", ALL.format(port=self.ports[1], tmp=TMP, name="through"))
        text = read(self.through.conf).replace("segment_mb:", f"archive_to: {TMP}/archive, archive_command: {ROOT}/scripts/archive, segment_mb:")
        with open(self.through.conf, "w", encoding="utf-8") as file:
            file.write(text)
        self.through.start()
        self.port = free_port()
        conf = {"global": {"scrape_interval": "500ms", "scrape_timeout": "400ms", "evaluation_interval": "500ms"}, "rule_files": [RULES],
                "scrape_configs": [{"job_name": "wirebook", "static_configs": [{"targets": [f"127.0.0.1:{p}" for p in self.ports]}]}]}
        with open(f"{TMP}/prometheus.json", "w", encoding="utf-8") as file:
            json.dump(conf, file)
        with open(f"{TMP}/prometheus.log", "wb") as log:
            start(["prometheus", f"--config.file={TMP}/prometheus.json", f"--storage.tsdb.path={TMP}/tsdb",
                   f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)
        self.series = None

    def wait(self):
        client(self.through.port, "ALFA01", "buy 100 AAPL 220; expect accepted; buy 1 NONE 5; expect rejected")
        wait_for("Prometheus has seen both venues twice", self.seen)
        client(self.through.port, "ALFA01", "buy 100 AAPL 220; expect accepted; buy 1 NONE 5; expect rejected; sell 5 AAPL 990; expect rejected")
        time.sleep(1.1)
        self.series = Series(*(fetch(p, "/metrics") for p in self.ports))

    def seen(self):
        try:
            return len(self.query("count_over_time(wirebook_ready[1m]) >= 2")) == 2
        except OSError:
            return False  # it starts

    def query(self, expr):
        try:
            answer = json.loads(fetch(self.port, "/api/v1/query?" + urllib.parse.urlencode({"query": expr})))
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise
            answer = json.loads(error.read())
        check(answer["status"] == "success", f"{expr}: {answer}")
        return answer["data"]["result"]


def test_real_prometheus():
    """Every expression evaluates, every selector of it finds a series, every panel shows something."""
    everything.wait()
    rules = [r for g in json.loads(fetch(everything.port, "/api/v1/rules"))["data"]["groups"] for r in g["rules"]]
    for rule in rules:
        check(rule["health"] == "ok" and not rule.get("lastError"), rule)
    queries = board_queries()
    check(len(rules) >= 18 and len(queries) >= 50, (len(rules), len(queries)))
    for expr in queries:
        if "_allowance_exceeded" not in expr:  # only ENA has it
            found = everything.query(expr.removesuffix(" > 0"))
            check(found, f"nothing to see by {expr}")
            check("/ wirebook_ring_slots" not in expr or all(0 <= float(r["value"][1]) <= 1 for r in found), f"shares of rings: {found}")
    for expr in queries + [r["query"] for r in rules]:
        for selector in SELECTOR.findall(expr):
            relaxed = selector.replace("_allowance_exceeded", "")
            check(everything.query(relaxed), f"no series {relaxed}, which is asked for by {expr}")


def test_names_of_the_console_and_of_top():
    for path in ("gateway/console/history.c", "gateway/admin/ctl_top.c", "gateway/admin/recent.c", "gateway/admin/operate.c"):
        names = set(re.findall(r'"(wirebook_[a-z_]+)"', read(path)))
        check(names, path)
        for name in names - {"wirebook_control_requests_total"}:
            check(name in everything.series.of or name + "_count" in everything.series.of, f"{path} names {name}, which is not there")


def shipped():
    """What user-data.yaml lets through: (pattern, dimension sets, label_matcher on which label)."""
    text = read("config/aws/user-data.yaml")
    begin = text.index("{\n", text.index("amazon-cloudwatch-agent.json"))
    block = text[begin:text.index("  - path: ", begin)]
    conf = json.loads(re.sub(r"\$\{\w+\}", "x", block))
    return conf["logs"]["metrics_collected"]["prometheus"]["emf_processor"]["metric_declaration"]


def test_cloudwatch_ships_the_same():
    """Whatever rules and dashboard look at is shipped, with all of its labels; and nothing is selected that there is not. The agent drops
    histograms: their percentiles are shipped instead."""
    series = everything.series
    declared = [(re.compile(p), {frozenset(d) for d in rule["dimensions"]}, rule["source_labels"][0], rule["label_matcher"])
                for rule in shipped() for p in rule["metric_selectors"]]
    for pattern, _, source, matcher in declared:
        names = [name for name in series.of if pattern.search(name)]
        check(names, f"user-data.yaml ships {pattern.pattern}: nothing is called so")
        for alternative in re.findall(r"[a-z_]+", pattern.pattern):
            check(any(alternative in name for name in names), f"{pattern.pattern}: no metric has {alternative}")
        check(not any(series.type.get(name) == "histogram" for name in names), f"{pattern.pattern}: the agent drops histograms")
        check(source == "job" or matcher == "_allowance_exceeded$", matcher)
    wanted = {s.split("{")[0] for expr in board_queries() + [read(RULES)] for s in SELECTOR.findall(expr)}
    wanted = {"wirebook_stage_recent_seconds" if name.startswith("wirebook_stage_seconds_") else name for name in wanted}
    check(len(wanted) > 50, wanted)
    for name in wanted:
        sets = [dimensions for pattern, dimensions, _, _ in declared if pattern.search(name)]
        check(sets, f"user-data.yaml does not ship {name}")
        for labels in series.of[name]:
            check(any(frozenset(labels) | {"shard"} in dimensions for dimensions in sets), f"{name}{labels}: no such dimensions")


def test_cloudwatch_alarms_ask_for_what_is_shipped():
    sets = [(re.compile(p), {frozenset(d) for d in rule["dimensions"]}) for rule in shipped() for p in rule["metric_selectors"]]
    text = read("config/aws/lib/watch.ts")
    asked = [(name, {label} - {""}) for name, label in re.findall(r'own\("(wirebook_\w+)"(?:[^()]*\{ (\w+):)?', text)]
    check(("wirebook_port_driver", {"name"}) in asked, asked)
    asked += [(name, set(by.split(","))) for by, name in re.findall(r'each\(\w+, "([\w,]+)", "(wirebook_\w+)"', text)]
    check(len(asked) >= 30, asked)
    for name, labels in asked:
        check(any(p.search(name) and frozenset(labels | {"shard"}) in d for p, d in sets), f"watch.ts asks for {name} by {labels}: not shipped")


everything = Everything()
run_tests(test_board, test_rules, test_each_alert_is_tested, test_real_prometheus, test_names_of_the_console_and_of_top,
          test_cloudwatch_ships_the_same, test_cloudwatch_alarms_ask_for_what_is_shipped)
