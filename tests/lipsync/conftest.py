"""The synthetic take, made once and kept under media/demo for later runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lipsync.bank import Mouth
from lipsync.look import look
from lipsync.media import probe_clip
from lipsync.mouth_space import MouthSpace, build_space
from lipsync.synthetic import take
from lipsync.synthetic.take import SyntheticTake

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def synthetic_take() -> SyntheticTake:
    """A talking take, a second voice and the intended mouth shapes; tests must not change the files."""
    folder = ROOT / "media" / "demo"
    if not take.is_current(folder):
        # In a process of its own, as a user would: it sets its number of threads before numpy is loaded.
        command = [sys.executable, "-m", "lipsync.synthetic", str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
    return take.make(folder)


@pytest.fixture(scope="session")
def looked_at(synthetic_take) -> tuple[MouthSpace, list[Mouth]]:
    """Mouth space and bank of the synthetic take."""
    track, bank = look(synthetic_take.clip, probe_clip(synthetic_take.clip))
    return build_space(track), bank
