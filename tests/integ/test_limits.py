#!/usr/bin/env python3
"""Limits of firms and accounts from their files to the engine: kept over a SIGKILL, changed by the files of the next start."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, client, run_tests  # noqa: E402

HEAD = "firm,max_exposure,max_daily_notional,max_position,last_price_collar_percent\n"


def write(name, text):
    with open(os.path.join(TMP, name), "w", encoding="utf-8") as file:
        file.write(text)
    return os.path.join(TMP, name)


def accounts(exposure):
    """The published accounts, of which ALFA01 may have so much open."""
    with open(os.path.join(ROOT, "config", "accounts.csv"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    out = []
    for line in lines:
        if line.startswith("user,"):
            line += ",max_exposure"
        elif not line.startswith("#"):
            line += "," + (exposure if line.startswith("ALFA01") else "")
        out.append(line)
    return write("accounts.csv", "\n".join(out) + "\n")


def test_limits():
    venue = Venue("limits")
    firms = write("firms.csv", HEAD + "BRAV,none,none,300,\n")
    accounts("20000")
    with open(venue.conf, "a", encoding="utf-8") as file:
        file.write(f"reference: {{firms_file: {firms}, accounts_file: {TMP}/accounts.csv}}\n")
    venue.start()
    client(venue.port, "ALFA01", "buy 80 AAPL 225.50; expect accepted; buy 10 AAPL 225.50; expect rejected reason 0x20")
    client(venue.port, "BRAV01", "sell 200 MSFT 410; expect accepted; sell 101 MSFT 410; expect rejected reason 0x20",
           "sell 100 MSFT 410; expect accepted")
    venue.kill()
    venue.start()
    client(venue.port, "ALFA01", "buy 10 AAPL 225.50; expect rejected reason 0x20; buy 5 AAPL 225.50; expect accepted")
    client(venue.port, "BRAV01", "sell 1 MSFT 410; expect rejected reason 0x20")
    venue.stop()
    write("firms.csv", HEAD)  # BRAV's limit is gone, ALFA01's is higher
    accounts("23000")
    venue.start()
    client(venue.port, "BRAV01", "sell 1 MSFT 410; expect accepted")
    client(venue.port, "ALFA01", "buy 10 AAPL 225.50; expect accepted; buy 10 AAPL 225.50; expect rejected reason 0x20")
    venue.stop()


if __name__ == "__main__":
    run_tests(test_limits)
