#!/usr/bin/env python3
"""The reference consumer (scripts/follow-fills) gets every fill of the journal once and in order from a Redis with gaps made on
purpose: trimmed, entries taken out of its middle, emptied, and while it is still being written: emptied, killed, and killed
itself at any byte. And the tops of the books, and indications before a cross.
wb-test: timeout=180
"""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import journal_check  # noqa: E402
from clients import ACCOUNTS, ROOT, TMP, Venue, bench, check, client, program, wait_for  # noqa: E402
from databases import Databases  # noqa: E402

PREFIX = "follow"


def redis(services, *args):
    return subprocess.run(services.redis_cli + list(args), check=True, stdout=subprocess.PIPE, text=True,
                          errors="replace").stdout.strip()  # payloads are no text


def follow(services, *args):
    """Runs the consumer to its end. Returns its fills, and (gaps, fills from PostgreSQL)."""
    run = subprocess.run([f"{ROOT}/scripts/follow-fills", services.env["REDIS_HOST"], services.env["REDIS_PORT"], PREFIX,
                          *args], capture_output=True, text=True, timeout=60)
    check(run.returncode == 0, f"follow-fills {' '.join(args)}: {run.stderr}")
    words = run.stderr.split()
    return [json.loads(line) for line in run.stdout.splitlines()], (int(words[0]), int(words[2]))


def facts(fills):
    return [(f["s"], f["n"], f["m"], f["q"], f["p"], f["a"], f["o"]) for f in fills]


def journal_of(venue):
    journal = journal_check.Journal(program("wirebook-journal"), f"{venue.dir}/data")
    return journal, [(int(m["seq"]), m["idx"], int(m["match"]), int(m["qty"]), journal_check.price(m["price"]),
                      int(m["account"]), int(m["order_ref"])) for m in journal.of("EV_EXECUTED")]


def top(services, symbol):
    words = redis(services, "HGETALL", f"{PREFIX}:top:{symbol}").split("\n")
    return dict(zip(words[::2], words[1::2]))


def check_tops(services, venue):
    """Two orders of which only the best are shown, then one goes."""
    client(venue.port, "ALFA01", "buy 300 MSFT 400.10; expect accepted; buy 100 MSFT 400.00; expect accepted")
    client(venue.port, "BRAV01", "sell 200 MSFT 400.30; expect accepted; sell 50 MSFT 400.30; expect accepted")
    want = {"bid": "400.1000", "bid_qty": "300", "ask": "400.3000", "ask_qty": "250", "phase": "T"}
    wait_for("the top of MSFT's book", lambda: want.items() <= top(services, "MSFT").items())
    client(venue.port, "CHAR01", "buy 250 MSFT 400.30; expect executed")
    want = {"bid": "400.1000", "bid_qty": "300", "ask": "", "ask_qty": "0"}
    wait_for("the offer is gone", lambda: want.items() <= top(services, "MSFT").items())


def phase(venue, to):
    subprocess.run([program("wirebook-ctl"), "--socket", f"{TMP}/ctl.sock", "--reason", "a test", "--yes", "phase", "all", to],
                   check=True, timeout=30, stdout=subprocess.DEVNULL)


def check_indications(services, venue):
    """Before a cross each second says what it would give; behind it there is nothing more to say."""
    phase(venue, "P")
    client(venue.port, "ALFA01", "buy 300 AAPL 221.00; expect accepted")
    client(venue.port, "BRAV01", "sell 200 AAPL 219.00; expect accepted")
    want = {"phase": "P", "cross": "O", "paired": "200", "imbalance": "100", "imbalance_side": "B", "cross_price": "221.0000"}
    wait_for("the indication", lambda: want.items() <= top(services, "AAPL").items())
    stamps = set()
    wait_for("it comes each second", lambda: stamps.add(int(top(services, "AAPL")["indicated_ns"])) or len(stamps) == 4)
    steps = [b - a for a, b in zip(sorted(stamps), sorted(stamps)[1:])]
    check(all(1e9 <= step < 2e9 for step in steps), f"a second between two: {steps}")
    check(top(services, "MSFT")["paired"] == "0" and top(services, "MSFT")["cross"] == "O", "nobody would trade there")
    phase(venue, "T")
    wait_for("the cross is over", lambda: {"cross": "", "cross_price": "", "phase": "T"}.items() <=
             top(services, "AAPL").items())
    last = redis(services, "HGET", f"{PREFIX}:last:AAPL", "price")
    check(last == "221.0000", f"it gave what was said: {last}")


def check_gaps(services, journal, truth):
    until = ["--until", str(journal.last_seq)]
    whole, (gaps, filled) = follow(services, *until)
    check(facts(whole) == truth, "the whole stream is the journal")
    check((gaps, filled) == (0, 0), f"{gaps} gaps where there are none")

    ids = redis(services, "--raw", "XRANGE", f"{PREFIX}:fills", "-", "+", "COUNT", "3000").split("\n")
    ids = [line for line in ids if line[:1].isdigit() and line.count("-") == 1 and line.replace("-", "").isdigit()]
    holes = ids[100:140] + ids[501:502] + ids[700:701] + ids[1000:1100]
    redis(services, "XDEL", f"{PREFIX}:fills", *holes)
    again, (gaps, filled) = follow(services, *until)
    journal_check.same("with holes in its middle", whole, again)
    check(gaps >= 4 and filled == len(holes), f"{filled} of {len(holes)} were missing")

    redis(services, "XTRIM", f"{PREFIX}:fills", "MAXLEN", "200")
    again, (gaps, filled) = follow(services, *until)
    check(again == whole, "trimmed at its beginning")
    check(filled == len(whole) - 200, f"{filled} from the database")

    for cut in (0, 1, 7):  # it was killed in the middle of a line, or between two; at an odd fill: between the sides of one
        lines = [json.dumps(fill, separators=(",", ":"), sort_keys=True) + "\n" for fill in whole]
        half = "".join(lines[:len(whole) // 2 + cut % 2])
        with open(f"{TMP}/into", "w", encoding="utf-8") as file:
            file.write(half + lines[len(whole) // 2 + cut % 2][:cut])
        for _ in range(2):
            check(follow(services, *until, "--into", f"{TMP}/into")[0] == [], "nothing on standard output")
            with open(f"{TMP}/into", encoding="utf-8") as file:
                check(file.read() == "".join(lines), f"each fill once in the file, cut at {cut}")

    redis(services, "DEL", f"{PREFIX}:fills")
    again, (gaps, filled) = follow(services, *until)
    check(again == whole and filled == len(whole), "without a stream: all of it from the database")
    print(f"{len(whole)} fills, the same with {len(holes)} taken out, trimmed to 200, and without a stream")


class Killed:
    """The consumer, killed and started again until it is told to end."""

    def __init__(self, services, path):
        self.services, self.path, self.kills, self.over = services, path, 0, threading.Event()
        open(path, "xb").close()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            process = subprocess.Popen([f"{ROOT}/scripts/follow-fills", self.services.env["REDIS_HOST"],
                                        self.services.env["REDIS_PORT"], PREFIX, "--into", self.path],
                                       stderr=subprocess.DEVNULL)
            size = os.path.getsize(self.path)
            while os.path.getsize(self.path) == size and not self.over.wait(0.02):  # each life writes something
                check(process.poll() is None, f"the consumer ended by itself with {process.returncode}")
            self.over.wait(0.03 * (self.kills % 7))
            process.kill()
            process.wait()
            self.kills += 1

    def fills(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def end(self):
        self.over.set()
        self.thread.join()


def check_live(services, venue):
    """The stream is trimmed again and again and emptied, its server killed, and the consumer, too, while the venue trades."""
    consumer, over = Killed(services, f"{TMP}/live"), threading.Event()

    def trim():
        while not over.wait(0.05):
            subprocess.run(services.redis_cli + ["XTRIM", f"{PREFIX}:fills", "MAXLEN", "1"], stdout=subprocess.DEVNULL)
    trimmer = threading.Thread(target=trim)
    trimmer.start()
    mishaps = [lambda: redis(services, "FLUSHALL"), lambda: services.call("kill-redis"), lambda: services.call("start-redis"),
               lambda: redis(services, "DEL", f"{PREFIX}:fills")]
    try:
        for mishap in mishaps:
            bench(venue.port, ACCOUNTS, "--rate", "1000", "--seconds", "0.7", "--warmup", "0", "--mix", "50,0,0,50")
            mishap()
        bench(venue.port, ACCOUNTS, "--rate", "1000", "--seconds", "0.7", "--warmup", "0", "--mix", "50,0,0,50")
        journal, truth = journal_of(venue)
        wait_for("the consumer has all", lambda: len(consumer.fills()) >= len(truth), 40)
        time.sleep(0.3)
    finally:
        over.set()
        trimmer.join()
        consumer.end()
    check(facts(consumer.fills()) == truth, "live, while the stream is trimmed and emptied: the journal")
    check(consumer.kills >= 5, f"killed {consumer.kills} times")
    print(f"{len(truth)} fills, the consumer killed {consumer.kills} times, Redis emptied twice and killed once")


def main():
    services = Databases(f"{TMP}/services")
    try:
        with Venue("venue", f"durability: none\ncontrol: {{socket: {TMP}/ctl.sock}}\n" + services.export(PREFIX)) as venue:
            check_tops(services, venue)
            check_indications(services, venue)
            bench(venue.port, ACCOUNTS, "--rate", "2000", "--seconds", "2", "--warmup", "0", "--mix", "50,0,0,50")
            journal, truth = journal_of(venue)
            check(len(truth) > 2000, f"only {len(truth)} fills")
            wait_for("Redis has all", lambda: redis(services, "HGET", f"{PREFIX}:mark", "seq") == str(journal.last_seq), 20)
            check_gaps(services, journal, truth)
            check_live(services, venue)
            check(venue.stop() == 0, "an orderly stop")
    finally:
        services.call("stop")


main()
