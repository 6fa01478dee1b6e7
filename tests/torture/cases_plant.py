"""Known faults planted into the venue (persist/plant.h): the real parts must show each. The rest of them the simulator shows
(tests/sim/test_sim_plants.c): they need writes that land late or bits that rot."""
import re

from case import case
from cases_crash import ARCHIVE, SNAPSHOTS
from cases_disk import ONE_AHEAD, ends_at_once, error_for_a_moment, full_then_cut
from rig import PLANTED, ROOT, Broken, Differs

TRIES = 4


def number_of(fault):
    with open(f"{ROOT}/persist/plant.h", encoding="utf-8") as file:
        return re.findall(r"^    PLANT_(\w+),", file.read(), re.M).index(fault)


def caught(t, fault, scenario):
    """`scenario` makes the fault show itself, or fails as any case does; the verdict that it returns must be a bad one, within a
    few tries."""
    for attempt in range(1, TRIES + 1):
        verdict = scenario(number_of(fault), attempt)
        try:
            verdict()
        except (Broken, Differs) as error:
            return f"caught by try {attempt}: {str(error)[:150]}"
    raise Broken(f"{fault} was not noticed in {TRIES} tries")


def planted_rig(t, disk, fault, attempt, **options):
    rig = t.rig(disk, program=PLANTED, folder=f"try{attempt}", **options)
    rig.environment["WB_PLANT"] = str(fault)
    return rig


@case("planted-ack-before-sync", "a fault planted: acknowledged before it is stable; the disk's cache is lost")
def ack_before_sync(t):
    return caught(t, "ACK_BEFORE_SYNC", lambda fault, attempt: late_disk_dies(t, fault, attempt))


@case("planted-release-above-mark", "a fault planted: released before it is even written; the disk's cache is lost")
def release_above_mark(t):
    return caught(t, "RELEASE_ABOVE_MARK", lambda fault, attempt: late_disk_dies(t, fault, attempt))


def late_disk_dies(t, fault, attempt):
    disk = t.nbd_disk(write_ms=20)
    rig = planted_rig(t, disk, fault, attempt)
    rig.up()
    rig.trade(t.dice.uniform(0.5, 1.5), True)
    disk.cut()
    rig.end(9)
    rig.drain()
    disk.power_on()
    return rig.judge


@case("planted-retry-failed-write", "a fault planted: a failed write is tried again; writes fail for a moment")
def retry_failed_write(t):
    def scenario(fault, attempt):
        disk = t.nbd_disk()
        rig = planted_rig(t, disk, fault, attempt)
        error_for_a_moment(t, disk, rig)
        return lambda: ends_at_once(t, disk, rig)
    return caught(t, "RETRY_FAILED_WRITE", scenario)


@case("planted-forget-dir-sync", "a fault planted: a segment is used before its name is stable; power cuts")
def forget_dir_sync(t):
    def scenario(fault, attempt):
        disk = t.disk("ext4", names=64)
        rig = planted_rig(t, disk, fault, attempt, journal=ONE_AHEAD)
        full_then_cut(t, disk, rig)
        return rig.judge
    return caught(t, "FORGET_DIR_SYNC", scenario)


def still_there(rig):
    rig.check_alive()
    return rig.judge()


@case("planted-recycle-early", "a fault planted: segments are used again that PostgreSQL still needs; it is away")
def recycle_early(t):
    def scenario(fault, attempt):
        rig = planted_rig(t, None, fault, attempt, drain_ms=4000, journal={
            **SNAPSHOTS, **ARCHIVE, "keep_segments": 1, "archive_to": f"{t.folder}/archive{attempt}"})
        rig.up()
        rig.trade(0.3, True)
        rig.services.call("kill-postgres")
        try:
            rig.trade(4.0)
        finally:
            rig.services.call("start-postgres")
        return lambda: still_there(rig)
    return caught(t, "RECYCLE_EARLY", scenario)
