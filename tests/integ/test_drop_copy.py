#!/usr/bin/env python3
"""Drop copies of a firm and of the whole venue, while three accounts trade as fast as they can.

wirebook with durability `disk` and two gateway agents. The copies lose their connections again and again, come back with
their next number or read all from 1, through whichever gateway the kernel chooses; one does not read at all for most of
the time; one says what it may not. Half-way the venue is killed and started again. In the end each copy has every message
that the accounts of its firm, or all, have seen: in the order of the journal, nothing missing, nothing double, the very
bytes. WB_SECONDS=n for more than 4, WB_SEED for other dice.
wb-test: variants=release,asan timeout=100
"""
import os
import random
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import journal_check  # noqa: E402
from clients import TMP, check, free_port, program, wait_for  # noqa: E402
from gateways import SYMBOLS, metric, venue_start, write_files  # noqa: E402
from journal_check import Differs  # noqa: E402
from ouch_client import Broken, Client  # noqa: E402

SECONDS = float(os.environ.get("WB_SECONDS", 4))
SEED = int(os.environ.get("WB_SEED", 1))
FIRMS = {"TRAD01": "AAAA", "TRAD02": "AAAA", "TRAD03": "BBBB", "COPYA1": "AAAA", "COPYA2": "AAAA", "COPYB1": "BBBB",
         "COPALL": "BBBB"}
COPIES = {"COPYA1": "firm", "COPYA2": "firm", "COPYB1": "firm", "COPALL": "all"}
PATIENCE_S = 60


class Copy(Client):
    """Reads and compares as any client; a message is whose it is, its number in that stream, and OUCH."""

    rejected = traded = 0

    def learn(self, kind, body):
        self.traded += body[:4] == b"TRAD"
        if body[:6] == self.user.encode() and body[14:15] == b"J":
            check(body[27:29] == b"\x00\x0c", f"{self.user}: firm not authorized: {body.hex()}")
            self.rejected += 1

    def try_to_trade(self):
        """An order, which is rejected, and requests that would cancel what its firm has, which are ignored."""
        self.put(b"U" + self.enter())
        self.next_ref += 1
        self.put(b"U" + struct.pack(">cI4s8sH", b"C", self.next_ref, FIRMS[self.user].encode(), b" " * 8, 0))
        self.put(b"U" + struct.pack(">cI4sH", b"D", self.next_ref, FIRMS[self.user].encode(), 0))


def work(venue, clients, until):
    """Turns of all clients until `until()`."""
    end = time.monotonic() + PATIENCE_S
    while not until():
        now = time.monotonic()
        came = sum(client.turn(now) for client in clients)
        if not came:
            time.sleep(0.001)
        if venue.poll() is not None:
            raise Broken(f"wirebook ended by itself with {venue.returncode}, see {TMP}/venue.log")
        if now > end:
            raise Broken("not in time: " + str([(c.user, c.live, c.seen and len(c.seen[c.day])) for c in clients]))


def trade(venue, traders, copies, seconds):
    """`copies` come and go meanwhile."""
    dice, end = random.Random(SEED), time.monotonic() + seconds

    def turn():
        for trader in traders:
            for _ in range(dice.randint(0, 4)):
                trader.ask()
        if dice.random() < 0.01:
            victim = dice.choice(copies)
            victim.reread_all = dice.random() < 0.3
            victim.lose()
        return time.monotonic() >= end
    work(venue, [*traders, *copies], turn)


def complete(copy, traders):
    """It is in, has read again what it wanted to, and has as many messages as there are: compare() says whether the right ones."""
    sources = [t for t in traders if COPIES[copy.user] == "all" or FIRMS[t.user] == FIRMS[copy.user]]
    return (copy.live and copy.next_seq > len(copy.seen[copy.day]) and
            copy.traded >= sum(len(t.seen[t.day]) for t in sources))


def expected(journal, clients, copy):
    """What the copy must have seen: the bytes that the accounts have seen, in the journal's order."""
    users = {account: user for user, account in journal.users.items()}
    streams = {client.user: client.seen for client in clients}
    for m in journal.events:
        user, number = users.get(int(m["account"]), ""), int(m["session_seq"])
        if number == 0 or (COPIES[copy.user] == "firm" and FIRMS[user] != FIRMS[copy.user]):
            continue
        # what a copy's account is told itself, nobody else has seen
        payload = streams[user][copy.day][number - 1] if user in streams else None
        yield user, number, payload


def compare(traders, copies):
    tool = program("wirebook-journal")
    subprocess.run([tool, "verify", f"{TMP}/journal"], check=True, stdout=subprocess.DEVNULL)
    journal = journal_check.Journal(tool, f"{TMP}/journal")
    for copy in copies:
        wanted = list(expected(journal, traders, copy))
        got = [(b[:6].decode(), struct.unpack_from(">Q", b, 6)[0], b[14:]) for b in copy.seen[copy.day]]
        got = [(user, number, payload if wanted_payload else None)
               for (user, number, payload), (_, _, wanted_payload) in zip(got, wanted)] + got[len(wanted):]
        journal_check.same(copy.user, wanted, got)
        print(f"{copy.user}: {len(got)} messages as in the journal, {copy.logins} logins, {copy.reread} from 1 again")


def main():
    port = free_port()
    write_files(port, 2, "SECRET", [(user, firm, COPIES.get(user, "")) for user, firm in FIRMS.items()])
    venue = venue_start()
    traders = [Client(user, "SECRET", port, SYMBOLS, SEED + i) for i, user in enumerate(FIRMS) if user not in COPIES]
    copies = [Copy(user, "SECRET", port, SYMBOLS, SEED + 10 + i) for i, user in enumerate(COPIES)]
    deaf = copies[1]
    restless = [copy for copy in copies if copy is not deaf]
    try:
        work(venue, [*traders, *copies], lambda: all(c.live for c in [*traders, *copies]))
        trade(venue, traders, restless, SECONDS / 2)
        copies[0].reread_all = False
        work(venue, [*traders, *copies], lambda: copies[0].live)
        copies[0].try_to_trade()
        work(venue, [*traders, *copies], lambda: copies[0].rejected == 1)
        wait_for("what it said is counted", lambda: metric("gateway_copy_requests_refused_total") == 3)
        check(metric("gateway_messages_copied_total") > 100, "copies are counted")
        venue.kill()
        venue.wait()
        venue = venue_start()
        trade(venue, traders, restless, SECONDS / 2)
        for trader in traders:
            trader.quiet = True
        work(venue, [*traders, *copies], lambda: all(trader.settled() for trader in traders))
        work(venue, [*traders, *copies], lambda: all(complete(copy, traders) for copy in copies))
        venue.terminate()
        check(venue.wait(30) == 0, "an orderly end")
        compare(traders, copies)
    except (Broken, Differs, subprocess.SubprocessError) as error:
        print(f"FAILED: {error} (seed {SEED}, files in {TMP})")
        return 1
    check(all(copy.logins > 1 and copy.reread > 0 for copy in restless), "copies came and went")
    return 0


if __name__ == "__main__":
    sys.exit(main())
