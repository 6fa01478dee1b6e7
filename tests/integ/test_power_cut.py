#!/usr/bin/env python3
"""A sample of `make torture`: the power of a loop-mounted file system is cut at one crash point, and at random moments.

wb-test: timeout=90
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEED = os.environ.get("WB_SEED", "1")
CASES = ["cut-at-segment-named"]

sys.exit(subprocess.call([f"{ROOT}/scripts/torture", *CASES, "--seed", SEED, "--dir", f"{os.environ['WB_TMP']}/torture"],
                         env={key: value for key, value in os.environ.items() if key != "WB_FULL"}))
