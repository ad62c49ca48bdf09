"""Everything is killed at one moment, as when the power goes, while jobs run and files arrive. Then it is looked at."""

from __future__ import annotations

import random
import threading
import time
import wave
from collections import Counter
from pathlib import Path

from django.db import connection

from projects.models import AudioTrack, RenderJob, Status
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.people import UnansweredError

LATEST_SECONDS = 5.0
JOBS_PER_ROUND = 3
VOICES = 3
SAMPLE_RATE, SAMPLE_BYTES = 16_000, 2
UPLOAD_SECONDS = 30  # of sound, about a megabyte: its upload takes a moment
GIVEN_UP = ("worker_lost", "engine_died", "poisoned")  # killed as often as a job may be


def run(course: Course) -> None:
    """T13."""
    course.open()
    course.take_in(voices=VOICES)
    course.learn()
    bare = 0
    uploads = _Uploads(course)
    for _ in range(course.scale.rounds):
        for _ in range(JOBS_PER_ROUND):
            course.submit()
        uploads.begin()
        time.sleep(course.chance.uniform(0, LATEST_SECONDS))
        course.installation.kill_all()
        connection.close()
        uploads.end()
        wrong = checks.rows_without_files()
        bare += len(wrong)
        course.expect(not wrong, f"rows without their files: {wrong}")
        checks.database_is_sound(course)
        course.installation.start()
    course.settle()
    stand = Counter(RenderJob.objects.values_list("status", flat=True))
    course.figure(f"{course.scale.rounds} times everything killed, {bare} rows without file, {len(uploads.answered)} uploads")
    course.figure(" ".join(f"{count} {status}" for status, count in sorted(stand.items())))
    known = {str(pk) for pk in AudioTrack.objects.values_list("pk", flat=True)}
    course.expect(not uploads.answered - known, "an upload that was answered is not there")
    spent = RenderJob.objects.filter(status=Status.FAILED).exclude(error_code__in=GIVEN_UP)
    course.expect(not spent.exists(), f"failed for another reason than its deaths: {list(spent.values('pk', 'error_code'))}")
    checks.nothing_runs_on(course)
    checks.videos(course)
    checks.rows_and_files_agree(course)


class _Uploads:
    """Uploads one voice after the other until nobody answers."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._number = VOICES
        self.answered: set[str] = set()

    def begin(self) -> None:
        """Upload in the background from now on."""
        self._over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for the one that is under way to fail."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self._number += 1
            voice = self._noise()
            try:
                self.answered.add(self._course.person.offer_track(voice))
            except UnansweredError:
                return
            finally:
                voice.unlink()

    def _noise(self) -> Path:
        """A voice that no other one equals."""
        path = self._course.folder / f"noise-{self._number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, SAMPLE_BYTES, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(random.Random(self._number).randbytes(UPLOAD_SECONDS * SAMPLE_RATE * SAMPLE_BYTES))
        return path
