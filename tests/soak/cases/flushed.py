"""All messages are lost in mid-run, again and again. The rows say what is to be done, and the sweep sees to it."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
from django.conf import settings
from django_q.models import OrmQ

from projects.models import RenderJob, Status
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.installation import eventually

RECOVER_SECONDS = 60.0
WAIT_SECONDS = 180.0
JOBS_PER_ROUND = 2
LONGEST_FLUSH_SECONDS = 3.0
FLUSH_EVERY_SECONDS = 0.01


def run(course: Course) -> None:
    """T5."""
    course.open()
    course.take_in(voices=3)
    course.learn()
    flush = _flusher()
    waits: list[float] = []
    asked: list[str] = []
    lost = 0
    for _ in range(course.scale.rounds):
        # The first message is lost in half of the rounds, a later one in the others.
        early = course.chance.random() < 0.5
        asked += [course.submit() for _ in range(0 if early else JOBS_PER_ROUND)]
        end = time.monotonic() + course.chance.uniform(0.5, LONGEST_FLUSH_SECONDS)
        asked += [course.submit() for _ in range(JOBS_PER_ROUND if early else 0)]
        while time.monotonic() < end:
            lost += flush()
            time.sleep(FLUSH_EVERY_SECONDS)
        waits.append(_seconds_until_work_goes_on())
        course.settle()
    course.figure(f"{len(asked)} jobs, {len(waits)} floods that took {lost} messages, work went on within {max(waits):.1f} s")
    course.expect(max(waits) <= RECOVER_SECONDS, f"seconds until work went on: {[round(wait, 1) for wait in waits]}")
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    checks.rows_and_files_agree(course)


def _flusher() -> Callable[[], int]:
    """Empties the queue, and all else in Redis; how many messages there were."""
    if not settings.REDIS_URL:
        return lambda: OrmQ.objects.all().delete()[0]
    server = redis.from_url(settings.REDIS_URL)

    def flush() -> int:
        waiting = sum(server.llen(key) for key in server.scan_iter("django_q:*:q"))
        server.flushdb()
        return int(waiting)

    return flush


def _seconds_until_work_goes_on() -> float:
    """Until a job runs or none is left."""
    begun = time.monotonic()
    waiting = RenderJob.objects.filter(status=Status.QUEUED)
    running = RenderJob.objects.filter(status=Status.RUNNING)
    eventually(lambda: running.exists() or not waiting.exists(), WAIT_SECONDS)
    return time.monotonic() - begun
