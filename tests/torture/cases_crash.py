"""Death of the process: at random moments, and at every named crash point of persist/, by SIGKILL and by a power cut."""
import glob
import signal
import time

from case import case
from clock import DAY_S, Clock, to_midnight
from rig import PLANTED, ROOT, Broken, Patience

JOURNAL = {}
SNAPSHOTS = {"snapshot_transactions": 300}
ARCHIVE = {"archive_command": f"{ROOT}/scripts/archive"}
RECYCLING = {**SNAPSHOTS, **ARCHIVE, "keep_segments": 2}
MIDNIGHT_S = 8  # a day's streams need its segments: so it ends so many seconds after a start

# name -> (passages until it strikes: from, to; what the journal's section needs). All that persist/*.c names; the run checks.
POINTS = {
    "write-due": (5, 400, JOURNAL),
    "write-begun": (5, 400, JOURNAL),
    "write-ended": (5, 400, JOURNAL),
    "mark-moved": (5, 400, JOURNAL),
    "durable-noted": (1, 5, JOURNAL),
    "leftover-removed": (1, 2, JOURNAL),
    "segment-filled": (1, 4, JOURNAL),
    "segment-named": (1, 4, JOURNAL),
    "segment-synced": (1, 4, JOURNAL),
    "segment-recycled": (1, 3, RECYCLING),
    "segment-removed": (1, 1, RECYCLING),
    "snapshot-begun": (1, 30, SNAPSHOTS),
    "snapshot-synced": (1, 4, SNAPSHOTS),
    "snapshot-named": (1, 4, SNAPSHOTS),
    "snapshot-removed": (1, 3, SNAPSHOTS),
    "archive-asked": (1, 3, ARCHIVE),
    "archive-put": (1, 3, ARCHIVE),
    "archive-noted": (1, 3, ARCHIVE),
    "rows-copied": (1, 20, JOURNAL),
    "commit-sent": (1, 20, JOURNAL),
    "commit-answered": (1, 20, JOURNAL),
    "fills-queued": (1, 40, JOURNAL),
    "fills-sent": (1, 40, JOURNAL),
    "fills-answered": (1, 40, JOURNAL),
}


def rig_of(t, disk, wanted, **options):
    if "archive_command" in wanted:
        wanted = {**wanted, "archive_to": f"{t.folder}/archive"}
    rig = t.rig(disk, journal=wanted, **options)
    if "keep_segments" in wanted:
        rig.clock = Clock(rig, t.folder, to_midnight(MIDNIGHT_S))
    return rig


def strike(t, rig, point, environment):
    """A life that ends at the point."""
    low, high, wanted = POINTS[point]
    number = t.dice.randint(low, high)
    if "keep_segments" in wanted:
        rig.clock.set(to_midnight(MIDNIGHT_S) + DAY_S)  # this life's own midnight, even if the one before had one
    rig.start(WB_CRASH_AT=f"{point}:{number}", **environment)
    before = rig.seen()
    patience = Patience(60, f"the venue comes to {point} for the {number}. time")
    while rig.running():
        rig.trade(0.02)
        patience.check()
    if rig.process.returncode != -signal.SIGKILL:
        raise Broken(f"the venue ended with {rig.process.returncode} before it came to {point}, see {rig.log_path}")
    rig.drain()
    t.did(f"died at {point} for the {number}. time, {rig.seen() - before} messages after its start")


def wait_for_leftovers(rig):
    """Until both segments ahead are there, for the next start to remove: on a slow disk the second one may be long in coming."""
    patience = Patience(60, "two segments stand ahead")
    while True:
        begins = [open(path, "rb").read(4096) for path in glob.glob(f"{rig.data}/*.journal")]
        if sum(not any(begin) for begin in begins) >= 2:
            return
        time.sleep(0.02)
        patience.check()


def at_point(point, cut):
    def run(t):
        disk = t.disk(mb=512) if cut else None  # a point at a slow far end may take a minute of trading
        rig = rig_of(t, disk, POINTS[point][2], program=PLANTED)
        rig.up()
        rig.trade(t.dice.uniform(0.1, 1.0), True)
        if point == "leftover-removed":
            wait_for_leftovers(rig)
        rig.end(signal.SIGKILL)
        rig.drain()
        strike(t, rig, point, {"WB_CRASH_CUT": disk.where} if cut else {})
        if cut:
            disk.power_on()
            t.did(f"power back, {disk.fs} mounted again")
        rig.up()
        rig.trade(0.2, True)
        return rig.judge()
    return run


for name in POINTS:
    case(f"kill-at-{name}", f"SIGKILL at the crash point {name}")(at_point(name, False))
    case(f"cut-at-{name}", f"power cut (FS_IOC_GOINGDOWN, no log flush) at the crash point {name}")(at_point(name, True))


@case("kill-random", "SIGKILL at random moments, while it starts too, with snapshots, archive and recycling", times=2)
def kill_random(t):
    rig = rig_of(t, None, RECYCLING)
    for life in range(1, 11):
        rig.start()
        if t.dice.random() < 0.8:
            rig.wait_for_logins()
        count = rig.trade(t.dice.uniform(0.02, 0.8), True)
        rig.end(signal.SIGKILL)
        rig.drain()
        t.did(f"{life}: SIGKILL after {count} messages")
    return rig.judge()


def cut_at_random(t, disk, rig, lives):
    for life in range(1, lives + 1):
        rig.start()
        up = t.dice.random() < 0.8
        if up:
            rig.wait_for_logins()
        count = rig.trade(t.dice.uniform(0.05, 0.8))
        disk.cut()
        alone = t.dice.random() < 0.5
        if alone:  # the first write that fails must end it
            rig.wait_ended((11,) if up else (11, 13), r"error journal")  # 13: it was still reading when the power went
        else:
            rig.end(signal.SIGKILL)
            rig.drain()
        t.did(f"{life}: cut after {count} messages; the venue {f'ended by itself, exit code {rig.process.returncode}' if alone else 'was killed with it'}")
        disk.power_on()
    return rig.judge()


@case("cut-random-ext4", "power cuts at random moments, journal on ext4", times=3)
def cut_ext4(t):
    disk = t.disk("ext4")
    return cut_at_random(t, disk, t.rig(disk), 5)


@case("cut-random-xfs", "power cuts at random moments, journal on xfs", times=3)
def cut_xfs(t):
    disk = t.disk("xfs")
    return cut_at_random(t, disk, t.rig(disk), 5)


@case("cut-random-all", "the same with snapshots, archive and recycling", times=3)
def cut_all(t):
    disk = t.disk(mb=128)
    return cut_at_random(t, disk, rig_of(t, disk, RECYCLING), 8)


@case("cut-random-pwrite", "the same with journal.io: pwrite", times=2)
def cut_pwrite(t):
    disk = t.disk()
    return cut_at_random(t, disk, t.rig(disk, journal={"io": "pwrite"}), 5)
