"""A worker and its engine are stopped past their lease, another worker takes the job, then the first goes on."""

from __future__ import annotations

import contextlib
import signal
import time
from datetime import timedelta

import psutil
from django.db.models import F
from django.db.models.functions import Now

from projects import cleanup, jobs
from projects.models import RenderJob, Status
from projects.wakeups import QUEUE
from tests.soak import checks, roles
from tests.soak.course import Course
from tests.soak.installation import eventually
from tests.soak.roles import Role

WAIT_SECONDS = 60.0
JOB_SECONDS = 2.0  # as the settings of this test say
LOOK_SECONDS = 0.2


def run(course: Course) -> None:
    """T3. Freezes at any moment of a job; those that the job outlived without being taken over do not count."""
    course.open()
    course.take_in(voices=3)
    course.learn()
    asked: list[str] = []
    taken_over = 0
    with course.installation.second_worker(QUEUE):
        while taken_over < course.scale.rounds and len(asked) < 4 * course.scale.rounds:
            asked.append(course.submit())
            taken_over += _freeze(course, asked[-1])
            course.expect(_ended(asked[-1]), f"job {asked[-1]} has not ended")
    course.figure(f"{taken_over} workers frozen past their lease and gone on")
    course.expect(taken_over == course.scale.rounds, f"only {taken_over} of {course.scale.rounds} jobs changed hands")
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    late = RenderJob.objects.exclude(output__file__endswith=F("fence")).count()
    strangers = [job for job in RenderJob.objects.select_related("output") if f".{job.fence}." not in job.output.file.name]
    course.expect(not strangers, f"{late} videos are not those of the last claim: {strangers}")
    checks.rows_and_files_agree(course)


def _freeze(course: Course, job: str) -> bool:
    """Stop whoever works on the job until somebody else does. False: it was too near its end for that."""
    if not eventually(lambda: _row(job)["status"] != Status.QUEUED, WAIT_SECONDS):
        raise AssertionError(f"job {job} was not taken")
    time.sleep(course.chance.uniform(0, JOB_SECONDS))
    before = _row(job)["fence"]
    holder = next((worker for worker in course.installation.roles()[Role.WORKER] if _works(worker)), None)
    if holder is None:
        return False
    stopped = [holder, *roles.family_of(holder)]
    _signal(stopped, signal.SIGSTOP)
    try:
        if not eventually(lambda: _row(job)["status"] != Status.RUNNING or _lapsed(job), jobs.LEASE.total_seconds() + 5):
            return False
        # The sweep wakes the other worker; here it comes more often than every fifteen seconds.
        changed = eventually(lambda: cleanup.sweep() or _row(job)["fence"] > before, WAIT_SECONDS, poll=LOOK_SECONDS)
        time.sleep(course.chance.uniform(0, JOB_SECONDS))
        return changed
    finally:
        _signal(stopped, signal.SIGCONT)


def _works(worker: psutil.Process) -> bool:
    """Whether it has an engine or reads what the engine made."""
    return len(roles.family_of(worker)) > 1


def _lapsed(job: str) -> bool:
    return RenderJob.objects.filter(pk=job, lease_until__lt=Now() - timedelta(seconds=0.1)).exists()


def _ended(job: str) -> bool:
    return eventually(lambda: RenderJob.objects.get(pk=job).is_final, WAIT_SECONDS)


def _row(job: str) -> dict[str, object]:
    return RenderJob.objects.values("status", "fence").get(pk=job)


def _signal(stopped: list[psutil.Process], number: signal.Signals) -> None:
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
