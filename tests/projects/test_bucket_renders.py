"""Renders whose clips, voices and videos are in a bucket, also while it does not answer."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from projects import idling, jobs, objects, rendering, storage
from projects.lanes import Wanted
from projects.models import (
    ErrorClass,
    Lane,
    Outcome,
    RenderJob,
    RenderOutput,
    SpeakerClip,
    Status,
)
from tests.projects.buckets import SECRET, Down, content, keys, lose_copies
from tests.projects.renders import files_left, wait_over

Script = Callable[[str], None]


def test_a_worker_that_has_nothing_yet_renders_from_the_bucket_into_it(
    stored_job: RenderJob, engine: Script, media_root: Path, s3: Any, settings: Settings, clip_file: Path
) -> None:
    lose_copies(media_root)
    engine("succeed")
    rendering.run_next()
    made = RenderOutput.objects.get()
    assert content(s3, settings, str(made.file)) == clip_file.read_bytes()
    assert stored_job.clip.path.read_bytes() == clip_file.read_bytes()


def test_the_engine_knows_nothing_of_the_bucket(
    stored_job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(rendering, "_verify", lambda made, *_: seen.append((made.parent / "touched").read_text()))
    for name in ("S3_SECRET_ACCESS_KEY", "S3_ACCESS_KEY_ID", "S3_BUCKET", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    engine("succeed")
    with caplog.at_level(logging.INFO):
        rendering.run_next()
    assert RenderOutput.objects.exists()
    assert SECRET not in seen[0]
    assert "PATH" in json.loads(seen[0])
    assert SECRET not in caplog.text


def test_without_the_bucket_no_render_begins(
    stored_job: RenderJob, engine: Script, s3_down: Down, lane: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BUCKET_PATIENCE_SECONDS", 0)
    s3_down()
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    attempt = stored_job.history.get()
    assert (stored_job.status, stored_job.attempts) == (Status.QUEUED, 0), "it is not charged"
    assert (attempt.error_code, attempt.error_class, attempt.outcome) == (
        "storage_unavailable",
        ErrorClass.RESOURCE,
        Outcome.PUT_OFF,
    )
    assert not stored_job.log_lines.filter(text__startswith="a face").exists(), "the engine was not asked"
    assert Lane.objects.paused().exists()
    s3_down(False)
    wait_over()
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.SUCCEEDED


def test_a_finished_video_waits_for_the_bucket(
    stored_job: RenderJob, engine: Script, s3_down: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BUCKET_REST_SECONDS", 0.1)
    verify, kept = rendering._verify, []

    def take_away(*arguments: Any) -> None:
        verify(*arguments)
        s3_down()

    def keep(*arguments: Any, **more: Any) -> None:
        kept.append(1)
        s3_down(len(kept) < 3)
        real(*arguments, **more)

    real = objects.keep
    monkeypatch.setattr(rendering, "_verify", take_away)
    monkeypatch.setattr(objects, "keep", keep)
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.SUCCEEDED
    assert stored_job.log_lines.filter(text__startswith="the video waits for the bucket").count() == 2
    assert objects.exists(str(RenderOutput.objects.get().file))


def test_a_video_that_cannot_be_stored_is_rendered_again(
    stored_job: RenderJob, engine: Script, s3_down: Down, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    monkeypatch.setattr(rendering, "BUCKET_PATIENCE_SECONDS", 0)
    verify = rendering._verify

    def take_away(*arguments: Any) -> None:
        verify(*arguments)
        s3_down()

    monkeypatch.setattr(rendering, "_verify", take_away)
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    assert (stored_job.status, stored_job.attempts) == (Status.QUEUED, 0)
    assert files_left(media_root) == []
    monkeypatch.undo()
    s3_down(False)
    wait_over()
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.SUCCEEDED


def test_a_video_whose_job_was_cancelled_meanwhile_leaves_nothing(
    stored_job: RenderJob, engine: Script, owner: User, monkeypatch: pytest.MonkeyPatch, s3: Any, settings: Settings
) -> None:
    before, real = keys(s3, settings), objects.keep

    def keep_and_cancel(*arguments: Any, **more: Any) -> None:
        real(*arguments, **more)
        assert len(keys(s3, settings)) == len(before) + 1
        jobs.cancel(job=stored_job, by=owner)

    monkeypatch.setattr(objects, "keep", keep_and_cancel)
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.CANCELLED
    assert keys(s3, settings) == before


def test_a_clip_that_cannot_be_fetched_is_not_taught(stored_clip: SpeakerClip, s3_down: Down, media_root: Path) -> None:
    lose_copies(media_root)
    known = storage.folder(storage.ANALYSES) / idling.name_for(stored_clip.sha256)
    known.mkdir()
    (known / "manifest.json").write_text("{}")
    s3_down()
    assert idling.teach_a_clip(threading.Event()) is False
    assert not (known / "lesson.json").exists()
