"""A real venue under load and everybody's memory of it: what each torture case stands on.

A Rig is wirebook with durability `disk`, a database of its own in a private PostgreSQL, keys of its own in a private Redis,
and four clients (tests/lib/ouch_client.py) that send as fast as they can and remember every message. compare() is the oracle:

  - what any client ever saw is what the journal says, byte for byte, nothing missing, nothing double, in order;
  - every order was answered once; the open orders that the clients know are those that a restarted venue has;
  - `wirebook-journal verify` runs all commands again and finds the same bytes;
  - PostgreSQL and Redis hold exactly the journal's events, once.
"""
import glob
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import journal_check  # noqa: E402
from databases import Databases  # noqa: E402
from journal_check import Differs  # noqa: E402
from ouch_client import Broken, Client  # noqa: E402

BIN = os.environ.get("WB_BIN") or os.path.join(ROOT, "build", "bin")
PLANTED = os.path.join(ROOT, "build", "release", "tests", "torture", "wirebook")
SYMBOLS = ["AAPL", "MSFT", "TSLA"]
USERS = ["KILL01", "KILL02", "KILL03", "KILL04"]
PATIENCE_S = 180  # until something that must come counts as missing: the disk may be slow for all
STOPPED_S = 0.5  # a turn of ours that took longer: the whole machine may have been stopped, which is nobody's fault
LIVES_MAX = 5  # until an export that was behind at an end has all
BEHIND = r"export (\w+): (\d+) transactions behind at the end; the next start goes on with them"
UNANSWERED_MAX = 48  # requests of a client: one that lagged behind would not see the last messages before a fault

# Small pools, small segments: so that every run makes many of them.
CONFIG = """
shard: 1
data_dir: {data}
durability: disk
venue: {{timezone: UTC, day_end: none}}
reference: {{instruments_file: {tmp}/instruments.csv, accounts_file: {tmp}/accounts.csv}}
gateway:
  listen: [{{address: 127.0.0.1, port: {port}}}]
  store_slots: 256
  drain_timeout_ms: {drain_ms}
auth: {{failures_max: 0}}
engine: {{accounts_max: 16, instruments_max: 16, orders_max: {orders_max}}}
journal: {{{journal}}}
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


class Patience:
    """Ends after so many seconds of a machine that runs. Asked often."""

    def __init__(self, seconds, what):
        self.left, self.seconds, self.what, self.last = seconds, seconds, what, time.monotonic()

    def check(self):
        now = time.monotonic()
        self.left -= min(now - self.last, STOPPED_S)
        self.last = now
        if self.left < 0:
            raise Broken(f"{self.what}: not within {self.seconds} s")


def wait_until(what, condition, seconds=PATIENCE_S):
    patience = Patience(seconds, what)
    while not condition():
        patience.check()
        time.sleep(0.02)


def accounts_file(path):
    """Hashing is slow on purpose: made once for all cases of a run."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,restricted\n")
        for user in USERS:
            stored = subprocess.run([f"{BIN}/wirebook", "--hash-password"], input=user + "PW", check=True,
                                    stdout=subprocess.PIPE, text=True).stdout.strip()
            file.write(f'{user},FIRM,"{stored}",yes,none,none,none,none,\n')


class Rig:
    """Options: data (the journal's directory), journal (keys of that section), more (YAML behind the config), program,
    conninfo and redis (where to export; by default straight to the private servers), prefix (a command in front)."""

    def __init__(self, tmp, services, name, seed, **options):
        self.tmp, self.services, self.name = tmp, services, name
        os.makedirs(tmp, exist_ok=True)
        self.data = options.get("data", f"{tmp}/journal")
        self.program, self.prefix = options.get("program", f"{BIN}/wirebook"), options.get("prefix", [])
        self.journal = {"segment_mb": 1, "segments_ahead": 2, "low_space_mb": 64, "hard_space_mb": 32,
                        **options.get("journal", {})}
        self.archive = self.journal.get("archive_to")
        self.port, self.dice = free_port(), random.Random(seed)
        self.process, self.starts, self.environment = None, 0, {}
        self.clock = None  # a clock.Clock: one of the venue's own
        self.log_path = f"{tmp}/venue.log"
        self.log = open(self.log_path, "ab")  # pylint: disable=consider-using-with
        self.database(options.get("conninfo"), options.get("redis"))
        self.write_files(options)
        self.clients = [Client(user, user + "PW", self.port, SYMBOLS, seed * 100 + i) for i, user in enumerate(USERS)]

    def database(self, conninfo, redis):
        env = self.services.env
        self.dbname = re.sub(r"\W", "_", self.name)
        self.administer(f"drop database if exists {self.dbname} with (force)",
                        f"create database {self.dbname} template template_wb")
        self.psql = self.services.psql + ["-d", self.dbname]
        self.redis_cli = self.services.redis_cli
        conninfo = conninfo or f"host={env['PGHOST']} port={env['PGPORT']}"
        self.export = re.sub(r'conninfo: ".*"', f'conninfo: "{conninfo} user={env["PGUSER"]} dbname={self.dbname}"',
                             self.services.export(self.dbname))
        if redis:
            self.export = re.sub(r"host: \S+, port: \d+", f'host: "{redis}"', self.export)

    def write_files(self, options):
        with open(f"{self.tmp}/instruments.csv", "w", encoding="utf-8") as file:
            file.write("symbol,tick,lot,reference_price,restricted\n")
            file.writelines(f"{symbol},0.01,100,150.00,no\n" for symbol in SYMBOLS)
        if not os.path.exists(f"{self.services.dir}/accounts.csv"):
            accounts_file(f"{self.services.dir}/accounts.csv")
        shutil.copy(f"{self.services.dir}/accounts.csv", f"{self.tmp}/accounts.csv")
        journal = ", ".join(f"{key}: {value}" for key, value in self.journal.items())
        with open(f"{self.tmp}/venue.yaml", "w", encoding="utf-8") as file:
            file.write(CONFIG.format(tmp=self.tmp, data=self.data, port=self.port, journal=journal,
                                     orders_max=options.get("orders_max", 262144),
                                     drain_ms=options.get("drain_ms", 120000)) + self.export + options.get("more", ""))

    # --- the process --------------------------------------------------------------------------------------------------

    def start(self, **environment):
        """Begins a life; `environment` is of this one alone."""
        self.log_from = os.path.getsize(self.log_path)
        command = [*self.prefix, self.program, f"{self.tmp}/venue.yaml"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=ROOT,
                                        env={**os.environ, **self.environment, **environment})
        self.starts += 1

    def end(self, sig):
        self.process.send_signal(sig)
        wait_until(f"the process ends by {signal.Signals(sig).name}", lambda: not self.running())
        code = self.process.returncode
        if sig == signal.SIGTERM and code != 0:
            raise Broken(f"an orderly stop ended with exit code {code}")
        return code

    def running(self):
        return self.process is not None and self.process.poll() is None

    def check_alive(self):
        if not self.running():
            raise Broken(f"wirebook ended by itself with {self.process.returncode}, see {self.log_path}")

    def said(self):
        """What this life has logged."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            file.seek(self.log_from)
            return file.read()

    def wait_said(self, pattern, seconds=PATIENCE_S):
        """Waits for a line of this life; the clients go on."""
        patience = Patience(seconds, f"the venue says '{pattern}' (see {self.log_path})")
        while not re.search(pattern, self.said()):
            patience.check()
            self.trade(0.02)

    def wait_ended(self, codes, pattern, seconds=PATIENCE_S):
        """It ends by itself, with one of these exit codes and a line that says why; the clients see what it still sends."""
        patience = Patience(seconds, f"the venue ends (see {self.log_path})")
        while self.running():
            self.trade(0.02)
            patience.check()
        if self.process.returncode not in codes:
            raise Broken(f"the venue ended with {self.process.returncode}, not {codes}, see {self.log_path}")
        if not re.search(pattern, self.said()):
            raise Broken(f"it ended without '{pattern}', see {self.log_path}")
        self.drain()

    def close(self):
        if self.running():
            self.process.kill()
            self.process.wait()
        for client in self.clients:
            client.lose()
        self.log.close()
        try:  # it has cost the server thousands of files
            self.administer(f"drop database if exists {self.dbname} with (force)")
        except subprocess.SubprocessError as error:
            say(f"    note: {error}")

    def administer(self, *queries):
        """Away from the case's own database; the server may still be reading its own log after a SIGKILL."""
        wait_until("PostgreSQL answers", lambda: subprocess.run(
            self.services.psql + ["-qc", "select 1"], env={**os.environ, "PGDATABASE": "postgres"}, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0)
        subprocess.run(self.services.psql + [word for query in queries for word in ("-qc", query)], check=True,
                       env={**os.environ, "PGDATABASE": "postgres", "PGOPTIONS": "-c client_min_messages=warning"})

    # --- the clients --------------------------------------------------------------------------------------------------

    def trade(self, seconds, alive=False):
        """Lets the clients work; returns how many messages came. `alive`: the venue must not end meanwhile."""
        until, count = time.monotonic() + seconds, 0
        while (now := time.monotonic()) < until:
            came = 0
            for client in self.clients:
                for _ in range(client.random.randint(0, 10)):
                    if len(client.sent) < UNANSWERED_MAX:
                        client.ask()
                came += client.turn(now)
            count += came
            if not came:
                time.sleep(0.002)
            if alive:
                self.check_alive()
        return count

    def wait_for_logins(self, alive=True):
        patience = Patience(PATIENCE_S, f"somebody can log in (see {self.log_path})")
        while not any(client.live for client in self.clients):
            self.trade(0.02, alive)
            patience.check()

    def drain(self):
        """The venue is dead: they read what had been sent to them, then the end."""
        while any(client.live for client in self.clients):
            self.trade(0.01)

    def up(self, **environment):
        """Started, and somebody is in."""
        self.start(**environment)
        self.wait_for_logins()

    def seen(self):
        return sum(len(messages) for client in self.clients for messages in client.seen.values())

    def settle(self):
        """Everybody reads everything of the day again, from 1, and gets all that is still to come."""
        self.hush()
        for client in self.clients:
            client.reread_all = True
            client.lose()
        patience = Patience(PATIENCE_S, f"all is answered (see {self.log_path})")
        while not all(client.settled() for client in self.clients):
            self.trade(0.05, True)
            patience.check()
        self.trade(0.3, True)

    def hush(self):
        """They ask for nothing."""
        for client in self.clients:
            client.quiet = True

    def again(self):
        """After hush() and settle(): they ask for more."""
        for client in self.clients:
            client.quiet = False

    # --- the oracle ---------------------------------------------------------------------------------------------------

    def whole_journal(self):
        """Where all of it is: data_dir, or that and what has gone to the archive and been used again."""
        if not self.archive:
            return self.data
        folder = f"{self.tmp}/whole"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for path in glob.glob(f"{self.archive}/*/*.journal") + glob.glob(f"{self.data}/*.journal"):
            to = os.path.join(folder, os.path.basename(path))
            if os.path.exists(to) and open(to, "rb").read() != open(path, "rb").read():
                raise Differs(f"{os.path.basename(path)} is not what the archive has")
            shutil.copy(path, to)
        return folder

    def compare(self):
        """The venue has ended in order. Returns the open orders that all agree on, and what was compared in words."""
        tool, folder = f"{BIN}/wirebook-journal", self.whole_journal()
        verified = subprocess.run([tool, "verify", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if verified.returncode != 0:
            raise Differs(f"wirebook-journal verify says: {verified.stdout[-500:]}")
        journal = journal_check.Journal(tool, folder)
        seen = sum(journal_check.check_client(journal, client) for client in self.clients)
        rows = journal_check.check_postgres(journal, self.psql)
        fills = journal_check.check_redis(journal, self.redis_cli, f"{self.dbname}:fills")
        open_orders = journal_check.rows(self.psql, "select count(*) from open_orders")
        known = sum(len(client.open) for client in self.clients)
        if open_orders != [(str(known),)]:
            raise Differs(f"the clients know {known} open orders, PostgreSQL {open_orders}")
        return known, f"{journal.last_seq} transactions, {seen} messages seen, {rows} rows, {fills} fills: all the same"

    def started_with(self):
        """Open orders that the last start reported."""
        return int(re.findall(r"(\d+) open orders", self.said())[-1])

    def catch_up(self):
        """It has ended in order. Where it said that an export was behind, the next life goes on with that. Returns how many more
        lives it took; a far end that never gets there is a promise broken."""
        lives = 0
        while behind := re.findall(BEHIND, self.said()):
            if lives == LIVES_MAX:
                raise Broken(f"still behind after {lives} more lives: {behind}, see {self.log_path}")
            lives += 1
            self.start()
            self.wait_said("listening on")
            self.end(signal.SIGTERM)
            self.drain()
        return lives

    def judge(self):
        """Ends everything in order and asks the oracle. Returns what it found, in words."""
        if not self.running():
            self.up()
        self.settle()
        self.end(signal.SIGTERM)
        self.drain()
        lives = self.catch_up()
        known, found = self.compare()
        if self.clock:  # the comparison may have outlasted the day, whose orders end with it
            self.clock.set(self.clock.seconds - 3600)
        self.up()
        if self.started_with() != known:
            raise Differs(f"the clients know {known} open orders, the venue began with {self.started_with()}")
        self.end(signal.SIGTERM)
        return found + (f"; an export came up with the rest in {lives} more lives" if lives else "")


def services_start(folder):
    """PostgreSQL and Redis for all cases of a run; the database that has our schema becomes the template of theirs."""
    services = Databases(folder)
    subprocess.run(services.psql + ["-qc", f"alter database {services.env['PGDATABASE']} rename to template_wb"],
                   env={**os.environ, "PGDATABASE": "postgres"}, check=True)
    return services
