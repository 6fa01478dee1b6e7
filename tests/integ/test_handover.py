#!/usr/bin/env python3
"""Moves a session 200 times between three gateways of a real venue, under load.

wirebook with durability `disk` and three gateway agents on three threads behind one address. Three accounts trade as fast
as they can; a fourth does, too, and logs in again and again, through whichever gateway the kernel chooses: while its
connection before is still sending, has just been closed, is closed a little later, or is left for the venue to end. Until
200 of these logins came to another gateway than the one before. Then everybody reads everything once more, and what any
client ever saw must be what the journal says: in order, nothing missing, nothing double, every order answered once.

WB_MOVES=n for n. WB_SEED chooses what happens (not the machine's timing, nor the kernel's choice).
wb-test: variants=release,asan timeout=170
"""
import os
import random
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import journal_check  # noqa: E402
from clients import TMP, check, free_port, program  # noqa: E402
from gateways import SYMBOLS, metric, venue_start, write_files  # noqa: E402
from journal_check import Differs  # noqa: E402
from ouch_client import Broken, Client  # noqa: E402

MOVES = int(os.environ.get("WB_MOVES", 200))
SEED = int(os.environ.get("WB_SEED", 1))
USERS = ["HAND01", "HAND02", "HAND03", "HAND04"]
PATIENCE_S = 100


class Mover(Client):
    """A client that logs in over its own live connection."""

    old = ()  # connections of before, each with the time at which it is to be closed
    late = None  # of them, the one that goes on sending

    def move(self, now):
        """Another connection takes over; what was just sent by the one before may come late."""
        for _ in range(self.random.randint(0, 8)):
            self.ask()
        self.turn(now)
        if self.sock:
            self.old = [*self.old, (now + self.random.choice([0, 0.0005, 0.002, 3600]), self.sock)][-20:]
        self.late = self.sock if self.live and not self.outbox else None
        self.sock, self.live, self.retry_at = None, False, 0
        self.connect(now)
        self.close_old(now)

    def turn(self, now):
        """Until the login is answered, the connection before goes on with orders: some are still taken."""
        if self.late and self.sock and not self.live:
            payload = self.enter()
            packet = struct.pack(">Hc", len(payload) + 1, b"U") + payload
            self.sent.append((self.next_ref, payload, True))
            self.next_ref += 1
            try:
                if self.late.send(packet) < len(packet):
                    self.late = None
            except OSError:
                self.late = None  # it has ended, or takes nothing now: all is sent again after the login
        return super().turn(now)

    def close_old(self, now):
        for at, sock in self.old:
            if at <= now:
                sock.close()
        self.old = [(at, sock) for at, sock in self.old if at > now]


def work(venue, clients, until):
    """Lets everybody trade until `until()`."""
    end = time.monotonic() + PATIENCE_S
    while not until():
        now = time.monotonic()
        came = 0
        for client in clients:
            for _ in range(client.random.randint(0, 6)):
                client.ask()
            came += client.turn(now)
        clients[0].close_old(now)
        if not came:
            time.sleep(0.001)
        if venue.poll() is not None:
            raise Broken(f"wirebook ended by itself with {venue.returncode}, see {TMP}/venue.log")
        if now > end:
            raise Broken("not within 100 s: " + str([(c.user, c.live, c.last_ref, c.next_ref - 1) for c in clients]))


def move_about(venue, clients):
    mover, dice, logins = clients[0], random.Random(SEED), 0
    while metric("gateway_accounts_in_total") < MOVES + len(USERS):
        after = time.monotonic() + dice.choice([0, 0, 0.002, 0.01])
        work(venue, clients, lambda: mover.live and time.monotonic() >= after)  # pylint: disable=cell-var-from-loop
        for _ in range(dice.choice([1, 1, 1, 2])):  # or a second login before the first is answered
            mover.move(time.monotonic())
            logins += 1
    return logins


def settle(venue, clients):
    """Everybody reads everything again, from 1, and gets all that is still to come."""
    for client in clients:
        client.quiet, client.reread_all, client.retry_at = True, True, 0
        client.lose()
    work(venue, clients, lambda: all(client.settled() for client in clients))


def compare(clients):
    tool = program("wirebook-journal")
    subprocess.run([tool, "verify", f"{TMP}/journal"], check=True, stdout=subprocess.DEVNULL)
    journal = journal_check.Journal(tool, f"{TMP}/journal")
    seen = sum(journal_check.check_client(journal, client) for client in clients)
    print(f"clients saw {seen} messages: the journal's {journal.last_seq} transactions say the same")


def main():
    port = free_port()
    write_files(port, 3, "SECRET", [(user, "FIRM", "") for user in USERS])
    venue = venue_start()
    clients = [(Mover if i == 0 else Client)(user, "SECRET", port, SYMBOLS, SEED * 100 + i)
               for i, user in enumerate(USERS)]
    try:
        work(venue, clients, lambda: all(client.live for client in clients))
        logins = move_about(venue, clients)
        settle(venue, clients)
        venue.send_signal(signal.SIGTERM)
        check(venue.wait(30) == 0, "an orderly end")
        compare(clients)
    except (Broken, Differs, subprocess.SubprocessError) as error:
        print(f"FAILED: {error} (seed {SEED}, files in {TMP})")
        return 1
    counts = {name: metric(f"gateway_{name}_total") for name in (
        "accounts_in", "messages_aside", "stores_joined", "stores_replaced", "accounts_through", "accounts_back")}
    counts["stale"] = metric("engine_stale_total")
    counts["stale_disconnects"] = metric("engine_stale_disconnects_total")
    print(f"{logins} logins, {counts}, {clients[0].resent} requests sent again")
    check(counts["accounts_in"] >= MOVES and counts["stores_joined"] >= MOVES / 2 and counts["stale"] > 0,
          "sessions moved with their stores while commands were on their way")
    return 0


if __name__ == "__main__":
    sys.exit(main())
