"""For integration tests in Python: the programs, a fake venue, a real one, and a way to say what went wrong.

Programs come from WB_BIN (default build/bin), scratch files go to WB_TMP (default: a new directory). Everything started
here is ended at exit, whatever happens.
"""
import atexit
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("WB_BIN") or os.path.join(ROOT, "build", "bin")
TMP = os.environ.get("WB_TMP") or tempfile.mkdtemp(prefix="wirebook-test.")
if "WB_TMP" not in os.environ:
    atexit.register(shutil.rmtree, TMP, ignore_errors=True)

# Published accounts of config/accounts.csv, for development only.
ACCOUNTS = {user: user + "PASS" for user in ("ALFA01", "ALFA02", "BRAV01", "CHAR01")}

started = []


def check(condition, what):
    if not condition:
        print("FAILED:", what)
        sys.exit(1)


def program(name):
    """The path of one of our programs. A test that needs one that was not built fails with a clear line."""
    path = os.path.join(BIN, name)
    check(os.path.exists(path), f"{path} is missing: make build-release")
    return path


def start(command, **options):
    process = subprocess.Popen(command, **options)
    started.append(process)
    return process


@atexit.register
def end_all():
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"{what} within {seconds} s")
        time.sleep(0.02)


class Fake:
    """tests/lib/fake_server.py with its faults; every password is SECRET."""

    def __init__(self, *faults):
        self.process = start([sys.executable, os.path.join(ROOT, "tests/lib/fake_server.py"), *faults],
                             stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Venue:
    """A wirebook of its own, journal only, in TMP/name; `more` is YAML that is appended to its config."""

    def __init__(self, name="venue", more="", segment_mb=4):
        self.dir = os.path.join(TMP, name)
        os.makedirs(self.dir, exist_ok=True)
        self.port, self.process = free_port(), None
        self.conf = os.path.join(self.dir, "wirebook.yaml")
        self.log = os.path.join(self.dir, "wirebook.log")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"data_dir: {self.dir}/data\n"
                       f"gateway:\n  listen:\n    - {{address: 127.0.0.1, port: {self.port}}}\n"
                       f"journal: {{segment_mb: {segment_mb}, low_space_mb: 64, hard_space_mb: 32}}\n" + more)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self.log, "ab") as log:
            before = self.ready_lines()
            self.process = start([program("wirebook"), self.conf], stdout=log, stderr=log, cwd=ROOT)
        wait_for(f"wirebook listens (see {self.log})",
                 lambda: self.process.poll() is not None or self.ready_lines() > before)
        check(self.process.poll() is None, f"wirebook runs:\n{open(self.log, encoding='utf-8').read()}")

    def ready_lines(self):
        """How often it said that it takes connections: log level info."""
        with open(self.log, "rb") as log:
            return log.read().count(b"listening on")

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self):
        self.process.kill()
        self.process.wait()


def quick_hash(password):
    """A stored password whose check costs next to nothing, for hundreds of accounts: no venue should have one."""
    sodium, out, text = ctypes.CDLL("libsodium.so.23"), ctypes.create_string_buffer(128), password.upper().encode()
    check(sodium.sodium_init() >= 0, "libsodium")
    done = sodium.crypto_pwhash_str(out, text, ctypes.c_ulonglong(len(text)), ctypes.c_ulonglong(1), ctypes.c_size_t(8192))
    check(done == 0, "a hash")
    return out.value.decode()


def client(port, user, *args, password=None, code=0, stdin=None):
    """Runs wirebook-client to its end and returns what it printed; its exit code must be `code`."""
    env = dict(os.environ, WIREBOOK_PASSWORD=password or ACCOUNTS.get(user, "SECRET"))
    run = subprocess.run([program("wirebook-client"), "--port", str(port), "--user", user, *args],
                         capture_output=True, text=True, env=env, timeout=60, input=stdin)
    check(run.returncode == code, f"client {' '.join(args)}: exit code {run.returncode}, not {code}\n"
                                  f"{run.stdout}{run.stderr}")
    return run.stdout


def messages(port, user, *args, **options):
    """The same with --json: a list of dicts, without the login."""
    lines = client(port, user, "--json", *args, **options).splitlines()
    return [m for m in map(json.loads, lines) if m["type"] != "logged in"]


def bench(port, accounts, *args, code=0, seconds=120):
    """Runs wirebook-bench --lines and returns {name: value}; its exit code must be `code`. On a machine that is busy with
    other things the rate says nothing about the venue, so it is not judged."""
    run = subprocess.run([program("wirebook-bench"), "--port", str(port), "--accounts",
                          ",".join(f"{user}:{password}" for user, password in accounts.items()), "--lines",
                          "--any-rate", *args],
                         capture_output=True, text=True, timeout=seconds)
    check(run.returncode == code, f"bench {' '.join(args)}: exit code {run.returncode}, not {code}\n"
                                  f"{run.stdout}{run.stderr}")
    return {name: float(value) for name, value, _ in (line.split() for line in run.stdout.splitlines())}


def run_tests(*tests):
    for test in tests:
        test()
        print("ok", test.__name__)
