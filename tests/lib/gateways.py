"""A venue of several gateway agents behind one address, in TMP; its session stores are small, so that most is replayed."""
import re
import subprocess

from clients import TMP, check, program, start, wait_for

SYMBOLS = ["AAPL", "MSFT"]
THREADS = ["{name: hot, idle: backoff, agents: [gateway, engine, persist]}", "{name: second, idle: backoff, agents: [gateway1]}",
           "{name: third, idle: backoff, agents: [gateway2]}"]

CONFIG = """
data_dir: {tmp}/journal
venue: {{timezone: UTC, day_end: none}}
reference: {{instruments_file: {tmp}/instruments.csv, accounts_file: {tmp}/accounts.csv}}
gateway:
  count: {count}
  listen: [{{address: 127.0.0.1, port: {port}}}]
  store_slots: 256
engine: {{accounts_max: 16, instruments_max: 16, orders_max: 262144}}
journal: {{segment_mb: 4, low_space_mb: 64, hard_space_mb: 32}}
threads: [{threads}]
memory: {{huge_pages: off}}
metrics: {{file: {tmp}/metrics, interval_ms: 100}}
"""


def write_files(port, count, password, accounts):
    """`count` gateways, SYMBOLS, and the accounts, each (user, firm, drop_copy), all with that password."""
    stored = subprocess.run([program("wirebook"), "--hash-password"], input=password, check=True, stdout=subprocess.PIPE,
                            text=True).stdout.strip()
    with open(f"{TMP}/instruments.csv", "w", encoding="utf-8") as file:
        file.write("symbol,tick,lot,reference_price,restricted\n")
        file.writelines(f"{symbol},0.01,100,150.00,no\n" for symbol in SYMBOLS)
    with open(f"{TMP}/accounts.csv", "w", encoding="utf-8") as file:
        file.write("user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,restricted,drop_copy\n")
        file.writelines(f'{user},{firm},"{stored}",yes,none,none,none,none,,{copy}\n' for user, firm, copy in accounts)
    with open(f"{TMP}/venue.yaml", "w", encoding="utf-8") as file:
        file.write(CONFIG.format(tmp=TMP, port=port, count=count, threads=", ".join(THREADS[:count])))


def venue_start():
    """The venue of write_files, once it listens."""
    with open(f"{TMP}/venue.log", "wb") as log:
        venue = start([program("wirebook"), f"{TMP}/venue.yaml"], stdout=log, stderr=log)
    wait_for("wirebook listens", lambda: venue.poll() is not None or b"listening on" in open(f"{TMP}/venue.log", "rb").read())
    check(venue.poll() is None, f"wirebook runs: see {TMP}/venue.log")
    return venue


def metric(name):
    """The sum over all labels, as the venue wrote it last."""
    try:
        with open(f"{TMP}/metrics", encoding="utf-8") as file:
            return sum(int(n) for n in re.findall(rf"^wirebook_{name}(?:{{.*}})? (\d+)$", file.read(), re.MULTILINE))
    except FileNotFoundError:
        return 0
