"""Renders are cancelled at random moments: waiting, running, at their very end. They end soon and leave nothing."""

from __future__ import annotations

import time

from django.conf import settings

from projects import storage
from projects.models import RenderJob, Status
from tests.soak import checks, roles
from tests.soak.course import Course
from tests.soak.installation import eventually

END_SECONDS = 10.0
WAIT_SECONDS = 60.0
LATEST_SECONDS = 3.0  # the jobs of this test take two
AT_ONCE = 2


def run(course: Course) -> None:
    """T8."""
    course.open()
    course.take_in(voices=3)
    course.learn()
    waits: list[float] = []
    while len(waits) < course.scale.rounds:
        asked = [course.submit() for _ in range(AT_ONCE)]
        for job in asked:
            time.sleep(course.chance.uniform(0, LATEST_SECONDS))
            begun = time.monotonic()
            course.person.cancel(job)
            course.expect(eventually(lambda job=job: _is_over(course, job), WAIT_SECONDS), f"job {job} left something")
            waits.append(time.monotonic() - begun)
        course.settle()
    waits.sort()
    p99 = waits[int(0.99 * (len(waits) - 1))]
    stands = {status: RenderJob.objects.filter(status=status).count() for status in (Status.CANCELLED, Status.SUCCEEDED)}
    course.figure(f"{len(waits)} cancels, {stands[Status.CANCELLED]} ended by them, p99 {p99:.1f} s, longest {waits[-1]:.1f} s")
    course.expect(p99 <= END_SECONDS, f"the slowest took {[round(wait, 1) for wait in waits[-5:]]} s")
    failed = list(RenderJob.objects.exclude(status__in=stands).values("pk", "status", "error_code"))
    course.expect(not failed, f"neither cancelled nor done: {failed}")
    checks.nothing_runs_on(course)
    checks.videos(course)
    checks.rows_and_files_agree(course)


def _is_over(course: Course, job: str) -> bool:
    """It has ended, and neither a process nor a scratch file of it is left."""
    if not RenderJob.objects.get(pk=job).is_final:
        return False
    processes = [process for process in course.installation.processes() if roles.names(process, job)]
    return not processes and not list((settings.MEDIA_ROOT / storage.SCRATCH).glob(f"{job}.*"))
