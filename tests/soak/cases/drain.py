"""The installation is ended with SIGTERM every half minute while jobs run, as rolling updates do."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

from projects.models import RenderJob
from tests.soak import checks
from tests.soak.course import Course

EVERY_SECONDS = 30.0
EXIT_SECONDS = 35.0
KEPT_SHARE = 0.8
VOICES = 4


def run(course: Course) -> None:
    """T6."""
    course.open()
    course.take_in(voices=VOICES)
    course.learn()
    asked = [course.submit() for _ in range(course.scale.jobs)]
    exits = []
    for _ in range(course.scale.rounds):
        time.sleep(EVERY_SECONDS)
        exits.append(course.installation.restart())
    course.settle(seconds=1800.0)
    course.figure(f"{len(asked)} jobs, {len(exits)} times SIGTERM, ended within {max(exits):.1f} s")
    course.expect(max(exits) <= EXIT_SECONDS, f"seconds until it had ended: {[round(wait, 1) for wait in exits]}")
    charged = RenderJob.objects.exclude(attempts=1).count()
    course.figure(f"{charged} attempts charged")
    course.expect(charged == 0, f"{charged} jobs were charged for an attempt that was drained")
    _segments_kept(course)
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    checks.rows_and_files_agree(course)


def _segments_kept(course: Course) -> None:
    """How many of the segments that a job had when it was ended did not have to be made again."""
    made: dict[str, dict[str, list[str]]] = defaultdict(dict)  # job, engine process, segments in their order
    for line in Path(course.folder, "journal").read_text().splitlines():
        job, segment, engine = line.split()
        made[job].setdefault(engine, []).append(segment)
    before = again = 0
    for runs in made.values():
        *ended, _last = runs.values()
        before += sum(len(run) for run in ended)
        again += sum(len(run) for run in runs.values()) - len({segment for run in runs.values() for segment in run})
    share = 1 - again / before if before else 0.0
    course.figure(f"{before} segments made before, {share:.0%} of them kept")
    course.expect(share >= KEPT_SHARE, f"{again} of {before} segments were made again")
