#!/usr/bin/env python3
"""OUCH 4.2 on a port of its own: written by hand here, traded against a 5.0 client, decoded by Debian's tshark without an
unknown field, and the same stream again after a SIGKILL, tokens and all."""
import os
import re
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, free_port, run_tests  # noqa: E402
from soup import Session  # noqa: E402
from wire import Capture, Relay  # noqa: E402

PCAP = os.path.join(TMP, "ouch42.pcap")
DAY, IOC, SYSTEM_HOURS = 99998, 0, 99999
SIZES = {b"S": 10, b"A": 66, b"U": 80, b"C": 28, b"D": 37, b"E": 40, b"J": 24, b"M": 28, b"T": 36}


class OldVenue(Venue):
    """A venue with a second port for 4.2 and small session stores, so that most of a replay comes from the journal."""

    def __init__(self, name):
        self.old_port = free_port()
        super().__init__(name)
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace(f"port: {self.port}}}\n", f"port: {self.port}}}\n    - {{port: {self.old_port}, "
                            "dialect: ouch42}\n  store_slots: 256\n")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text)


class Old(Session):
    """A 4.2 client."""

    def __init__(self, port, user="ALFA01", seq=1, want=b"A"):
        began = time.monotonic()
        super().__init__(port, user, seq, want)
        self.login_s = time.monotonic() - began
        self.seen = []

    def message(self, letters, token=None):
        """The next message, which must be one of these and about that token."""
        got = self.frame()
        check(got is not None and got[0] == b"S", f"a message {letters}, got {got}")
        body = got[1]
        check(body[:1].decode() in letters, f"one of {letters}, got {body!r}")
        check(len(body) == SIZES[body[:1]], f"{body[:1]} has {len(body)} bytes")
        if token:
            check(body[9:23] == token.encode().ljust(14), f"{letters} of {token}, got {body!r}")
        self.seen.append(body)
        return body

    def enter(self, token, side="B", qty=100, price=2200000, tif=DAY, display="Y", min_qty=0, symbol="AAPL", short=False):
        message = struct.pack(">c14scI8sII4scccIcc", b"O", token.encode().ljust(14), side.encode(), qty,
                              symbol.encode().ljust(8), price, tif, b"FIRM", display.encode(), b"A", b"N", min_qty, b"N", b"N")
        self.say((message[:48] if short else message))

    def replace(self, token, by, qty, price, tif=DAY, display="Y"):
        self.say(struct.pack(">c14s14sIIIccI", b"U", token.encode().ljust(14), by.encode().ljust(14), qty, price, tif,
                                    display.encode(), b"N", 0))

    def cancel(self, token, qty=0):
        self.say(struct.pack(">c14sI", b"X", token.encode().ljust(14), qty))

    def modify(self, token, side, qty):
        self.say(struct.pack(">c14scI", b"M", token.encode().ljust(14), side.encode(), qty))


def talk(port, new_port):
    """Every message that the venue can send in 4.2."""
    old = Old(port)
    old.message("S")
    old.enter("LONG", "S", 300, 2400000, SYSTEM_HOURS)
    old.message("AJ", "LONG")
    old.enter("REST", "S", 300, 2255000)
    old.message("A", "REST")
    client(new_port, "BRAV01", "buy 100 AAPL 225.50; expect executed")
    check(struct.unpack_from(">I", old.message("E", "REST"), 23)[0] == 100, "a fill of 100")
    old.modify("REST", "T", 250)
    old.message("M", "REST")
    old.cancel("REST", 200)
    old.message("C", "REST")
    old.replace("REST", "REST2", 250, 2256000)
    check(old.message("U", "REST2")[65:79] == b"REST".ljust(14), "the token before")
    old.enter("GTT", "B", 100, 2200000, 3600)
    check(struct.unpack_from(">I", old.message("A", "GTT"), 36 + 4)[0] == 3600, "an hour to live")
    old.enter("HIDDEN", "B", 100, 2200000, display="N")
    old.message("A", "HIDDEN")
    old.enter("POST", "B", 100, 2210000, display="P")
    check(old.message("A", "POST")[48:49] == b"P", "post-only is echoed")
    old.enter("OLDER", "B", 100, 2200000, short=True)
    old.message("A", "OLDER")
    old.enter("CROSS", "B", 100, 2300000, display="P")  # it would take: it goes
    old.message("A", "CROSS")
    old.message("C", "CROSS")
    old.enter("NONE", "B", 100, 2200000, symbol="NONE")
    check(old.message("J", "NONE")[23:24] == b"S", "invalid stock")
    old.enter("DISP", "B", 100, 2200000, display="x")
    check(old.message("J", "DISP")[23:24] == b"D", "invalid display")
    old.enter("IOC", "B", 400, 2256000, IOC)
    while old.message("ACE")[:1] != b"C":
        pass
    return old


def tshark(port, *args):
    run = subprocess.run(["tshark", "-r", PCAP, "-d", f"tcp.port=={port},soupbintcp", *args], capture_output=True, text=True)
    check(run.returncode == 0, run.stderr)
    return run.stdout


def expect_decoded(port, count):
    """tshark finds so many messages from the venue in PCAP, and knows all of each; returns their letters."""
    check(tshark(port, "-Y", "_ws.malformed") == "", "no malformed frame")
    text = tshark(port, "-O", "ouch", "-Y", f"ouch && tcp.srcport == {port}")
    letters = [c for pair in re.findall(r"Packet Type: .* \('?(\w)'?\)|Packet Type: .*\((\w)\)", text) for c in pair if c]
    check(len(letters) == count == text.count("Packet Type:"), f"{len(letters)} messages decoded of {count}")
    odd = [line for line in text.splitlines() if re.search("[Uu]nknown|[Ii]nvalid value|Malformed", line)]
    check(not odd, f"unknown fields: {odd}")
    print("decoded", len(letters), "messages, of types", "".join(sorted(set(letters))))
    return set(letters)


def test_vectors_decoded_by_tshark():
    """The messages that a short talk does not bring about as well: our encoder's are these bytes (test_ouch42.c)."""
    with open(f"{ROOT}/tests/data/ouch42_vectors.tsv", encoding="utf-8") as file:
        rows = [line.split("\t") for line in file if line.startswith("4.2\tout\t")]
    stream = Relay(9042)
    frames = b"".join(struct.pack(">Hc", 1 + len(row[4].strip()) // 2, b"S") + bytes.fromhex(row[4].strip()) for row in rows)
    stream.frames = [(time.time(), 1, False, frames)]
    stream.write(PCAP)
    letters = expect_decoded(9042, len(rows))
    check(letters == set("SAUCDEBJPITM"), f"a vector of each type: {letters}")


def test_decoded_by_tshark():
    with OldVenue("decoded") as venue:
        capture = Capture(PCAP, venue.old_port)
        relay = None if capture.allowed else Relay(venue.old_port)
        old = talk(relay.port if relay else venue.old_port, venue.port)
        time.sleep(0.2)
        if relay:
            relay.write(PCAP)
        else:
            capture.stop()
        expect_decoded(venue.old_port, len(old.seen))


def test_after_a_kill():
    """Beyond the store's window, after a SIGKILL: the same bytes from 1, and every token means what it meant."""
    orders = 3000
    with OldVenue("killed") as venue:
        old = talk(venue.old_port, venue.port)
        for at in range(0, orders, 100):
            for i in range(at, at + 100):
                old.enter(f"N{i}", "B", 100, 2100000 + 100 * (i % 50))
            for i in range(at, at + 100):
                old.message("A", f"N{i}")
        first = old.seen
        venue.kill()
        venue.start()
        again = Old(venue.old_port)
        for want in first:
            check(again.message("SAUCDEJMT") == want, "the same bytes")
        print(f"{len(first)} messages learned and replayed; the login took {1000 * again.login_s:.0f} ms")
        again.enter("N7")  # used
        again.enter("REST")  # replaced and gone, but used
        again.cancel("N7")
        again.message("C", "N7")
        again.replace("N8", "M8", 200, 2100000)
        check(again.message("U", "M8")[65:79] == b"N8".ljust(14), "a token of the process that was killed")
        again.enter("FRESH")
        again.message("A", "FRESH")
        check(again.frame(0.3) is None, "nothing else comes")
        # The day is in 4.2; the other port does not have it.
        client(venue.port, "ALFA01", "wait 1", code=2)
        Old(venue.old_port, "BRAV01", want=b"J")


run_tests(test_decoded_by_tshark, test_vectors_decoded_by_tshark, test_after_a_kill)
