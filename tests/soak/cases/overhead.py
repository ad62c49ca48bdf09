"""What the queue itself costs: the wait around a short job, and a claim among many waiting jobs."""

from __future__ import annotations

import time

from django.db import connection

from projects import claims
from projects.models import AudioTrack, RenderJob, SpeakerClip
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.installation import eventually

JOB_SECONDS = 1.0  # as the settings of this test say
DONE_SECONDS = 3.0
CLAIM_SECONDS = 0.020
CLAIMS = 100
LOOK_SECONDS = 0.02
WAIT_SECONDS = 60.0


def run(course: Course) -> None:
    """A job of a second on an idle machine, again and again; then claims with as many waiting as `jobs` says."""
    course.open()
    course.take_in(voices=3)
    course.learn()
    waits = sorted(_one_job(course) for _ in range(course.scale.rounds))
    middle = waits[len(waits) // 2]
    course.figure(f"{len(waits)} jobs of {JOB_SECONDS:.0f} s done {middle:.2f} s after submission, longest {waits[-1]:.2f} s")
    course.expect(middle <= DONE_SECONDS, f"seconds from submission to the end: {[round(wait, 2) for wait in waits]}")
    checks.nothing_runs_on(course)
    checks.videos(course)
    checks.rows_and_files_agree(course)
    claims = sorted(_claims(course))
    middle, last = claims[len(claims) // 2], claims[int(0.95 * (len(claims) - 1))]
    course.figure(f"a claim among {course.scale.jobs} waiting jobs {middle * 1000:.1f} ms, p95 {last * 1000:.1f} ms")
    course.expect(middle <= CLAIM_SECONDS, f"the slowest claims took {[round(1000 * claim) for claim in claims[-5:]]} ms")


def _one_job(course: Course) -> float:
    begun = time.monotonic()
    job = course.submit()
    done = eventually(lambda: course.person.job(job)["status"] == "succeeded", WAIT_SECONDS, poll=LOOK_SECONDS)
    course.expect(done, f"job {job} did not succeed")
    return time.monotonic() - begun


def _claims(course: Course) -> list[float]:
    """Seconds of each of many claims."""
    clip, track = SpeakerClip.objects.get(pk=course.clip), AudioTrack.objects.get(pk=next(iter(course.tracks)))
    rows = [RenderJob(project=track.project, clip=clip, track=track, created_by=course.owner) for _ in range(course.scale.jobs)]
    RenderJob.objects.bulk_create(rows, batch_size=500)
    if connection.vendor == "postgresql":  # as its autovacuum does within a minute; until then its plans are for few rows
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    seconds = []
    for _ in range(CLAIMS):
        begun = time.monotonic()
        assert claims.claim() is not None
        seconds.append(time.monotonic() - begun)
    return seconds
