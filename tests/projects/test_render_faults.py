"""What follows from a fault: tried again, put off, or failed, and nothing that was made is lost."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from pytest_django import Settings

from projects import claims, jobs, processes, rendering, storage
from projects.faults import CRASHES_ALLOWED, RULES
from projects.models import ErrorClass, Outcome, RenderJob, RenderOutput, Status
from tests.projects.renders import files_left, wait_over

Script = Callable[[str], None]
pytestmark = pytest.mark.usefixtures("quick_beats")


@pytest.mark.parametrize("script", ["die", "lie"])
def test_an_engine_that_dies_or_lies_is_tried_again_and_then_given_up(
    job: RenderJob, engine: Script, media_root: Path, script: str
) -> None:
    engine(script)
    for attempt in range(1, CRASHES_ALLOWED + 1):
        assert rendering.run_next()
        job.refresh_from_db()
        assert job.attempts == job.crashes == attempt
        assert job.status == (Status.QUEUED if attempt < CRASHES_ALLOWED else Status.FAILED)
    assert job.error_code == "poisoned"
    assert list(job.history.values_list("error_code", flat=True)) == ["engine_died"] * CRASHES_ALLOWED
    assert [attempt.outcome for attempt in job.history.all()] == [Outcome.PUT_OFF] * (CRASHES_ALLOWED - 1) + [Outcome.FAILED]
    assert not rendering.run_next()
    assert files_left(media_root) == []


def test_an_engines_last_words_are_kept_with_the_attempt(job: RenderJob, engine: Script) -> None:
    engine("die")
    rendering.run_next(lane="cpu")
    attempt = job.history.get()
    assert "Segmentation fault" in attempt.log_tail
    assert (attempt.lane, attempt.worker) == ("cpu", f"{socket.gethostname()}:{os.getpid()}")


def test_an_engine_that_dies_after_every_segment_gets_to_the_end_and_makes_each_once(
    job: RenderJob, engine: Script, media_root: Path
) -> None:
    engine("one segment")
    states = []
    while rendering.run_next():
        job.refresh_from_db()
        states.append((job.status, job.segments_done, job.segments_total, job.crashes))
    assert states == [(Status.QUEUED, 1, 3, 1), (Status.QUEUED, 2, 3, 1), (Status.SUCCEEDED, 3, 3, 1)]
    rendered = list(job.log_lines.filter(text__startswith="rendered").values_list("text", flat=True))
    assert rendered == [f"rendered segment {number}" for number in range(3)]
    assert list(job.history.values_list("segments_done", flat=True)) == [1, 2, 3]


def test_trying_a_failed_render_again_goes_on_from_its_last_segment(job: RenderJob, engine: Script, owner: User) -> None:
    engine("one segment")
    rendering.run_next()
    engine("refuse")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.segments_done) == (Status.FAILED, 1)
    again = jobs.retry(job=job, by=owner)
    engine("one segment")
    while rendering.run_next():
        pass
    assert list(again.log_lines.filter(text__startswith="rendered").values_list("text", flat=True)) == [
        "rendered segment 1",
        "rendered segment 2",
    ]
    assert RenderOutput.objects.get().job == again


def test_a_fault_that_may_pass_waits_longer_every_time_and_fails_at_last(job: RenderJob, engine: Script) -> None:
    engine("flaky")
    waits = []
    while rendering.run_next():
        job.refresh_from_db()
        assert not rendering.run_next()
        if job.not_before is not None and not job.is_final:
            waits.append(job.not_before - job.history.last().ended_at)
        wait_over()
    expected = RULES[ErrorClass.TRANSIENT].waits
    assert [round(wait.total_seconds()) for wait in waits] == [round(wait.total_seconds()) for wait in expected]
    assert (job.status, job.error_code, job.attempts) == (Status.FAILED, "tool_timeout", len(expected) + 1)


@pytest.mark.parametrize("reason", ["the engine's word", "the floor"])
def test_a_full_disk_puts_the_job_off_until_there_is_room(
    job: RenderJob, engine: Script, settings: Settings, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine("full" if reason == "the engine's word" else "succeed")
    settings.FREE_SPACE_FLOOR_BYTES = 0 if reason == "the engine's word" else 2**60
    for _ in range(5):
        assert rendering.run_next()
        assert not rendering.run_next()  # it does not spin
        wait_over()
    job.refresh_from_db()
    assert (job.status, job.attempts, job.fence) == (Status.QUEUED, 0, 5)
    assert set(job.history.values_list("error_class", "error_code")) == {(ErrorClass.RESOURCE, "no_space")}
    assert "take no jobs for a while: no_space" in caplog.text
    settings.FREE_SPACE_FLOOR_BYTES = 0
    engine("succeed")
    assert rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 1)


def test_too_little_memory_for_an_engine_is_the_machines_matter(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **given: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    engine("succeed")
    monkeypatch.setattr(processes, "start", refuse)
    assert rendering.run_next()
    assert job.history.get().error_code == "out_of_memory"
    monkeypatch.undo()
    wait_over()
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 1)


def test_a_lost_answer_of_the_database_does_not_cost_the_video(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = claims.finish

    def commit_and_break(*args: Any, **given: Any) -> bool:
        finish(*args, **given)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(claims, "finish", commit_and_break)
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert RenderOutput.objects.get().path.is_file()


def test_a_database_that_does_not_answer_at_the_end_costs_an_attempt_not_the_job(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: Any, **given: Any) -> bool:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(claims, "finish", gone)
    engine("succeed")
    states = []
    while rendering.run_next():
        job.refresh_from_db()
        states.append((job.status, job.error_code))
        wait_over()
    retries = len(RULES[ErrorClass.TRANSIENT].waits)
    assert states == [(Status.QUEUED, "")] * retries + [(Status.FAILED, "database_lost")]
    assert job.error_family == "environment"


@pytest.mark.parametrize(
    ("number", "code", "attempts"),
    [(errno.ENOSPC, "no_space", 0), (errno.EDQUOT, "no_space", 0), (errno.EACCES, "not_writable", 1)],
)
def test_an_error_of_the_disk_is_the_machines_matter_and_may_pass(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, media_root: Path, number: int, code: str, attempts: int
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(storage, "settle", refuse)
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts, job.history.get().error_code) == (Status.QUEUED, attempts, code)
    assert files_left(media_root) == []


def test_retrying_leaves_the_failed_job_as_it_is(job: RenderJob, engine: Script, owner: User) -> None:
    engine("refuse")
    rendering.run_next()
    job.refresh_from_db()
    again = jobs.retry(job=job, by=owner)
    assert (again.retry_of, again.status, again.clip, again.track) == (job, Status.QUEUED, job.clip, job.track)
    engine("succeed")
    rendering.run_next()
    again.refresh_from_db()
    job.refresh_from_db()
    assert (again.status, job.status) == (Status.SUCCEEDED, Status.FAILED)
