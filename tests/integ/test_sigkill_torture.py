#!/usr/bin/env python3
"""Kills a real venue at random moments under load, again and again, and then compares everybody's memory.

wirebook with durability `disk`, a private PostgreSQL and a private Redis, four clients that send as fast as they can
(tests/torture/rig.py). SIGKILL, restart, the clients come back and go on. Now and then PostgreSQL or Redis are killed or
stopped, too, for a while or over the venue's death and next start, or the venue is ended in order. At the end every client
reads its whole stream once more, and the oracle compares clients, journal, PostgreSQL and Redis.

5 kills, 3 of a slower variant; 50 with WB_FULL=1 (make torture); WB_KILLS=n for n. WB_SEED chooses the moments (not the
machine's timing).
wb-test: variants=release,asan timeout=170
"""
import os
import random
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture"))
from rig import Broken, Differs, Rig, say, services_start  # noqa: E402

TMP = os.environ.get("WB_TMP") or tempfile.mkdtemp(prefix="wb-sigkill-", dir="/var/tmp")
FULL = bool(os.environ.get("WB_FULL"))
VARIANT = os.environ.get("WB_VARIANT", "release")
KILLS = int(os.environ.get("WB_KILLS", 50 if FULL else 5 if VARIANT == "release" else 3))
SEED = int(os.environ.get("WB_SEED", 1))


def nothing():
    pass


def misfortune(rig, dice):
    """What happens to a far end during this life of the venue; returns how to end it."""
    verb = dice.choice(["kill-redis", "pause-redis", "kill-postgres", "pause-postgres"])
    service = verb.split("-")[1]
    rig.services.call(verb)
    say(f"  {verb}")
    return lambda: rig.services.call(("start-" if verb.startswith("kill") else "resume-") + service)


def one_life(rig, dice, number):
    """To its end and the next start. A far end that is away comes back before the end, or only after the venue has come
    up without it; in the first life it is the latter."""
    mend = misfortune(rig, dice) if dice.random() < 0.3 or number == 1 else nothing
    late = dice.random() < 0.5 or number == 1
    try:
        up = dice.random() < 0.85 or number == 1  # else it may die while it starts
        if up:
            rig.wait_for_logins()
        count = rig.trade(dice.uniform(0.05, 1.2), True)
        orderly = up and dice.random() < 0.1 and number > 1
        if orderly or not late:  # an orderly stop would wait for the far end to come back
            mend()
            mend = nothing
        rig.end(signal.SIGTERM if orderly else signal.SIGKILL)
        say(f"{number}: {'orderly stop' if orderly else 'SIGKILL'} after {count} messages")
        rig.trade(dice.uniform(0, 0.1))
        rig.drain()
        rig.start()
        if mend is not nothing:
            rig.wait_for_logins()
            say(f"  up without it, {rig.trade(dice.uniform(0.05, 0.5), True)} messages")
    finally:
        mend()


def main():
    services, rig = None, None
    try:
        services = services_start(f"{TMP}/services")
        rig = Rig(f"{TMP}/venue", services, "kill", SEED)
        dice = random.Random(SEED)
        rig.start()
        for number in range(1, KILLS + 1):
            one_life(rig, dice, number)
        say(rig.judge())
        say(f"{sum(c.logins for c in rig.clients)} logins, {sum(c.reread for c in rig.clients)} read everything again, "
            f"{sum(c.resent for c in rig.clients)} requests sent again")
    except (Broken, Differs, subprocess.SubprocessError) as error:
        say(f"FAILED: {error} (seed {SEED}, files in {TMP})")
        return 1
    finally:
        if rig:
            rig.close()
        if services:
            services.call("stop")
    say(f"{KILLS} ends under load: nothing acknowledged was lost, nothing came twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
