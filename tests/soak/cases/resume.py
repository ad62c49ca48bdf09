"""A long render is killed once on its way, earlier or later. What was finished by then is not made again."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from pathlib import Path

from django.conf import settings

from projects.models import RenderJob, Stage, Status
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.installation import eventually
from tests.soak.roles import Role

CLIP_SECONDS = 20.0
VOICE_SECONDS = 100.0
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
LONGEST_SECONDS = 1800.0
LOOK_SECONDS = 0.2


def run(course: Course) -> None:
    """T7, with the real engine: a job for each share of the way."""
    course.open()
    course.film(clip_seconds=CLIP_SECONDS, voice_seconds=VOICE_SECONDS)
    course.learn()
    undisturbed = RenderJob.objects.get().running_seconds or 0.0
    asked, again, finished = [], [], []
    for share in course.chance.sample(SHARES, min(len(SHARES), course.scale.rounds)):
        with _Watch(Path(settings.MEDIA_ROOT)) as watch:
            asked.append(course.submit())
            role = course.chance.choice((Role.WORKER, Role.ENGINE))
            _kill_at(course, asked[-1], share, role)
            finished.append(len(watch.made))
            course.settle(LONGEST_SECONDS)
        again.append(sum(len(times) - 1 for times in watch.made.values()))
    course.figure(f"{len(asked)} renders of {VOICE_SECONDS:.0f} s ({undisturbed:.0f} s of work) killed on their way")
    course.figure(f"{sum(finished)} segments finished before, {sum(again)} of them made again")
    course.expect(sum(finished) > 0, "nothing was finished before a kill")
    course.expect(not any(again), f"segments made again: {again} of {finished}")
    checks.nothing_runs_on(course)
    checks.all_done(course, asked)
    checks.rows_and_files_agree(course)


def _kill_at(course: Course, job: str, share: float, role: Role) -> None:
    """SIGKILL the engine or its worker when this share of the frames is made."""

    def is_there() -> bool:
        row = RenderJob.objects.get(pk=job)
        return (row.status != Status.RUNNING and row.is_final) or (row.stage == Stage.RENDER and _share(row) >= share)

    reached = eventually(is_there, LONGEST_SECONDS, poll=LOOK_SECONDS)
    there = course.installation.roles()[role]
    course.expect(reached and bool(there), f"job {job} had ended before {share:.0%}, or nobody worked on it")
    for process in there:
        process.kill()


def _share(row: RenderJob) -> float:
    return row.frames_done / row.frames_total if row.frames_total else 0.0


class _Watch:
    """Notes when each segment was finished, as long as the block runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.made: dict[str, set[int]] = defaultdict(set)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for proof in self._folder.rglob("*.sha256"):
                try:
                    self.made[proof.name].add(proof.stat().st_mtime_ns)
                except FileNotFoundError:
                    continue  # the render is done with it
            time.sleep(LOOK_SECONDS)
