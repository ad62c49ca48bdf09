"""The soak test of kills, small enough for every change. `make soak` runs all of them in full."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.soak.installation import ROOT

LONGEST_SECONDS = 900  # for machines that have much else to do


@pytest.mark.slow
def test_no_job_is_lost_or_done_twice_though_processes_of_every_role_are_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "small", "--seed", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jobs, 20 kills" in done.stdout
    assert "0 lost, 0 double" in done.stdout
