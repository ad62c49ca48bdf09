"""A render that is stopped from outside leaves no process and writes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import OperationalError
from pytest_django import Settings

from projects import claims, jobs, rendering
from projects.models import RenderJob, Status
from tests.projects.renders import children_of, files_left, in_the_meantime, is_gone

Script = Callable[[str], None]
pytestmark = pytest.mark.usefixtures("quick_beats")


@pytest.mark.django_db(transaction=True)
def test_an_engine_killed_in_mid_run_is_followed_by_another_attempt(job: RenderJob, engine: Script) -> None:
    engine("stall")

    def kill(running: RenderJob) -> None:
        time.sleep(0.3)  # for the worker to have seen them
        os.kill(psutil.Process(children_of(running)[0]).ppid(), signal.SIGKILL)

    helper = in_the_meantime(kill)
    rendering.run_next()
    helper.join()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert all(is_gone(pid) for pid in children_of(job))
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 2)
    assert job.output.path.name == f"{job.pk}.2.mp4"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("script", ["stall", "stubborn"])
def test_a_cancel_in_mid_run_ends_the_engine_and_all_it_started(
    job: RenderJob, engine: Script, script: str, media_root: Path
) -> None:
    engine(script)
    helper = in_the_meantime(lambda running: jobs.cancel(job=running) and None)
    rendering.run_next()
    helper.join()
    job.refresh_from_db()
    assert (job.status, job.claim) == (Status.CANCELLED, None)
    assert len(children_of(job)) == 2
    assert all(is_gone(pid) for pid in children_of(job))
    assert files_left(media_root) == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_claim_stops_and_writes_nothing(job: RenderJob, engine: Script) -> None:
    engine("stall")
    successor = "11111111-1111-1111-1111-111111111111"
    helper = in_the_meantime(lambda running: RenderJob.objects.update(claim=successor, fence=2, attempts=2) and None)
    rendering.run_next()
    helper.join()
    job.refresh_from_db()
    assert (job.status, str(job.claim), job.fence) == (Status.RUNNING, successor, 2)
    assert all(is_gone(pid) for pid in children_of(job))


@pytest.mark.django_db(transaction=True)
def test_a_stopped_worker_gives_its_job_back(job: RenderJob, engine: Script) -> None:
    engine("stall")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        helper = in_the_meantime(lambda running: os.kill(os.getpid(), signal.SIGTERM))
        rendering.run_next()
        helper.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.frames_total) == (Status.QUEUED, 0, 0)
    assert all(is_gone(pid) for pid in children_of(job))


def test_a_render_that_takes_too_long_is_stopped(job: RenderJob, engine: Script, settings: Settings) -> None:
    settings.RENDER_TIME_LIMIT_SECONDS = 1
    engine("stall")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.FAILED, "took_too_long")


def test_a_worker_that_cannot_reach_the_database_stops_before_its_lease_ends(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr(claims, "heartbeat", unreachable)
    monkeypatch.setattr(rendering.connection, "close", lambda: None)
    monkeypatch.setattr(rendering, "SAFETY_SECONDS", claims.LEASE.total_seconds() - 1)
    engine("stall")
    rendering.run_next()
    job.refresh_from_db()
    assert job.status == Status.RUNNING  # untouched: another worker takes it when the lease has ended


def test_a_cancel_at_the_very_end_wins_over_the_result(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    engine("succeed")
    original = rendering._verify

    def cancel_and_verify(made: Path, result: dict[str, Any], pulse: rendering.Pulse) -> None:
        jobs.cancel(job=job)
        original(made, result, pulse)

    monkeypatch.setattr(rendering, "_verify", cancel_and_verify)
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.finished_output()) == (Status.CANCELLED, None)
    assert files_left(media_root) == []


def test_a_worker_stopped_right_after_its_claim_gives_the_job_back(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claims.claim

    def claim_and_be_stopped(**given: str) -> claims.Claim | None:
        taken = claim(**given)
        os.kill(os.getpid(), signal.SIGTERM)
        return taken

    monkeypatch.setattr(claims, "claim", claim_and_be_stopped)
    engine("stall")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        rendering.run_next()
    finally:
        signal.signal(signal.SIGTERM, before)
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
