"""The idle worker is killed while it holds its queue's lock; the next job must begin soon all the same."""

from __future__ import annotations

import time

from projects.models import RenderJob
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.installation import eventually
from tests.soak.roles import Role

BEGIN_SECONDS = 20.0
WAIT_SECONDS = 120.0


def run(course: Course) -> None:
    """T2."""
    course.open()
    course.take_in(voices=2)
    course.learn()
    waits, asked = [], []
    for _ in range(course.scale.rounds):
        assert eventually(course.installation.is_up, WAIT_SECONDS), "the worker did not come back"
        for worker in course.installation.roles()[Role.WORKER]:
            worker.kill()
        begun = time.monotonic()
        asked.append(course.submit())
        eventually(lambda: RenderJob.objects.filter(pk=asked[-1], started_at__isnull=False).exists(), WAIT_SECONDS)
        waits.append(time.monotonic() - begun)
        course.settle()
    soon = sum(wait <= BEGIN_SECONDS for wait in waits)
    course.figure(
        f"{len(waits)} idle workers killed, {soon} next jobs within {BEGIN_SECONDS:.0f} s, longest {max(waits):.1f} s"
    )
    course.expect(soon == len(waits), f"seconds until the next job began: {[round(wait, 1) for wait in waits]}")
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    checks.rows_and_files_agree(course)
