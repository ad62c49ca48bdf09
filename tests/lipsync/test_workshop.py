"""The folder beside the output: held while a render lives, cleared away when one was killed."""

from __future__ import annotations

import subprocess
import sys

from lipsync.workshop import workshop_beside
from tests.lipsync.media import ROOT

HOLDS_ONE = """
import pathlib, sys
from lipsync.workshop import workshop_beside
with workshop_beside(pathlib.Path(sys.argv[1])) as folder:
    (folder / "frame").write_bytes(b"1")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_render_left_goes_and_what_a_living_one_needs_stays(tmp_path):
    folder = tmp_path / "videos"
    output = folder / "talk [1].mp4"
    line = [sys.executable, "-c", HOLDS_ONE, output]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        theirs = folder / other.stdout.readline().strip()
        with workshop_beside(output) as ours:
            assert ours != theirs
            assert sorted(folder.iterdir()) == sorted([ours, theirs])
            assert (theirs / "frame").exists()
        assert list(folder.iterdir()) == [theirs]
        other.kill()
    with workshop_beside(folder / "talk [2].mp4"):
        assert theirs.exists()
    with workshop_beside(output) as ours:
        assert list(folder.iterdir()) == [ours]
    assert list(folder.iterdir()) == []
