"""What must hold when a disturbed installation has come to rest: rows, files and bytes agree, and nothing runs on."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from django.conf import settings
from django.db import connection

from projects import cleanup, storage
from projects.models import AudioTrack, RenderJob, RenderOutput, SpeakerClip, Status, Upload
from projects.models.renders import FINAL
from projects.models.uploads import OPEN
from tests.soak import roles
from tests.soak.course import Course
from tests.soak.installation import eventually

DEAD_SECONDS = 45.0
LONG_AGO = 7 * 86400.0


def all_done(course: Course, asked: Collection[str]) -> None:
    """Every job that was promised is there and succeeded with the right bytes, once."""
    stand = Counter(RenderJob.objects.values_list("status", flat=True))
    known = {str(pk) for pk in RenderJob.objects.values_list("pk", flat=True)}
    lost = len(set(asked) - known) + sum(count for status, count in stand.items() if status != Status.SUCCEEDED)
    course.figure(f"{lost} lost")
    ended_badly = RenderJob.objects.exclude(status=Status.SUCCEEDED).values("pk", "status", "error_code", "attempts", "fence")
    course.expect(lost == 0, f"not succeeded: {list(ended_badly)}")
    videos(course)


def videos(course: Course) -> None:
    """Every job has ended; one that succeeded has one output, whose file has the bytes of an undisturbed run."""
    course.expect(not RenderJob.objects.exclude(status__in=FINAL).exists(), "some jobs have not ended")
    succeeded = set(RenderJob.objects.filter(status=Status.SUCCEEDED).values_list("pk", flat=True))
    outputs = {output.job_id: output for output in RenderOutput.objects.select_related("job")}
    course.expect(set(outputs) == succeeded, "jobs that succeeded and outputs are not the same")
    files = Counter(path.name.partition(".")[0] for path in _sweep_and_list(storage.RENDERS))
    double = sum(count > 1 for count in files.values())
    course.figure(f"{double} double")
    course.expect(double == 0, f"jobs with more than one video: {files}")
    equal = sum(_digest(output.path) == course.tracks[str(output.job.track_id)] for output in outputs.values())
    course.figure(f"{equal} byte-equal")
    course.expect(equal == len(succeeded), f"{len(succeeded) - equal} videos differ from an undisturbed run")


def rows_and_files_agree(course: Course) -> None:
    """No row without its file, no file without a row once the sweep has been."""
    bare = rows_without_files()
    stray = files_without_rows()
    course.expect(not bare, f"rows without files: {bare}")
    course.expect(not stray, f"files without rows after the sweep: {stray}")


def rows_without_files() -> list[str]:
    """Rows whose file is missing or is not what the row says."""
    wrong = [str(row.path) for row in RenderOutput.objects.all() if _digest(row.path) != row.sha256]
    wrong += [str(clip.path) for clip in SpeakerClip.objects.all() if _digest(clip.path) != clip.sha256]
    wrong += [clip.still.name for clip in SpeakerClip.objects.all() if not Path(clip.still.path).is_file()]
    return wrong + [str(track.path) for track in AudioTrack.objects.all() if _digest(track.path) != track.sha256]


def files_without_rows() -> list[str]:
    """Files that the sweep left though nothing refers to them."""
    known = set(RenderOutput.objects.values_list("file", flat=True))
    known |= {name for pair in SpeakerClip.objects.values_list("file", "still") for name in pair}
    known |= set(AudioTrack.objects.values_list("file", flat=True))
    known |= {f"{storage.UPLOADS}/{pk}" for pk in Upload.objects.filter(state__in=OPEN).values_list("pk", flat=True)}
    found = [
        path for kind in (storage.RENDERS, storage.CLIPS, storage.TRACKS, storage.UPLOADS) for path in _sweep_and_list(kind)
    ]
    stray = [str(path) for path in found if f"{path.parent.name}/{path.name}" not in known]
    return stray + [str(path) for path in storage.folder(storage.SCRATCH).iterdir() if path.name != "uploads"]


def database_is_sound(course: Course) -> None:
    """SQLite's own check of its file; PostgreSQL looks after itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            said = cursor.fetchall()
        course.expect(said == [("ok",)], f"the database is damaged: {said}")


def nothing_runs_on(course: Course) -> None:
    """Stop the installation; every process of it goes, also those that an earlier `serve` left behind."""
    course.installation.stop()
    gone = eventually(lambda: not course.installation.processes(), DEAD_SECONDS, poll=0.5)
    left = [" ".join(process.cmdline()) for process in course.installation.processes() if roles.alive(process)]
    course.expect(gone, f"left after the stop: {left}")


def _sweep_and_list(kind: str) -> list[Path]:
    """The files of a kind after a sweep that takes each of them for old enough to be in nobody's hands."""
    then = time.time() - LONG_AGO
    for path in storage.folder(kind).iterdir():
        os.utime(path, (then, then))
    cleanup.sweep()
    cleanup.remove_orphan_files()
    return [path for path in (Path(settings.MEDIA_ROOT) / kind).iterdir() if path.is_file()]


def _digest(path: Path) -> str:
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
