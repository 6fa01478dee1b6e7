#!/usr/bin/env python3
"""The far end of the export stops reading in the middle of a batch: wirebook goes on, and Redis gets every fill once.

Between wirebook and a private Redis stands a relay on a Unix socket. It lets nobody in until there is a backlog that no
socket takes at once; then, three times, it takes the beginning of a batch and shuts its read side, so that the rest of the
write ends with EPIPE (and SIGPIPE, of which a process dies that has not asked to be spared). After that it relays: the first
batch slower than the time in which a server must give a sign of life, for a slow line is no silence. At the end the venue
stops twice more: with its far end there, and with it away, for which it does not wait.
wb-test: timeout=90
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ACCOUNTS, ROOT, TMP, Venue, bench, check, program, wait_for  # noqa: E402

CUTS = 3

EXPORT = """
durability: none
export:
  retry_min_ms: 20
  retry_max_ms: 100
  redis: {{enabled: yes, socket: {path}, prefix: gone, batch_rows: 100000, commit_timeout_ms: 400}}
"""


class Relay:
    """Listens at `path`, joins what comes to Redis' port; one connection at a time, as the exporter makes them."""

    def __init__(self, path, port):
        self.port, self.cuts, self.slow_bytes = port, 0, 600000
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)

    def open(self):
        self.server.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.server.accept()
            far = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self.answers, args=(far, near), daemon=True).start()
            self.requests(near, far)
            far.close()
            near.close()

    def answers(self, far, near):
        try:
            while data := far.recv(65536):
                near.sendall(data)
        except OSError:
            pass

    def requests(self, near, far):
        try:
            while data := near.recv(4096):
                if b"EVALSHA" in data and self.cuts < CUTS:
                    time.sleep(0.2)  # the venue fills the socket
                    near.shutdown(socket.SHUT_RD)
                    self.cuts += 1
                    time.sleep(0.3)  # ours stays open: the venue learns it from its write alone
                    return
                if self.cuts == CUTS and self.slow_bytes > 0:
                    self.slow_bytes -= len(data)
                    time.sleep(0.008)
                far.sendall(data)
        except OSError:
            pass


def services(verb):
    return subprocess.run([f"{ROOT}/scripts/local-services", verb, f"{TMP}/services"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def journal_fills(folder):
    text = subprocess.run([program("wirebook-journal"), "print", folder], check=True, stdout=subprocess.PIPE).stdout
    return text.count(b"type=EV_EXECUTED")


def took(venue, low, high):
    begin = time.monotonic()
    check(venue.stop() == 0, "an orderly stop")
    took = time.monotonic() - begin
    check(low <= took < high, f"a stop of {took:.1f} s")


def away(folder):
    """Nobody listens: a second, not drain_timeout_ms; what is missing there is said."""
    with Venue("alone", EXPORT.format(path=f"{folder}/none.sock")) as venue:
        bench(venue.port, ACCOUNTS, "--rate", "1000", "--seconds", "0.2", "--warmup", "0")
        took(venue, 0.9, 4)
        with open(venue.log, encoding="utf-8") as log:
            check("transactions behind at the end; the next start goes on" in log.read(), "who is behind is told")


def play(folder, port):
    relay = Relay(f"{folder}/redis.sock", port)
    with Venue("venue", EXPORT.format(path=f"{folder}/redis.sock")) as venue:
        bench(venue.port, ACCOUNTS, "--rate", "4000", "--seconds", "2", "--warmup", "0", "--mix", "50,0,0,50")
        relay.open()
        wait_for("a batch is cut three times", lambda: relay.cuts == CUTS or venue.process.poll() is not None, 20)
        fills = journal_fills(f"{venue.dir}/data")
        check(fills > 4000, f"only {fills} fills: no backlog")
        ask = ["redis-cli", "-p", str(port), "XLEN", "gone:fills"]
        wait_for(f"{fills} fills in Redis, as in the journal (see {venue.log})",
                 lambda: venue.process.poll() is not None or int(subprocess.check_output(ask)) == fills, 20)
        check(venue.process.poll() is None, f"wirebook ended by itself with {venue.process.returncode}")
        check(relay.slow_bytes <= 0, "a batch that took its time")
        took(venue, 0, 4)
        check(int(subprocess.check_output(ask)) == fills, "no more fills in Redis than in the journal")
        print(f"{relay.cuts} batches cut, {fills} fills in the journal and in Redis")


def main():
    folder = tempfile.mkdtemp(prefix="wb-gone.")  # short: a socket's path has at most 107 bytes
    os.makedirs(f"{TMP}/services", exist_ok=True)
    try:
        services("start-redis")
        env = dict(line.split("=", 1) for line in services("env").splitlines() if "=" in line)
        play(folder, int(env["REDIS_PORT"]))
        away(folder)
    finally:
        services("stop")
        shutil.rmtree(folder, ignore_errors=True)


main()
