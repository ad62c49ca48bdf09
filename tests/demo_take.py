"""The synthetic take, made once and kept under media/demo for later runs."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from lipsync.synthetic import take
from lipsync.synthetic.take import SyntheticTake

ROOT = Path(__file__).parents[1]


def demo_take() -> SyntheticTake:
    """A talking take, a second voice and the intended mouth shapes; tests must not change the files."""
    folder = ROOT / "media" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test workers want it at once, and making it takes half a minute
        if not take.is_current(folder):
            # In a process of its own, as a user would: it sets its number of threads before numpy is loaded.
            command = [sys.executable, "-m", "lipsync.synthetic", str(folder)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
            assert done.returncode == 0, done.stderr
        return take.make(folder)
