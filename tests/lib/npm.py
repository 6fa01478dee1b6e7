"""Other people's npm packages, as tests/data/npm pins them, in build/npm."""
import fcntl
import filecmp
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = os.path.join(ROOT, "tests", "data", "npm")
HOME = os.path.join(ROOT, "build", "npm")


def install():
    """The folder with node_modules in it. Tests that run side by side wait for the one that installs."""
    os.makedirs(HOME, exist_ok=True)
    done = os.path.join(HOME, "installed")
    lock_file = os.path.join(FILES, "package-lock.json")
    with open(os.path.join(HOME, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(done) or not filecmp.cmp(done, lock_file, shallow=False):
            for file in ("package.json", "package-lock.json"):
                shutil.copy(os.path.join(FILES, file), HOME)
            run = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HOME, capture_output=True, text=True)
            if run.returncode != 0:
                raise RuntimeError(f"npm ci: {run.stderr}")
            shutil.copy(lock_file, done)
    return HOME
