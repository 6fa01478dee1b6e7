#!/usr/bin/env python3
"""Clients that others wrote talk to a real venue: PyPI's nasdaq-protocols, installed by this test into build/interop, and npm's
soupbintcp. Both left-justify a login's fields; the one is of SoupBinTCP 4, the other of 3.00, and each has heartbeats of its own.
Log in, trade, come back for the rest, sit silent beyond the venue's patience, be refused."""
import os
import re
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import npm  # noqa: E402
from clients import ROOT, Venue, check, client, free_port, run_tests  # noqa: E402
from soup import enter  # noqa: E402

PACKAGE = "nasdaq-protocols==1.3.0"
HOME = os.path.join(ROOT, "build", "interop")

# Both run in the environment of their package and say in the same lines what they see.
IN_PYTHON = r'''
import asyncio, sys
from nasdaq_protocols import soup

async def main(port, user, password, sequence, orders):
    seen = asyncio.Queue()
    async def on_message(message):
        await seen.put(message)
    try:
        session = await soup.connect_async(("127.0.0.1", port), user, password, sequence=sequence, on_msg_coro=on_message,
                                           client_heartbeat_interval=1, server_heartbeat_interval=3)
    except ConnectionRefusedError:
        print("refused")
        return
    print("session", session.session_id.session, session.sequence)
    for order in orders:
        session.send_unseq_data(bytes.fromhex(order))
    while True:
        try:
            message = await asyncio.wait_for(seen.get(), 4)  # longer than its idea of a silent server
        except asyncio.TimeoutError:
            break
        if isinstance(message, soup.SequencedData):
            print("message", message.data.hex())
    session.logout()

asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:]))
'''


IN_JAVASCRIPT = r'''
const { Client } = require("soupbintcp");
const [port, username, password, sequence, ...orders] = process.argv.slice(1);
const client = new Client({ host: "127.0.0.1", port: Number(port) }, () =>
  client.login({ username, password, requestedSession: "", requestedSequenceNumber: Number(sequence) }));
client.on("accept", ({ session, sequenceNumber }) => {
  console.log("session", session.trim(), sequenceNumber - 1);
  for (const order of orders) client.send(Buffer.from(order, "hex"));
  setTimeout(() => client.logout(), 4000); // its heartbeats alone keep it in
});
client.on("reject", () => { console.log("refused"); client.end(); });
client.on("message", (payload) => console.log("message", payload.toString("hex")));
client.on("error", (error) => console.log("error", error.message));
'''


def install():
    """Returns the interpreter that has the package. What cannot be had is a failure, with its reason."""
    python = os.path.join(HOME, "bin", "python")
    done = os.path.join(HOME, PACKAGE)
    if not os.path.exists(done):
        for command in (["/usr/bin/python3", "-m", "venv", HOME], [python, "-m", "pip", "-q", "install", PACKAGE]):
            run = subprocess.run(command, capture_output=True, text=True, timeout=180)
            check(run.returncode == 0, f"{' '.join(command)}: {run.stdout}{run.stderr}")
        open(done, "w", encoding="utf-8").close()
    return python


def theirs(command, port, user, password, sequence, *orders):
    run = subprocess.run([*command, str(port), user, password, str(sequence), *(o.hex() for o in orders)],
                         capture_output=True, text=True, timeout=60, cwd=npm.HOME)
    check(run.returncode == 0, run.stdout + run.stderr)
    return [line.split() for line in run.stdout.splitlines()]


def impatient(name):
    """A venue that drops who is silent for 2.5 s."""
    venue = Venue(name, f"management: {{port: {free_port()}}}\n")
    with open(venue.conf, encoding="utf-8") as file:
        text = file.read()
    with open(venue.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("gateway:\n", "gateway:\n  heartbeat_ms: 1000\n  silence_timeout_ms: 2500\n"))
    return venue


def dropped_silent(venue):
    """How many sessions the venue has ended because nothing came from them."""
    with open(venue.conf, encoding="utf-8") as file:
        port = re.search(r"management: {port: (\d+)}", file.read()).group(1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return re.findall(r'^wirebook_gateway_sessions_ended_total{.*reason="silent".*} (\d+)$', answer.read().decode(), re.M)


def trades(name, command):
    with impatient(name) as venue:
        client(venue.port, "BRAV01", "sell 100 AAPL 225.50; expect accepted")
        first = theirs(command, venue.port, "ALFA01", "ALFA01PASS", 1, enter(1, price=2255000),
                       enter(2, shares=50, price=2250000))
        check(first[0][0] == "session" and first[0][1].endswith("01") and int(first[0][2]) == 0, first)
        kinds = "".join(chr(int(word[1][:2], 16)) for word in first[1:])
        check(kinds == "SAEA", f"what it saw: {kinds}")
        again = theirs(command, venue.port, "alfa01", "alfa01pass", 3)  # case does not matter; from the third message on
        check([w[1] for w in again[1:]] == [w[1] for w in first[3:]], f"{again} after {first}")
        check(theirs(command, venue.port, "ALFA01", "WRONG", 1) == [["refused"]], "a wrong password")
        check(dropped_silent(venue) == ["0"], "their heartbeats keep them in")
        check(theirs(command, venue.port, "ALFA01", "ALFA01PASS", 100) == [["refused"]], "a number still to come")


def test_nasdaq_protocols():
    os.makedirs(npm.HOME, exist_ok=True)
    trades("python", [install(), "-c", IN_PYTHON])


def test_soupbintcp():
    npm.install()
    trades("node", ["node", "-e", IN_JAVASCRIPT])


run_tests(test_nasdaq_protocols, test_soupbintcp)
