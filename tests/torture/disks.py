"""Disks that can lose their power, their space, their cache or their temper: for root, on this machine alone.

A LoopDisk is a file with a file system in it, mounted by a loop device. cut() is FS_IOC_GOINGDOWN without a flush of the log:
what the file system has not written is gone when it is mounted again. A NbdDisk stands on nbdkit (by nbdfuse, as a file that
the loop device takes): its writes can be made late or fail, and killing it loses what its write-back cache has not been told
to flush: a power cut with a volatile cache. A tmpfs under the image makes a thin disk that runs full behind the file
system's back.

Everything is mounted in the mount namespace of the run (scripts/torture) and the loop devices clear themselves, so nothing
is left even when the run is killed.
"""
import contextlib
import fcntl
import glob
import os
import signal
import struct
import subprocess
import tempfile
import time

from rig import Broken, wait_until

SHUTDOWN = 0x8004587D  # _IOR('X', 125, u32): the same in ext4 and xfs
SHUTDOWN_NO_FLUSH = 2
LEAST_MB = {"ext4": 48, "xfs": 320}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout.strip()


class LoopDisk:
    """`folder` is new; `where` is the mount point. `thin_mb`: the image lies on a tmpfs with only so much room. `names`:
    ext4 with room for about so many files, which use_names() uses up."""

    def __init__(self, folder, fs="ext4", mb=0, thin_mb=0, names=0):
        self.folder, self.fs, self.where = folder, fs, f"{folder}/mnt"
        self.mounted, self.thin = False, f"{folder}/thin" if thin_mb else None
        os.makedirs(self.where)
        if self.thin:
            os.makedirs(self.thin)
            run("mount", "-t", "tmpfs", "-o", f"size={thin_mb}m", "wb-torture", self.thin)
        self.image = f"{self.thin or folder}/image"
        with open(self.image, "wb") as file:
            file.truncate(max(mb, LEAST_MB[fs]) << 20)
        self.attach()
        flags = ["-F", "-m", "0", *(["-N", str(names)] if names else [])] if fs == "ext4" else ["-f"]
        run("mkfs." + fs, "-q", *flags, self.image)
        self.mount()

    def attach(self):
        """Whatever stands between the image and the loop device."""

    def detach(self):
        """... and its end."""

    def mount(self):
        loop = run("losetup", "--find", "--show", self.image)
        try:
            run("mount", "-t", self.fs, loop, self.where)
            self.mounted = True
        finally:
            run("losetup", "--detach", loop)  # by itself, when it is unmounted

    def unmount(self):
        if self.mounted:
            wait_until(f"umount {self.where}", self.try_unmount, 20)
            self.mounted = False

    def try_unmount(self):
        return subprocess.call(["umount", self.where], stderr=subprocess.DEVNULL) == 0

    def cut(self):
        """From now on every access is EIO, and what was not written never will be."""
        fd = os.open(self.where, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", SHUTDOWN_NO_FLUSH))
        finally:
            os.close(fd)

    def power_on(self):
        """After a cut, and the end of all that used it."""
        self.unmount()
        self.mount()

    def free_mb(self):
        st = os.statvfs(self.where)
        return st.f_bavail * st.f_frsize >> 20

    def fill(self, leave_mb):
        """A file takes all but so much."""
        size = (self.free_mb() - leave_mb) << 20
        with open(f"{self.where}/ballast", "ab") as file:
            os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)

    def use_names(self):
        """Until there is none for a new file; of bytes there are enough."""
        with contextlib.suppress(OSError):
            for number in range(100000):
                open(f"{self.where}/ballast{number}", "xb").close()  # pylint: disable=consider-using-with

    def empty(self):
        """Takes all that fill() and use_names() have made."""
        for path in glob.glob(f"{self.where}/ballast*"):
            os.unlink(path)

    def grow_thin(self, mb):
        run("mount", "-o", f"remount,size={mb}m", self.thin)

    def close(self):
        self.unmount()
        self.detach()
        if self.thin:
            run("umount", self.thin)


class NbdDisk(LoopDisk):
    """Over nbdkit: error (writes or reads fail while a file is there), delay, a write-back cache, the file."""

    def __init__(self, folder, fs="ext4", mb=0, write_ms=0):
        self.write_ms, self.server, self.bridge, self.attached = write_ms, None, None, 0
        super().__init__(folder, fs, mb)

    def attach(self):
        self.file = f"{self.folder}/image" if self.attached == 0 else self.file
        self.attached += 1
        sock, point = f"{tempfile.mkdtemp(prefix='wb-torture.')}/s", f"{self.folder}/fuse{self.attached}"
        filters = ["--filter=error", "--filter=cache", "file", self.file, "cache=writeback"]
        if self.write_ms:
            filters = ["--filter=error", "--filter=delay", *filters[1:], f"wdelay={self.write_ms}ms"]
        log = open(f"{self.folder}/nbd.log", "ab")  # pylint: disable=consider-using-with
        self.server = subprocess.Popen(["nbdkit", "--foreground", "--unix", sock, *filters, "error=EIO",
                                        "error-pwrite-rate=100%", f"error-pwrite-file={self.folder}/fail-writes",
                                        "error-pread-rate=100%", f"error-pread-file={self.folder}/fail-reads"],
                                       stdout=log, stderr=log, start_new_session=True)  # who stops or continues our group, not it
        wait_until("nbdkit listens", lambda: os.path.exists(sock), 10)
        os.makedirs(point)
        self.image = f"{point}/disk"
        self.bridge = subprocess.Popen(["nbdfuse", self.image, "--unix", sock], stdout=log, stderr=log)
        log.close()
        wait_until("nbdfuse has the disk", lambda: os.path.exists(self.image), 10)
        os.unlink(sock)
        os.rmdir(os.path.dirname(sock))

    def detach(self):
        """The cache's content is lost unless it was flushed: what a file system does when it is unmounted."""
        if not self.server:
            return
        subprocess.call(["umount", "-l", os.path.dirname(self.image)], stderr=subprocess.DEVNULL)
        for process in (self.bridge, self.server):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.server = None

    def cut(self):
        """The disk's own power: what is in its cache is gone, and so is what is under way."""
        self.server.kill()
        self.server.wait()

    def power_on(self):
        self.unmount()
        self.detach()
        self.fail("writes", False)
        self.fail("reads", False)
        self.attach()
        self.mount()

    def fail(self, what, on):
        """`what`: writes or reads."""
        path = f"{self.folder}/fail-{what}"
        if on:
            with open(path, "wb"):
                pass
        elif os.path.exists(path):
            os.unlink(path)

    def stall(self, seconds, meanwhile):
        """Answers nothing for so long. Returns what `meanwhile` did."""
        self.server.send_signal(signal.SIGSTOP)
        try:
            return meanwhile(seconds)
        finally:
            self.server.send_signal(signal.SIGCONT)


def self_check(folder):
    """Both kinds lose what was not synced, and keep what was: else no case on them would mean anything."""
    for kind, disk in (("loop", LoopDisk(f"{folder}/loop")), ("nbd", NbdDisk(f"{folder}/nbd"))):
        try:
            for name, synced in (("kept", True), ("lost", False)):
                with open(f"{disk.where}/{name}", "wb", buffering=0) as file:
                    file.write(name.encode())
                    if synced:
                        os.fsync(file.fileno())
            time.sleep(0.1)
            disk.cut()
            disk.power_on()
            kept, lost = (os.path.exists(f"{disk.where}/{name}") and os.path.getsize(f"{disk.where}/{name}") > 0
                          for name in ("kept", "lost"))
            if not kept or lost:
                raise Broken(f"a cut of a {kind} disk: synced file there: {kept}; file that was not synced there: {lost}")
        finally:
            disk.close()
