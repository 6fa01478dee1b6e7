"""A control group with a part of a core, for programs that must not take more: version 1 or 2, whichever is mounted."""
import os
import signal
import time

ROOTS = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup")  # version 1's controller, else version 2's one tree
PERIOD_US = 10000


class Group:
    """`share` is of one core. What runs in it is ended with it."""

    def __init__(self, name, share):
        root = next(r for r in ROOTS if os.path.exists(os.path.join(r, "cgroup.procs")))
        self.path = os.path.join(root, name)
        if root == ROOTS[1]:
            with open(os.path.join(root, "cgroup.subtree_control"), "w", encoding="utf-8") as file:
                file.write("+cpu")
        os.makedirs(self.path, exist_ok=True)
        if root == ROOTS[0]:
            self.write("cpu.cfs_period_us", PERIOD_US)
            self.write("cpu.cfs_quota_us", int(PERIOD_US * share))
        else:
            self.write("cpu.max", f"{int(PERIOD_US * share)} {PERIOD_US}")

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as file:
            file.write(str(value))

    def enter(self):
        """The calling process, and what it starts, are in it from now on: for subprocess' preexec_fn."""
        self.write("cgroup.procs", os.getpid())

    def pids(self):
        with open(os.path.join(self.path, "cgroup.procs"), encoding="utf-8") as file:
            return [int(pid) for pid in file.read().split()]

    def remove(self):
        while self.pids():
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        os.rmdir(self.path)
