"""What tests of renders ask: what they leave behind, and what happens to a job while its engine runs."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from django.db import connection

from projects import processes, storage
from projects.models import RenderJob, Status

Script = Callable[[str], None]
WAIT_SECONDS = 20.0


def files_left(root: Path) -> list[str]:
    """What lies in the folders that renders write to."""
    return sorted(path.name for kind in (storage.RENDERS, storage.SCRATCH) for path in (root / kind).glob("*") if path.exists())


def wait_over() -> None:
    """Let whatever is put off have waited long enough."""
    RenderJob.objects.filter(status=Status.QUEUED).update(not_before=None)


def in_the_meantime(act: Callable[[RenderJob], None]) -> threading.Thread:
    """Do something to the job's row, from another connection, once its engine runs."""

    def wait_and_act() -> None:
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < deadline:
                job = RenderJob.objects.filter(status=Status.RUNNING, frames_done=4).first()
                if job is not None and children_of(job):
                    act(job)
                    return
                time.sleep(0.05)
        finally:
            connection.close()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def children_of(job: RenderJob) -> list[int]:
    """The processes that the scripted engine says it started."""
    line = job.log_lines.filter(text__startswith="children").first()
    return [int(number) for number in re.findall(r"\d+", line.text)] if line else []


def is_gone(pid: int) -> bool:
    """Whether no such process runs any more."""
    return not psutil.pid_exists(pid) or not processes.is_alive(psutil.Process(pid))
