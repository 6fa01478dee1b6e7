"""A clock of a venue's own: CLOCK_REALTIME by libfaketime, set at any time; the monotonic one stays the machine's."""
import glob
import time

DAY_S = 86400


class Clock:
    """That of all later lives of `rig`; `seconds` beside the machine's."""

    def __init__(self, rig, folder, seconds=0):
        self.path = f"{folder}/clock"
        self.set(seconds)
        rig.environment.update({"LD_PRELOAD": glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0],
                                "FAKETIME_TIMESTAMP_FILE": self.path, "FAKETIME_NO_CACHE": "1",
                                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})

    def set(self, seconds):
        self.seconds = seconds
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(f"{seconds:+d}\n")


def to_midnight(seconds):
    """The setting in which UTC's midnight comes in so many seconds."""
    return DAY_S - int(time.time()) % DAY_S - seconds
