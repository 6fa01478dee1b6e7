"""The disk: full, in error, late, stalled, and without the cache that it had."""
import signal
import time

from case import case
from rig import Broken, wait_until

FINAL = r"error .*this is final"
ONE_AHEAD = {"segments_ahead": 1}


def quiet(rig, seconds, what):
    """For so long no sequenced message comes: nobody says what is not durable."""
    came = rig.seen()
    rig.trade(seconds)
    if rig.seen() != came:
        raise Broken(f"{rig.seen() - came} messages came while {what}")


def kinds(rig):
    """How many answers of each kind were seen."""
    count = {}
    for client in rig.clients:
        for messages in client.seen.values():
            for body in messages:
                count[chr(body[0])] = count.get(chr(body[0]), 0) + 1
    return count


@case("disk-full-marks", "the journal's file system fills up, below both marks and to the last block, and has room again")
def full_marks(t):
    disk = t.disk("ext4", mb=96)
    rig = t.rig(disk, journal={"low_space_mb": 24, "hard_space_mb": 12})
    rig.up()
    rig.trade(0.5, True)
    rig.hush()
    rig.trade(0.3, True)
    opened = sum(len(client.open) for client in rig.clients)
    disk.fill(20)
    t.did(f"20 MiB left, the low mark is at 24; {opened} orders are open")
    rig.wait_said("low: new orders are rejected")
    rig.again()
    before = kinds(rig)
    rig.trade(1.0, True)
    after = kinds(rig)
    grown = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in "AJC"}
    if grown["A"] > 0 or grown["J"] < 100 or grown["C"] == 0:
        raise Broken(f"below the low mark: {grown['A']} accepted, {grown['J']} rejected, {grown['C']} cancelled")
    t.found(f"below the low mark: {grown['A']} accepted, {grown['J']} rejected, {grown['C']} cancelled")
    disk.fill(6)
    t.did("6 MiB left, the hard mark is at 12")
    rig.wait_said("hard mark: nothing more is taken")
    rig.trade(0.5, True)
    quiet(rig, 1.0, "the space was below the hard mark")
    t.found("below the hard mark nothing is answered; the process stays")
    disk.fill(0)
    rig.trade(1.5, True)
    t.did("not a block left, for 1.5 s")
    disk.empty()
    rig.wait_said("MiB free, enough")
    if rig.trade(2.0, True) == 0:
        raise Broken("there is room again, and nothing comes")
    return rig.judge()


@case("disk-full-cut", "the power goes when the last segment that there was room for has just come into use", times=3)
def full_cut(t):
    disk = t.disk("ext4", names=64)
    rig = t.rig(disk, journal=ONE_AHEAD)
    full_then_cut(t, disk, rig)
    return rig.judge()


def full_then_cut(t, disk, rig):
    """The sync of the next segment's content would cover the name of the one in use, too; here there is no next one."""
    rig.up()
    rig.trade(0.3, True)
    disk.use_names()
    rig.wait_said("no space for the next segment")
    rig.trade(0.1)
    disk.cut()
    rig.end(signal.SIGKILL)
    rig.drain()
    t.did("not an inode left, the last segment in use, power cut")
    disk.power_on()
    disk.empty()


@case("disk-full-at-start", "the file system is full when the venue starts")
def full_start(t):
    disk = t.disk("ext4", mb=64)
    rig = t.rig(disk)
    rig.up()
    rig.trade(0.5, True)
    rig.end(signal.SIGKILL)
    rig.drain()
    disk.fill(0)
    t.did("not a block left, started")
    for _ in range(2):  # the first one removes the segments that were prepared: that much room there is
        rig.start()
        rig.trade(1.5)
        code = rig.process.poll()
        if code is None:
            rig.end(signal.SIGKILL)
        rig.drain()
        t.found(f"the venue {'runs' if code is None else f'ended with {code}'}")
        if code not in (None, 13, 1):
            raise Broken(f"exit code {code}, see {rig.log_path}")
    disk.empty()
    return rig.judge()


@case("disk-full-thin", "a thin disk: the file system has room, the storage below it has not", times=2)
def full_thin(t):
    disk = t.disk("ext4", mb=256, thin_mb=14)
    rig = t.rig(disk)
    rig.up()
    t.did("trading until 14 MiB of storage are used up")
    rig.wait_ended((11,), FINAL)
    t.found("the venue ended by itself, exit code 11")
    disk.unmount()
    disk.grow_thin(400)
    disk.mount()
    t.did("more storage, mounted again")
    return rig.judge()


@case("block-write-error", "writes fail with EIO from a moment on, until the disk is replaced", times=3)
def write_error(t):
    disk = t.nbd_disk()
    rig = t.rig(disk)
    rig.up()
    rig.trade(t.dice.uniform(0.2, 1.5), True)
    disk.fail("writes", True)
    t.did("every write fails with EIO")
    rig.wait_ended((11,), FINAL)
    t.found("the venue ended by itself, exit code 11")
    rig.start()
    rig.trade(1.0)
    code = rig.process.poll()
    if code is None:
        raise Broken("it starts on a disk that cannot be written")
    rig.drain()
    t.found(f"a start on that disk ends with {code}")
    disk.power_on()
    return rig.judge()


@case("block-write-error-once", "writes fail for a moment, and would go well if they were tried again", times=3)
def write_error_once(t):
    disk = t.nbd_disk()
    rig = t.rig(disk)
    error_for_a_moment(t, disk, rig)
    return ends_at_once(t, disk, rig)


def error_for_a_moment(t, disk, rig):
    rig.up()
    rig.trade(t.dice.uniform(0.2, 1.0), True)
    disk.fail("writes", True)
    rig.trade(0.05)
    disk.fail("writes", False)
    t.did("writes failed with EIO for 50 ms")


def ends_at_once(t, disk, rig):
    rig.wait_ended((11,), FINAL, 5)
    t.found("no second try: the venue ended by itself, exit code 11")
    disk.power_on()
    return rig.judge()


@case("block-read-error", "reads fail with EIO while the venue starts")
def read_error(t):
    disk = t.nbd_disk()
    rig = t.rig(disk)
    rig.up()
    rig.trade(1.0, True)
    rig.end(signal.SIGKILL)
    rig.drain()
    disk.unmount()
    disk.mount()
    with open(disk.where + "/journal/0000000000000001.journal", "rb") as file:
        whole = file.read()
    disk.fail("reads", True)
    t.did("every read of the disk fails with EIO, started")
    rig.start()
    wait_until("the start ends", lambda: not rig.running())
    code = rig.process.returncode
    rig.drain()
    disk.fail("reads", False)
    if code not in (10, 13):
        raise Broken(f"it ended with {code}, see {rig.log_path}")
    disk.unmount()
    disk.mount()
    with open(disk.where + "/journal/0000000000000001.journal", "rb") as file:
        if file.read() != whole:
            raise Broken("the journal was touched")
    t.found(f"no start, exit code {code}, nothing touched")
    return rig.judge()


@case("block-delay", "every write takes 20 ms and more, power cut by the loss of the disk's cache", times=2)
def delay(t):
    disk = t.nbd_disk(write_ms=20)
    rig = t.rig(disk)
    for life in range(1, 4):
        rig.up()
        count = rig.trade(t.dice.uniform(0.5, 1.5), True)
        disk.cut()
        rig.end(signal.SIGKILL)
        rig.drain()
        t.did(f"{life}: {count} messages, then the disk died with its cache and what was under way")
        disk.power_on()
    return rig.judge()


@case("block-stall", "the disk answers nothing for 2 seconds, three times", times=2)
def stall(t):
    disk = t.nbd_disk()
    rig = t.rig(disk)
    rig.up()

    def silence(seconds):
        while rig.trade(0.3, True) > 20:  # what was durable before may still be on its way
            pass
        quiet(rig, seconds, "the disk stood still")

    for _ in range(3):
        rig.trade(t.dice.uniform(0.2, 0.6), True)
        disk.stall(2, silence)
    t.did("stopped the disk three times for 2 s")
    t.found("no message came meanwhile")
    began = time.monotonic()
    rig.wait_for_logins()
    if rig.trade(1.0, True) == 0:
        raise Broken("the disk is back, and nothing comes")
    t.found(f"it went on within {time.monotonic() - began:.1f} s")
    return rig.judge()


@case("block-cache-lost", "the disk's power goes: its write-back cache is gone, random moments", times=3)
def cache_lost(t):
    disk = t.nbd_disk()
    rig = t.rig(disk)
    for life in range(1, 5):
        rig.start()
        count = rig.trade(t.dice.uniform(0.2, 1.0))
        up = any(client.live for client in rig.clients)
        disk.cut()
        alone = t.dice.random() < 0.5
        if alone:
            rig.wait_ended((11,) if up else (11, 13), r"error journal")
        else:
            rig.end(signal.SIGKILL)
            rig.drain()
        t.did(f"{life}: cache lost after {count} messages; the venue {f'ended by itself, exit code {rig.process.returncode}' if alone else 'was killed'}")
        disk.power_on()
    return rig.judge()
