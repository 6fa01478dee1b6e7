"""What a case is, and what it has at hand."""
import contextlib
import os
import random

from disks import LoopDisk, NbdDisk
from rig import Rig, say

CASES = {}  # name -> Case, in the order in which they run


class Case:
    def __init__(self, name, story, run, times):
        self.name, self.story, self.run, self.times = name, story, run, times


def case(name, story, times=1):
    """Registers a function of a Torture; it returns what was found, in words, and raises when a promise is broken. `times`: how
    often a full run repeats it, each time with another seed."""
    def register(function):
        CASES[name] = Case(name, story, function, times)
        return function
    return register


class Torture:
    """One run of a case: its folder, its dice, and the end of everything that it makes."""

    def __init__(self, folder, services, name, seed):
        self.folder, self.services, self.name, self.seed = folder, services, name, seed
        self.dice, self.stack, self.made = random.Random(f"{name} {seed}"), contextlib.ExitStack(), 0
        os.makedirs(folder)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def own(self, thing):
        """Closed at the end, the last one first."""
        self.stack.callback(thing.close)
        return thing

    def disk(self, fs=None, **options):
        self.made += 1
        return self.own(LoopDisk(f"{self.folder}/disk{self.made}", fs or self.dice.choice(["ext4", "xfs"]), **options))

    def nbd_disk(self, **options):
        self.made += 1
        return self.own(NbdDisk(f"{self.folder}/disk{self.made}", "ext4", **options))

    def rig(self, disk=None, **options):
        """A venue with its journal in an ordinary directory, or on `disk`."""
        if disk:
            options["data"] = f"{disk.where}/journal"
            options["journal"] = {"low_space_mb": 8, "hard_space_mb": 4, **options.get("journal", {})}
        folder = options.pop("folder", "venue")
        return self.own(Rig(f"{self.folder}/{folder}", self.services, f"t{self.seed}_{self.name}_{folder}", self.dice.randrange(1 << 30),
                            **options))

    @staticmethod
    def did(text):
        say(f"    did    {text}")

    @staticmethod
    def found(text):
        say(f"    found  {text}")
