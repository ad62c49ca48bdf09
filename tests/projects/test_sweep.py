"""Housekeeping: what was left lying is put right, and nothing else is touched."""

from __future__ import annotations

import fcntl
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from lipsync import keeping, version
from projects import claims, cleanup, jobs, processes, storage, wakeups
from projects.lanes import Wanted
from projects.members import Member
from projects.models import RenderJob, RenderOutput, Speaker, SpeakerClip, Status
from tests import making

LONG_AGO = 48 * 3600


def leave(path: Path, age: float = LONG_AGO) -> Path:
    """A file that has lain there for some time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_scratch_of_attempts_that_are_over_is_removed(job: RenderJob) -> None:
    claim = claims.claim()
    assert claim is not None
    ours = storage.scratch_folder(job.pk, claim.fence)
    earlier = storage.scratch_folder(job.pk, claim.fence + 7)
    uploads = storage.folder(storage.SCRATCH) / "uploads"
    for folder in (ours, earlier, uploads):
        folder.mkdir(parents=True)
    assert cleanup.remove_orphan_scratch() == 1
    assert (ours.exists(), earlier.exists(), uploads.exists()) == (True, False, True)


def test_files_without_a_row_go_and_others_stay(clip: SpeakerClip, output: RenderOutput, media_root: Path) -> None:
    orphans = [
        leave(media_root / "renders" / "00000000-0000-0000-0000-000000000000.1.mp4"),
        leave(media_root / "clips" / "x.mp4.part"),
        leave(media_root / "audio" / "x.wav"),
        leave(media_root / "scratch" / "uploads" / "x.upload"),
    ]
    fresh = leave(media_root / "clips" / "arriving.mp4.part", age=60)
    for kept in (clip.path, Path(clip.still.path), output.path):
        os.utime(kept, (1, 1))
    assert cleanup.remove_orphan_files() == len(orphans)
    assert not any(path.exists() for path in orphans)
    assert all(path.exists() for path in (fresh, clip.path, Path(clip.still.path), output.path))


def keep(root: Path, name: str) -> Path:
    """An analysis as the engine leaves it."""
    place = root / name
    place.mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    keeping.lock_of(place).touch()
    return place


def test_what_is_known_of_a_clip_goes_with_its_row(clip: SpeakerClip) -> None:
    root = storage.folder(storage.ANALYSES)
    analyses = [keep(root, keeping.name_for(clip.sha256)), keep(root, keeping.name_for(clip.sha256, "0.5000-0.5000-0.000"))]
    assert cleanup.remove_orphan_analyses() == 0
    assert all(place.exists() for place in analyses)
    clip.delete()
    assert cleanup.remove_orphan_analyses() == 2
    assert list(root.iterdir()) == []


def test_what_is_known_of_a_clip_stays_while_another_row_has_its_bytes(clip: SpeakerClip, speaker: Speaker) -> None:
    again = making.clip(speaker, clip.path)
    place = keep(storage.folder(storage.ANALYSES), keeping.name_for(clip.sha256))
    clip.delete()
    assert again.sha256 == clip.sha256
    assert cleanup.remove_orphan_analyses() == 0
    assert place.exists()


def test_what_another_engine_knew_goes_but_not_what_is_used(clip: SpeakerClip) -> None:
    root = storage.folder(storage.ANALYSES)
    ours = keeping.name_for(clip.sha256)
    used, unused = (keep(root, ours.replace(version.engine_digest(), digit * 16)) for digit in "01")
    keep(root, ours)
    lock = os.open(keeping.lock_of(used), os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_SH)
    assert cleanup.remove_orphan_analyses() == 1
    assert (used.exists(), unused.exists(), (root / ours).exists()) == (True, False, True)
    os.close(lock)
    assert cleanup.remove_orphan_analyses() == 1
    assert not used.exists()


def test_an_analysis_whose_engine_was_killed_goes_and_one_that_is_being_made_stays(clip: SpeakerClip) -> None:
    root = storage.folder(storage.ANALYSES)
    place = root / keeping.name_for(clip.sha256)
    with keeping.Hold(place) as hold:
        hold.take(fcntl.LOCK_EX)
        making = keeping.making_folder(place)
        assert cleanup.remove_orphan_analyses() == 0
        assert making.exists()
    assert cleanup.remove_orphan_analyses() == 1
    assert not making.exists()


def leave_segments(name: str, age: float = LONG_AGO) -> list[Path]:
    """Segments of one plan with their proofs, one that was being written, the plan, and the lock, as the engine names them."""
    names = [f"{name}-0000000.mp4", f"{name}-0000000.sha256", f"{name}-0000250.mp4.part", f"{name}.npz", f"{name}.npz.lock"]
    return [leave(storage.folder(storage.SEGMENTS) / each, age) for each in names]


def test_segments_that_nobody_goes_on_from_are_removed_once_they_are_old(db: None) -> None:
    old, fresh = leave_segments("0" * 24), leave_segments("1" * 24)
    os.utime(fresh[1])
    stranger = leave(storage.folder(storage.SEGMENTS) / "notes.txt")
    assert cleanup.remove_old_segments() == 1
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in (*fresh, stranger))


def test_the_age_of_old_segments_is_a_setting(db: None, settings: Settings) -> None:
    leave_segments("0" * 24, age=2 * 3600)
    assert cleanup.remove_old_segments() == 0
    settings.SEGMENT_HOURS = 1
    assert cleanup.remove_old_segments() == 1


def test_segments_that_are_being_rendered_stay(db: None) -> None:
    plan = leave_segments("0" * 24)[3]
    with keeping.Hold(plan) as hold:
        hold.take(fcntl.LOCK_EX)
        assert cleanup.remove_old_segments() == 0
    assert cleanup.remove_old_segments() == 1


@pytest.mark.parametrize("repeated", [False, True])
def test_segments_that_a_live_render_may_go_on_from_stay(job: RenderJob, owner: User, repeated: bool) -> None:
    RenderJob.objects.update(created_at=timezone.now() - timedelta(seconds=LONG_AGO + 60))
    if repeated:
        jobs.cancel(job=job)
        job = jobs.retry(job=job, by=owner)
    leave_segments("0" * 24)
    assert cleanup.remove_old_segments() == 0
    jobs.cancel(job=job)
    assert cleanup.remove_old_segments() == 1


def test_a_submitted_job_wakes_a_worker_once(
    lane: Wanted, job: RenderJob, owner: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            jobs.submit(project=job.project, clip=job.clip, track=job.track, created_by=owner)
    message = OrmQ.objects.get()
    assert message.key == lane.queue
    assert message.task["args"] == ()
    assert message.task["func"] == "projects.tasks.wake"


def test_the_sweep_wakes_a_worker_for_a_waiting_job_whose_message_was_lost(lane: Wanted, job: RenderJob) -> None:
    cleanup.sweep()
    cleanup.sweep()
    assert OrmQ.objects.count() == 1


def test_the_sweep_wakes_a_worker_for_a_job_whose_worker_was_lost(lane: Wanted, job: RenderJob) -> None:
    claims.claim()
    cleanup.sweep()
    assert not OrmQ.objects.exists()
    RenderJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    cleanup.sweep()
    assert OrmQ.objects.count() == 1


def test_a_queue_that_cannot_be_reached_stops_nothing(lane: Wanted, job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str) -> None:
        raise RedisConnectionError("Connection refused")

    monkeypatch.setattr(wakeups, "get_broker", unreachable)
    cleanup.sweep()
    jobs.submit(project=job.project, clip=job.clip, track=job.track, created_by=job.created_by)
    assert RenderJob.objects.count() == 2


def test_a_program_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*args: object, **given: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    member = Member("web server", ["true"])
    monkeypatch.setattr(processes, "start", no_memory)
    member.tend()
    assert member.process is None
    monkeypatch.undo()
    monkeypatch.setattr(member, "_not_before", 0.0)
    member.tend()
    assert member.process is not None
    member.stop()


def test_what_has_ended_is_left_alone(output: RenderOutput) -> None:
    cleanup.sweep()
    assert not OrmQ.objects.exists()
    assert RenderJob.objects.get().status == Status.SUCCEEDED
