"""What is let go goes back to the machine. In a process of its own: what other tests left free would blur the figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lipsync.memory import give_back

ROOT = Path(__file__).parents[2]
# Every second of many small blocks is let go, the others stay in use between them, as they are after a look.
FREED = """
import resource, sys
from lipsync.memory import give_back
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
blocks = [bytes(50_000) for _ in range(2000)]
del blocks[::2]
before = resident()
give_back()
sys.stdout.write(str(before - resident()))
"""

LOOKED = """
import weakref
from lipsync.faces.mediapipe import MediapipeTracker
class Take: pass
def look():
    take = Take()
    with MediapipeTracker():
        return weakref.ref(take)
assert look()() is None
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the GNU C library keeps what is free and can give it back")
def test_what_lies_free_between_what_is_used_goes_back():
    done = subprocess.run([sys.executable, "-c", FREED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 30_000_000, "forty of the fifty megabytes that were let go fill whole pages"


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr("lipsync.memory._trim", lambda: None)
    give_back()


def test_what_was_held_when_the_tracker_was_loaded_is_let_go():
    done = subprocess.run([sys.executable, "-c", LOOKED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
