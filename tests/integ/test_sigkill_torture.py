#!/usr/bin/env python3
"""Kills a real venue at random moments under load, again and again, and then compares everybody's memory.

wirebook with durability `disk`, a private PostgreSQL and a private Redis, four clients (tests/lib/ouch_client.py) that send
as fast as they can. SIGKILL, restart, the clients come back and go on. Now and then PostgreSQL or Redis are killed or
stopped, too, for a while or over the venue's death and next start, or the venue is ended in order. At the end every client
reads its whole stream once more, and:

  - what any client ever saw is what the journal says, nothing missing, nothing double, in order;
  - every order was answered once; the open orders that the clients know are those that a restarted venue has;
  - `wirebook-journal verify` runs all commands again and finds the same bytes;
  - PostgreSQL and Redis hold exactly the journal's events.

5 kills, 3 of a slower variant; 50 with WB_FULL=1 (make torture); WB_KILLS=n for n. WB_SEED chooses the moments (not the
machine's timing).
wb-test: variants=release,asan timeout=170
"""
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import journal_check  # noqa: E402
from databases import Databases  # noqa: E402
from journal_check import Differs  # noqa: E402
from ouch_client import Broken, Client  # noqa: E402

BIN = os.environ.get("WB_BIN", "build/bin")
TMP = os.environ.get("WB_TMP") or tempfile.mkdtemp(prefix="wb-sigkill-", dir="/var/tmp")
FULL = bool(os.environ.get("WB_FULL"))
VARIANT = os.environ.get("WB_VARIANT", "release")
KILLS = int(os.environ.get("WB_KILLS", 50 if FULL else 5 if VARIANT == "release" else 3))
SEED = int(os.environ.get("WB_SEED", 1))
SYMBOLS = ["AAPL", "MSFT", "TSLA"]
USERS = ["KILL01", "KILL02", "KILL03", "KILL04"]

CONFIG = """
shard: 1
data_dir: {tmp}/journal
durability: disk
venue: {{timezone: UTC, day_end: none}}
reference: {{instruments_file: {tmp}/instruments.csv, accounts_file: {tmp}/accounts.csv}}
gateway:
  listen: [{{address: 127.0.0.1, port: {port}}}]
  store_slots: 256
auth: {{failures_max: 0}}
engine: {{accounts_max: 16, instruments_max: 16, orders_max: 262144}}
journal: {{segment_mb: 1, segments_ahead: 2, low_space_mb: 64, hard_space_mb: 32}}
threads:
  - {{name: hot, cpu: none, idle: backoff, agents: [gateway, engine, persist]}}
memory: {{huge_pages: off}}
"""


def say(text):
    print(text, flush=True)


def free_port():
    """Below the range of outgoing connections, so that a restart finds it free."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Venue:
    def __init__(self, services):
        self.port = free_port()
        with open(f"{TMP}/instruments.csv", "w", encoding="utf-8") as file:
            file.write("symbol,tick,lot,reference_price,restricted\n")
            file.writelines(f"{symbol},0.01,100,150.00,no\n" for symbol in SYMBOLS)
        with open(f"{TMP}/accounts.csv", "w", encoding="utf-8") as file:
            file.write("user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,restricted\n")
            for user in USERS:
                stored = subprocess.run([f"{BIN}/wirebook", "--hash-password"], input=user + "PW", check=True,
                                        stdout=subprocess.PIPE, text=True).stdout.strip()
                file.write(f'{user},FIRM,"{stored}",yes,none,none,none,none,\n')
        with open(f"{TMP}/venue.yaml", "w", encoding="utf-8") as file:
            file.write(CONFIG.format(tmp=TMP, port=self.port) + services.export("kill"))
        self.log = open(f"{TMP}/venue.log", "ab")  # pylint: disable=consider-using-with
        self.process = None
        self.starts = 0

    def start(self):
        self.process = subprocess.Popen([f"{BIN}/wirebook", f"{TMP}/venue.yaml"], stdout=self.log, stderr=self.log)
        self.starts += 1

    def end(self, sig, wait=30):
        self.process.send_signal(sig)
        code = self.process.wait(wait)
        if sig == signal.SIGTERM and code != 0:
            raise Broken(f"an orderly stop ended with exit code {code}")

    def check_alive(self):
        if self.process.poll() is not None:
            raise Broken(f"wirebook ended by itself with {self.process.returncode}, see {TMP}/venue.log")


def run_clients(clients, seconds, venue=None):
    """Lets the clients work; returns how many messages came."""
    until, count = time.monotonic() + seconds, 0
    while (now := time.monotonic()) < until:
        came = 0
        for client in clients:
            for _ in range(client.random.randint(0, 10)):
                client.ask()
            came += client.turn(now)
        count += came
        if not came:
            time.sleep(0.002)
        if venue:
            venue.check_alive()
    return count


def wait_for_logins(venue, clients):
    until = time.monotonic() + 60
    while not any(client.live for client in clients):
        run_clients(clients, 0.02, venue)
        if time.monotonic() > until:
            raise Broken("nobody could log in for 60 s")


def nothing():
    pass


def misfortune(services, dice):
    """What happens to a far end during this life of the venue; returns how to end it."""
    verb = dice.choice(["kill-redis", "pause-redis", "kill-postgres", "pause-postgres"])
    service = verb.split("-")[1]
    services.call(verb)
    say(f"  {verb}")
    return lambda: services.call(("start-" if verb.startswith("kill") else "resume-") + service)


def one_life(venue, services, clients, dice, number):
    """To its end and the next start. A far end that is away comes back before the end, or only after the venue has come
    up without it; in the first life it is the latter."""
    mend = misfortune(services, dice) if dice.random() < 0.3 or number == 1 else nothing
    late = dice.random() < 0.5 or number == 1
    try:
        up = dice.random() < 0.85 or number == 1  # else it may die while it starts
        if up:
            wait_for_logins(venue, clients)
        count = run_clients(clients, dice.uniform(0.05, 1.2), venue)
        orderly = up and dice.random() < 0.1 and number > 1
        if orderly or not late:  # an orderly stop would give the far end ten seconds to come back
            mend()
            mend = nothing
        venue.end(signal.SIGTERM if orderly else signal.SIGKILL)
        say(f"{number}: {'orderly stop' if orderly else 'SIGKILL'} after {count} messages")
        run_clients(clients, dice.uniform(0, 0.1))
        while any(client.live for client in clients):  # they read what had been sent to them, then the end
            run_clients(clients, 0.01)
        venue.start()
        if mend is not nothing:
            wait_for_logins(venue, clients)
            say(f"  up without it, {run_clients(clients, dice.uniform(0.05, 0.5), venue)} messages")
    finally:
        mend()


def settle(venue, clients):
    """Everybody reads everything again, from 1, and gets all that is still to come."""
    for client in clients:
        client.quiet, client.reread_all = True, True
        client.lose()
    until = time.monotonic() + 60
    while not all(client.settled() for client in clients):
        run_clients(clients, 0.05, venue)
        if time.monotonic() > until:
            raise Broken("not all was answered within 60 s: " + str([
                (c.user, c.live, c.last_ref, c.next_ref - 1) for c in clients]))
    run_clients(clients, 0.5, venue)


def wait_for_exports(services, last_seq):
    until, mark = time.monotonic() + 60, None
    while time.monotonic() < until:
        mark = journal_check.rows(services.psql, "select seq from export_mark")
        if mark == [(str(last_seq),)]:
            return
        time.sleep(0.1)
    raise Differs(f"PostgreSQL has come to {mark} after 60 s, the journal to {last_seq}")


def compare(services, clients):
    tool = f"{BIN}/wirebook-journal"
    subprocess.run([tool, "verify", f"{TMP}/journal"], check=True, stdout=subprocess.DEVNULL)
    journal = journal_check.Journal(tool, f"{TMP}/journal")
    seen = sum(journal_check.check_client(journal, client) for client in clients)
    say(f"clients saw {seen} messages: the journal's {journal.last_seq} transactions say the same")
    say(f"PostgreSQL: {journal_check.check_postgres(journal, services.psql)} rows, the same")
    say(f"Redis: {journal_check.check_redis(journal, services.redis_cli, 'kill:fills')} fills, the same")
    open_orders = journal_check.rows(services.psql, "select count(*) from open_orders")
    known = sum(len(client.open) for client in clients)
    if open_orders != [(str(known),)]:
        raise Differs(f"the clients know {known} open orders, PostgreSQL {open_orders}")
    return known


def started_with(venue_log):
    """Open orders that the last start reported."""
    with open(venue_log, encoding="utf-8", errors="replace") as file:
        found = re.findall(r"(\d+) open orders", file.read())
    return int(found[-1])


def torture(services, venue, clients):
    dice = random.Random(SEED)
    venue.start()
    for number in range(1, KILLS + 1):
        one_life(venue, services, clients, dice, number)
    settle(venue, clients)
    venue.end(signal.SIGTERM)
    known = compare(services, clients)
    venue.start()
    run_clients(clients, 1.0, venue)
    if started_with(f"{TMP}/venue.log") != known:
        raise Differs(f"the clients know {known} open orders, the venue began with {started_with(f'{TMP}/venue.log')}")
    say(f"{known} open orders with clients, database and venue; {sum(c.logins for c in clients)} logins, "
        f"{sum(c.reread for c in clients)} read everything again, {sum(c.resent for c in clients)} requests sent again")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    services, venue = None, None
    try:
        services = Databases(f"{TMP}/services")
        venue = Venue(services)
        clients = [Client(user, user + "PW", venue.port, SYMBOLS, SEED * 100 + i) for i, user in enumerate(USERS)]
        torture(services, venue, clients)
    except (Broken, Differs, subprocess.SubprocessError) as error:
        say(f"FAILED: {error} (seed {SEED}, files in {TMP})")
        return 1
    finally:
        if venue and venue.process and venue.process.poll() is None:
            venue.process.kill()
            venue.process.wait()
        if services:
            services.call("stop")
    say(f"{KILLS} ends under load: nothing acknowledged was lost, nothing came twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
