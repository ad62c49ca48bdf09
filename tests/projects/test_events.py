"""Events: each final state leaves one, in the transaction that brings it about and in the order of commits."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, transaction
from django.utils import timezone

from projects import batches, claims, events, jobs, resumable, uploads
from projects.errors import ProjectError
from projects.faults import Fault
from projects.models import AudioTrack, Event, Family, Project, RenderBatch, RenderJob, SpeakerClip
from tests import making

BAD = Fault(Family.INPUT, "clip_too_dark", "The face is dark. Film with soft light from the front.", at=2.5)


def kinds() -> list[str]:
    return list(Event.objects.values_list("kind", flat=True))


@pytest.fixture
def batch(project: Project, clip: SpeakerClip, track: AudioTrack, voice_file: Path, owner: User) -> RenderBatch:
    """One clip with two voices, which wait."""
    cells = [(clip, track), (clip, making.track(project, voice_file, "Welcome, Chinese"))]
    return batches.submit(project=project, cells=cells, created_by=owner)


def take() -> claims.Claim:
    claim = claims.claim()
    assert claim is not None
    return claim


def test_a_finished_render_leaves_one_event(job: RenderJob, clip_file: Path) -> None:
    making.output(job, clip_file)
    event = Event.objects.get()
    assert (event.kind, event.object_type, event.object_id) == ("job.finished", "job", job.pk)
    assert (event.project_id, event.user_id) == (job.project_id, job.created_by_id)
    ids = {"job": str(job.pk), "batch": None, "clip": str(job.clip_id), "track": str(job.track_id)}
    assert event.data == {**ids, "error": None}


def test_a_failed_one_says_why_and_one_that_is_put_off_says_nothing(job: RenderJob) -> None:
    claims.fail(take(), Fault(Family.ENVIRONMENT, "tool_timeout", "It took too long."))
    assert kinds() == []
    RenderJob.objects.update(not_before=None)
    claims.fail(take(), BAD)
    event = Event.objects.get()
    assert event.kind == "job.failed"
    assert event.data["error"] == {"code": BAD.code, "message": BAD.message, "at": 2.5}


def test_a_waiting_render_that_is_cancelled_leaves_one_a_running_one_when_it_stops(job: RenderJob, owner: User) -> None:
    claim = take()
    jobs.cancel(job=job, by=owner)
    assert kinds() == []
    claims.settle_cancelled(claim)
    assert kinds() == ["job.cancelled"]
    jobs.cancel(job=jobs.retry(job=RenderJob.objects.get(pk=job.pk), by=owner), by=owner)
    assert kinds() == ["job.cancelled"] * 2


def test_a_batch_has_one_when_its_last_render_ends_and_again_after_another_try(
    batch: RenderBatch, owner: User, clip_file: Path
) -> None:
    making.finish(take(), clip_file)
    claims.fail(take(), BAD)
    assert kinds() == ["job.finished", "job.failed", "batch.failed"]
    assert Event.objects.last().data["cells"] == {"succeeded": 1, "failed": 1, "cancelled": 0}  # type: ignore[union-attr]
    batches.retry_failed(batch=batch, by=owner)
    making.finish(take(), clip_file)
    assert kinds()[3:] == ["job.finished", "batch.finished"]


def test_a_cancelled_batch_is_told_as_such(batch: RenderBatch) -> None:
    batches.cancel(batch=batch)
    assert kinds() == ["job.cancelled", "job.cancelled", "batch.cancelled"]


@pytest.mark.django_db(transaction=True)
def test_of_two_last_renders_that_end_at_once_one_ends_the_batch(batch: RenderBatch, clip_file: Path) -> None:
    barrier, taken = threading.Barrier(2), [take(), take()]

    def end(claim: claims.Claim) -> None:
        barrier.wait(10)
        making.finish(claim, clip_file)
        close_old_connections()

    threads = [threading.Thread(target=end, args=(claim,)) for claim in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert kinds() == ["job.finished", "job.finished", "batch.finished"]


def test_nothing_happened_where_the_transaction_is_rolled_back(job: RenderJob, clip_file: Path) -> None:
    claim = take()
    with transaction.atomic():
        making.finish(claim, clip_file)
        transaction.set_rollback(True)
    assert kinds() == []


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_none_is_taken(job: RenderJob) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        events.record([Event(kind="job.finished", project=job.project, object_type="job", object_id=job.pk)])


def test_files_are_told_once_they_are_taken_in(project: Project, clip_file: Path, voice_file: Path) -> None:
    clip = uploads.add_clip(project=project, speaker="Li Wei", uploaded_file=making.upload(clip_file), title="Take")
    track = uploads.add_track(project=project, uploaded_file=making.upload(voice_file))
    uploads.add_track(project=project, uploaded_file=making.upload(voice_file))  # the same bytes again
    assert list(Event.objects.values_list("kind", "object_id")) == [("clip.ready", clip.pk), ("track.ready", track.pk)]
    assert Event.objects.filter(kind="clip.ready").get().data["title"] == "Take"


def test_a_file_that_came_in_pieces_and_is_no_sound_is_told_as_refused(project: Project, owner: User, voice_file: Path) -> None:
    upload = making.arriving(owner, project)
    with pytest.raises(ProjectError) as refusal:
        resumable.append(upload=upload, offset=0, length=5, body=io.BytesIO(b"hello"))
    event = Event.objects.get()
    assert (event.kind, event.object_id, event.user_id) == ("track.refused", upload.pk, owner.pk)
    assert event.data["error"]["code"] == refusal.value.code


def test_old_ones_are_forgotten(job: RenderJob, clip_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CHUNK", 1)
    making.output(job, clip_file)
    for age in (29, 31, 40):
        with transaction.atomic():
            (made,) = events.record([Event(kind="clip.ready", project=job.project, object_type="clip", object_id=job.clip_id)])
        Event.objects.filter(pk=made.pk).update(at=timezone.now() - timedelta(days=age))
    assert events.forget_old() == 2
    assert kinds() == ["job.finished", "clip.ready"]
