"""Every wake-up is delivered ten times, to two workers."""

from __future__ import annotations

from projects.models import RenderJob
from tests.soak import checks
from tests.soak.course import Course


def run(course: Course) -> None:
    """T4. The settings of this test make the copies."""
    course.open()
    course.take_in(voices=3)
    course.learn()
    asked = [course.submit() for _ in range(course.scale.jobs)]
    course.settle()
    course.figure(f"{len(asked)} jobs, each wake-up 10 times")
    again = RenderJob.objects.exclude(fence=1).count()
    course.figure(f"{again} taken twice")
    course.expect(again == 0, f"{again} jobs were claimed more than once")
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    checks.rows_and_files_agree(course)
