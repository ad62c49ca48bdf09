"""Rows that must not exist are refused by the database itself."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError
from django.utils import timezone

from projects.models import AudioTrack, JobAttempt, Project, RenderJob, RenderOutput, Speaker, SpeakerClip

NOW = timezone.now()
IMPOSSIBLE_JOBS: dict[str, dict[str, Any]] = {
    "an unknown status": {"status": "waiting"},
    "running without a claim": {"status": "running", "lease_until": NOW, "started_at": NOW},
    "running without a lease": {"status": "running", "claim": uuid.uuid4(), "started_at": NOW},
    "waiting with a claim": {"claim": uuid.uuid4()},
    "ended without an end": {"status": "succeeded"},
    "waiting with an end": {"finished_at": NOW},
    "failed without a reason": {"status": "failed", "finished_at": NOW},
    "cancelled with a failure's code": {"status": "cancelled", "finished_at": NOW, "error_code": "no_face"},
    "more frames done than there are": {"frames_done": 3, "frames_total": 2},
    "more done than all": {"progress": 1.1},
    "more attempts than claims": {"attempts": 1},
    "more segments done than there are": {"segments_done": 3, "segments_total": 2},
    "waiting though its owner wants it stopped": {"cancel_requested": True},
}
AN_END = {"ended_at": NOW, "error_class": "bug", "error_code": "bug"}
IMPOSSIBLE_ATTEMPTS: dict[str, dict[str, Any]] = {
    "an unknown outcome": {"outcome": "gone", "ended_at": NOW},
    "running with an end": {"ended_at": NOW},
    "ended without an end": {"outcome": "succeeded"},
    "failed without a code": {"outcome": "failed", **AN_END, "error_code": ""},
    "put off without a class": {"outcome": "put_off", **AN_END, "error_class": ""},
    "done with a failure's code": {"outcome": "succeeded", **AN_END},
}


@pytest.mark.parametrize("change", IMPOSSIBLE_JOBS.values(), ids=IMPOSSIBLE_JOBS.keys())
def test_an_impossible_job_is_refused(job: RenderJob, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RenderJob.objects.filter(pk=job.pk).update(**change)


@pytest.mark.parametrize("change", IMPOSSIBLE_ATTEMPTS.values(), ids=IMPOSSIBLE_ATTEMPTS.keys())
def test_an_impossible_attempt_is_refused(job: RenderJob, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        JobAttempt.objects.create(job=job, number=1, started_at=NOW, **change)


@pytest.mark.parametrize("second", [{"number": 2}, {"number": 1, "outcome": "cancelled", "ended_at": NOW}])
def test_a_claim_has_one_attempt_and_a_job_one_open_one(job: RenderJob, second: dict[str, Any]) -> None:
    JobAttempt.objects.create(job=job, number=1, started_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        JobAttempt.objects.create(job=job, started_at=NOW, **second)


@pytest.mark.parametrize("change", [{"width": 0}, {"duration": 0}, {"size": 0}, {"file": ""}, {"still": ""}])
def test_an_impossible_clip_is_refused(clip: SpeakerClip, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        SpeakerClip.objects.filter(pk=clip.pk).update(**change)


@pytest.mark.parametrize("change", [{"duration": 0}, {"size": 0}, {"file": ""}])
def test_an_impossible_voice_is_refused(track: AudioTrack, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AudioTrack.objects.filter(pk=track.pk).update(**change)


def test_a_job_has_one_output(output: RenderOutput) -> None:
    facts = {"file": "renders/other.mp4", "width": 1, "height": 1, "frames": 1, "duration": 1.0, "size": 1}
    with pytest.raises(IntegrityError), transaction.atomic():
        RenderOutput.objects.create(job=output.job, project=output.project, **facts)


def test_a_name_is_not_empty_and_a_lecturer_not_twice_in_a_project(project: Project, speaker: Speaker) -> None:
    for bad in (Speaker(project=project, name=speaker.name), Speaker(project=project, name=""), Project(owner=project.owner)):
        with pytest.raises(IntegrityError), transaction.atomic():
            bad.save()


def test_a_clip_that_renders_use_is_not_deleted_under_them(job: RenderJob) -> None:
    with pytest.raises(RestrictedError):
        job.clip.delete()


def test_a_project_goes_with_everything_in_it(output: RenderOutput) -> None:
    output.job.project.delete()
    assert not RenderJob.objects.exists()
    assert not SpeakerClip.objects.exists()
