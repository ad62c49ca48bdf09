"""A worker and its engine are stopped past their lease, another worker takes the job, then the first goes on."""

from __future__ import annotations

import contextlib
import signal
import time

import psutil
from django.db import OperationalError

from projects import cleanup
from projects.models import JobAttempt, RenderJob, Status
from projects.models.renders import FINAL
from tests.soak import checks, roles
from tests.soak.course import Course
from tests.soak.installation import eventually
from tests.soak.roles import Role

WAIT_SECONDS = 90.0  # a worker frozen while it holds SQLite's only lock stops everybody until its lane is restarted
JOB_SECONDS = 2.0  # as the settings of this test say
LOOK_SECONDS = 0.2
TRIES_PER_ROUND = 3  # the frozen one is not always the one who works


def run(course: Course) -> None:
    """T3. Freezes at any moment of a job; those that the job outlived without being taken over do not count."""
    course.open()
    course.take_in(voices=3)
    course.learn()
    asked: list[str] = []
    taken_over = 0
    while taken_over < course.scale.rounds and len(asked) < TRIES_PER_ROUND * course.scale.rounds:
        asked.append(course.submit())
        taken_over += _freeze(course, asked[-1])
        course.expect(eventually(lambda: _ended(asked[-1]), WAIT_SECONDS), f"job {asked[-1]} has not ended")
    course.figure(f"{taken_over} workers frozen past their lease and gone on")
    course.expect(taken_over == course.scale.rounds, f"only {taken_over} of {course.scale.rounds} jobs changed hands")
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    strangers = [job for job in RenderJob.objects.select_related("output") if f".{job.fence}." not in job.output.file.name]
    course.expect(not strangers, f"videos that are not the last claim's: {strangers}")
    checks.rows_and_files_agree(course)


def _freeze(course: Course, job: str) -> bool:
    """Stop a worker until somebody else has its job. False: it was not its job, or too near its end for that."""
    if not eventually(lambda: _row(job)["status"] != Status.QUEUED, WAIT_SECONDS):
        raise AssertionError(f"job {job} was not taken")
    time.sleep(course.chance.uniform(0, JOB_SECONDS))
    before = _row(job)["fence"]
    worker = _whom(course, job)
    stopped = roles.family_of(worker)
    _signal(stopped, signal.SIGSTOP)
    try:
        # The sweep wakes the other worker; here it comes more often than every fifteen seconds.
        settled = eventually(lambda: _sweep() or _changed_hands(job, before) or _ended(job), WAIT_SECONDS, poll=LOOK_SECONDS)
        course.expect(settled, f"job {job} was not taken over in {WAIT_SECONDS:.0f} s")
        time.sleep(course.chance.uniform(0, JOB_SECONDS))
        return _changed_hands(job, before)
    finally:
        _signal(stopped, signal.SIGCONT)


def _whom(course: Course, job: str) -> psutil.Process:
    """The worker who has the job, and one time in five any other."""
    workers = course.installation.roles()[Role.WORKER]
    at_it = JobAttempt.objects.filter(job=job).order_by("-number").values_list("worker", flat=True)[:1]
    holders = [worker for worker in workers if any(name.endswith(f":{worker.pid}") for name in at_it)]
    return course.chance.choice(holders if holders and course.chance.random() < 0.8 else workers)


def _sweep() -> None:
    with contextlib.suppress(OperationalError):  # SQLite, when who is frozen was about to write
        cleanup.sweep()


def _changed_hands(job: str, fence: object) -> bool:
    return _row(job)["fence"] != fence


def _ended(job: str) -> bool:
    return _row(job)["status"] in FINAL


def _row(job: str) -> dict[str, object]:
    return RenderJob.objects.values("status", "fence").get(pk=job)


def _signal(stopped: list[psutil.Process], number: signal.Signals) -> None:
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
