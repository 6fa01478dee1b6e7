#!/usr/bin/env python3
"""All accounts of a venue at once: logged in, each answered, kept, and back within 10 s of a restart.

Real processes: wirebook with its own auth thread and argon2id hashes, sockets on loopback. The first logins cost a password
hash each. The process is killed and started again: everybody is back at once, without one hash being computed, because the
key of the digests is with the kernel. Wrong passwords that are thrown at the venue meanwhile cost their hashes and hold
nobody up. Then the key is taken away, as a reboot does: the hashes are computed again.

400 accounts for 5 s; with WB_FULL=1 5,000 accounts, all with the hashes that --hash-password makes, for 60 s, and what the
reboot costs is printed. wb-test: timeout=600
"""
import ctypes
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from clients import Venue, check, program, wait_for  # noqa: E402
from swarm import Swarm  # noqa: E402

FULL = bool(os.environ.get("WB_FULL"))
COUNT = 5000 if FULL else 400
KEPT_S = 60 if FULL else 5
BACK_S = 10
ACCOUNTS = [(f"S{i:05}", "SWARMPASS") for i in range(COUNT)]

MORE = """
venue: {{timezone: UTC, day_end: none}}
reference: {{accounts_file: {dir}/accounts.csv}}
engine: {{accounts_max: {accounts}}}
auth: {{failures_max: 0}}
metrics: {{file: {dir}/metrics, interval_ms: 100}}
threads:
  - {{name: hot, idle: backoff, agents: [gateway, engine, persist]}}
"""


def stored_hash():
    """A hash of SWARMPASS: in full as wirebook makes it, else one that costs as little as argon2id can."""
    if FULL:
        return subprocess.run([program("wirebook"), "--hash-password"], input="SWARMPASS", check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
    sodium = ctypes.CDLL("libsodium.so.23")
    check(sodium.sodium_init() >= 0, "libsodium starts")
    out = ctypes.create_string_buffer(128)
    check(sodium.crypto_pwhash_str(out, b"SWARMPASS", ctypes.c_ulonglong(9), ctypes.c_ulonglong(1),
                                   ctypes.c_size_t(8192)) == 0, "a password is hashed")
    return out.value.decode()


def metric(venue, name):
    try:
        with open(f"{venue.dir}/metrics", encoding="utf-8") as file:
            return sum(int(float(line.split()[-1])) for line in file if line.startswith(name))
    except OSError:
        return 0


def venue_make(name="reconnect"):
    venue = Venue(name, "", segment_mb=16)
    with open(venue.conf, encoding="utf-8") as file:
        text = file.read()
    text = text.replace("gateway:\n", f"gateway:\n  connections_max: {COUNT + 256}\n  unauthenticated_per_source: 0\n"
                        "  store_slots: 256\n")
    with open(venue.conf, "w", encoding="utf-8") as file:
        file.write(text + MORE.format(dir=venue.dir, accounts=COUNT))
    stored = stored_hash()
    with open(f"{venue.dir}/accounts.csv", "w", encoding="utf-8") as file:
        file.write("user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,restricted\n")
        file.writelines(f'{user},FIRM,"{stored}",yes,none,none,none,none,\n' for user, _ in ACCOUNTS)
    return venue


def key_serial(venue):
    """The kernel's key of the venue; add_key and keyctl have no wrapper in libc."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(250, 10, -4, b"user", f"wirebook:auth:{os.path.realpath(venue.dir)}/data".encode(), 0)


def key_forget(venue):
    serial = key_serial(venue)
    check(serial > 0, "the kernel has a key of the venue")
    check(ctypes.CDLL(None, use_errno=True).syscall(250, 21, serial) == 0, "the key is gone")


def hostile(port):
    """64 more connections that log in with a wrong password and never go away: each costs a hash."""
    swarm = Swarm(port, [(ACCOUNTS[i][0], "WRONG") for i in range(64)], lambda i: f"127.0.1.{i + 1}")
    for index, member in enumerate(swarm.members):
        swarm.connect(member, index)
        member.sock.setblocking(True)
        member.sock.sendall(member.outbox)
    return swarm


def back_after_restart(venue):
    """SIGKILL, start, wrong passwords first, then everybody. Returns the seconds from the first connection on."""
    venue.kill()
    venue.start()
    bad = hostile(venue.port)
    swarm = Swarm(venue.port, ACCOUNTS)
    seconds = swarm.storm(BACK_S)
    wait_for("the metrics are written", lambda: metric(venue, "wirebook_auth_remembered_total") == COUNT)
    check(metric(venue, "wirebook_auth_hashed_total") <= 64, "only wrong passwords cost a hash after the restart")
    check(metric(venue, "wirebook_auth_recalled_total") == COUNT, "all are remembered")
    bad.close()
    return swarm, seconds


def test_everybody():
    venue = venue_make()
    venue.start()
    swarm = Swarm(venue.port, ACCOUNTS)
    first = swarm.storm(500)
    answered = swarm.orders(30)
    swarm.keep(KEPT_S)
    check(all(m.live for m in swarm.members), "all are there at the end")
    swarm.close()
    swarm, back = back_after_restart(venue)
    check(back < BACK_S, f"all are back within {BACK_S} s: {back:.1f} s")
    replayed = swarm.until("each has his accepted order again", lambda m: any(b[:1] == b"A" for b in m.messages), 30)
    swarm.close()
    venue.kill()
    key_forget(venue)
    venue.start()
    swarm = Swarm(venue.port, ACCOUNTS)
    reboot = swarm.storm(500)
    wait_for("the metrics are written", lambda: metric(venue, "wirebook_auth_hashed_total") == COUNT)
    check(metric(venue, "wirebook_auth_recalled_total") == 0, "without the key nothing is remembered")
    swarm.close()
    check(venue.stop() == 0, "wirebook ends in order")
    key_forget(venue)
    print(f"{COUNT} accounts: first login {first:.2f} s ({first / COUNT * 1000:.1f} ms a hash), answered {answered:.2f} s, kept {KEPT_S} s; back after a restart "
          f"{back:.2f} s, replayed {replayed:.2f} s; without the kernel's key {reboot:.2f} s")


if __name__ == "__main__":
    begin = time.monotonic()
    test_everybody()
    print(f"ok test_everybody in {time.monotonic() - begin:.1f} s")
