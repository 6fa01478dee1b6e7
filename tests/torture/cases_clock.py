"""The machine's clock: set back and forth while the venue runs and between two lives, by a day too; and another boot's clock."""
import signal
import time

from case import case
from clock import DAY_S, Clock
from rig import Broken


def another_life(rig):
    rig.end(signal.SIGKILL)
    rig.drain()
    rig.start()


@case("clock-steps", "the clock is set back and forth while the venue runs", times=2)
def steps(t):
    rig = t.rig()
    clock = Clock(rig, t.folder)
    rig.up()
    for step in t.dice.sample([-10 * DAY_S, -40000, -3600, -5, 5, 3600, 40000, 10 * DAY_S], 4):
        rig.trade(0.3, True)
        clock.set(step)
        count = rig.said().count("the machine's clock was set")
        rig.wait_said(r"(the machine's clock was set[\s\S]*){%d}" % (count + 1), 10)
        if rig.trade(0.5, True) == 0:
            raise Broken(f"nothing comes after a step of {step} s")
        t.did(f"clock at {step:+d} s: said in the log, trading went on")
    clock.set(0)
    return rig.judge()


@case("clock-restarts", "the clock is set back and forth between two lives, within the day", times=2)
def restarts(t):
    rig = t.rig()
    clock = Clock(rig, t.folder)
    rig.up()
    latest = 0  # that a life has had: the venue's time never goes back
    for step in (60, -20, 120, 7, -300, 200, 0):
        rig.trade(0.4, True)
        clock.set(step)
        another_life(rig)
        rig.wait_for_logins()
        ahead = "ahead of the machine's clock" in rig.said()
        if rig.trade(0.3, True) == 0:
            raise Broken(f"nothing comes with a clock at {step:+d} s")
        t.did(f"restarted with the clock at {step:+d} s: {'the venue says that its time stands still' if ahead else 'as ever'}")
        if ahead != (step < latest):
            raise Broken("it says so at the wrong time")
        latest = max(latest, step)
    return rig.judge()


@case("clock-days", "the clock is set by days between two lives: a day ends, and the past cannot come back")
def days(t):
    rig = t.rig(journal={"archive_to": f"{t.folder}/archive", "archive_command": "scripts/archive"})
    clock = Clock(rig, t.folder)
    rig.up()
    rig.trade(0.5, True)
    rig.settle()
    clock.set(DAY_S)
    another_life(rig)
    rig.wait_for_logins()
    rig.again()
    rig.trade(0.5, True)
    t.did("restarted a day later: the day ended, the next one trades")
    clock.set(0)
    another_life(rig)
    rig.wait_for_logins()
    count = rig.trade(1.0, True)
    t.did("restarted a day back")
    lines = [line for line in rig.said().splitlines() if "ahead of the machine's clock" in line]
    if not lines:
        raise Broken("it does not say that the clock is behind the journal")
    t.found(f"{count} messages of the day that is open; {lines[0].strip()}")
    clock.set(DAY_S)
    another_life(rig)
    rig.wait_for_logins()
    t.did("restarted with the right date")
    return rig.judge()


@case("clock-monotonic", "the monotonic clock begins anew, as after a reboot, and runs ahead (unshare --time)")
def monotonic(t):
    rig = t.rig()
    rig.up()
    for offset in (5_000_000, 1_000, 9_000_000, 0):
        rig.trade(0.4, True)
        rig.prefix = ["unshare", "--time", "--fork", "--kill-child", "--monotonic", str(offset), "--boottime", str(offset)]
        rig.prefix = rig.prefix if offset else []
        rig.end(signal.SIGKILL)
        rig.drain()
        time.sleep(0.3)  # the process behind the prefix dies a moment later
        rig.up()
        t.did(f"restarted with a monotonic clock {offset} s ahead")
    return rig.judge()
