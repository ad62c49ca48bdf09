"""A cancel that can be taken back: whatever happens in between, the row says what is the case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from projects import claims, cleanup, jobs, turns
from projects.errors import Conflict
from projects.models import AuditEntry, RenderJob, Status
from projects.pace import Pace
from tests import making


def time_is_up(job: RenderJob) -> None:
    """Let the seconds in which it can be taken back have passed."""
    RenderJob.objects.filter(pk=job.pk).update(cancels_at=timezone.now() - timedelta(seconds=1))


def verbs(job: RenderJob) -> list[str]:
    return list(AuditEntry.objects.filter(object_id=str(job.pk)).order_by("pk").values_list("verb", flat=True))


def test_a_waiting_render_is_not_started_meanwhile_and_ends_then(job: RenderJob, owner: User) -> None:
    assert jobs.cancel_soon(job=job, by=owner).status == Status.QUEUED
    assert claims.claim() is None
    assert not turns.anything_due()
    time_is_up(job)
    cleanup.sweep()
    job.refresh_from_db()
    assert (job.status, job.cancels_at, job.cancel_requested) == (Status.CANCELLED, None, True)
    assert verbs(job) == ["job.cancelled"]


def test_a_worker_who_asks_for_work_carries_it_out_too(job: RenderJob, owner: User) -> None:
    jobs.cancel_soon(job=job, by=owner)
    time_is_up(job)
    assert claims.claim() is None
    assert RenderJob.objects.get().status == Status.CANCELLED


def test_taken_back_it_waits_where_it_was(job: RenderJob, owner: User) -> None:
    jobs.cancel_soon(job=job, by=owner)
    assert jobs.keep(job=job, by=owner).cancels_at is None
    claim = claims.claim()
    assert claim is not None
    assert claim.job_id == job.pk
    assert verbs(job) == ["job.cancelled", "job.kept"]


def test_a_running_render_goes_on_meanwhile_and_loses_nothing_when_taken_back(job: RenderJob, owner: User) -> None:
    claim = claims.claim()
    assert claim is not None
    jobs.cancel_soon(job=job, by=owner)
    assert claims.heartbeat(claim, Pace())
    jobs.keep(job=job, by=owner)
    assert claims.heartbeat(claim, Pace())


def test_a_running_render_stops_at_the_heartbeat_after_it(job: RenderJob, owner: User) -> None:
    claim = claims.claim()
    assert claim is not None
    jobs.cancel_soon(job=job, by=owner)
    time_is_up(job)
    assert not claims.heartbeat(claim, Pace())
    assert claims.was_cancelled(claim)
    assert claims.settle_cancelled(claim)
    with pytest.raises(Conflict) as caught:
        jobs.keep(job=job, by=owner)
    assert caught.value.code == "too_late"


def test_one_that_ends_before_is_done(job: RenderJob, owner: User, clip_file: Path) -> None:
    claim = claims.claim()
    assert claim is not None
    jobs.cancel_soon(job=job, by=owner)
    making.finish(claim, clip_file)
    job.refresh_from_db()
    assert (job.status, job.cancels_at) == (Status.SUCCEEDED, None)
    assert jobs.keep(job=job, by=owner).status == Status.SUCCEEDED


def test_one_that_was_taken_back_just_now_is_not_ended(job: RenderJob, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding what is due and ending it, its person takes it back."""
    jobs.cancel_soon(job=job, by=owner)
    time_is_up(job)
    end = jobs.cancel_each

    def slowly(rows: Sequence[RenderJob], **how: Any) -> int:
        jobs.keep(job=job, by=owner)
        return end(rows, **how)

    monkeypatch.setattr(jobs, "cancel_each", slowly)
    assert jobs.settle_cancels() == 0
    job.refresh_from_db()
    assert (job.status, job.cancel_requested) == (Status.QUEUED, False)
