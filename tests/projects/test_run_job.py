"""A claimed job is brought to exactly one end, whatever the engine does."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from lipsync.contracts import RenderOptions, SpeakerPoint
from lipsync.media import Encoding, SoundChoice
from lipsync.process import options_from
from projects import claims, cleanup, jobs, rendering, storage, tasks
from projects import engine as engine_module
from projects.models import Choice, RenderJob, RenderOutput, Status
from tests.projects.renders import files_left

Script = Callable[[str], None]
pytestmark = pytest.mark.usefixtures("quick_beats")


def test_a_finished_job_has_its_output_and_leaves_no_scratch(job: RenderJob, engine: Script, media_root: Path) -> None:
    engine("succeed")
    assert rendering.run_next()
    job.refresh_from_db()
    output = RenderOutput.objects.get(job=job)
    assert (job.status, job.frames_done, job.frames_total, job.claim) == (Status.SUCCEEDED, 10, 10, None)
    assert (job.progress, job.seconds_left) == (1.0, None)
    assert output.path.name == f"{job.pk}.1.mp4"
    assert output.path.stat().st_size == output.size
    assert output.quality == {"sharpness": 0.9, "follow": None}
    assert output.notices == ["The voice is shorter than the clip."]
    assert files_left(media_root) == [output.path.name]


CHOICES = (
    Choice(),
    Choice(denoise=True, quality=14, speed="medium", longer="cut"),
    Choice(shorter="keep", part_start=0.2, part_end=0.9, point_x=0.5, point_y=0.25, excerpt=0.5, codec="hevc"),
)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_engine_is_told_what_the_owner_chose(
    job: RenderJob, engine: Script, media_root: Path, owner: User, monkeypatch: pytest.MonkeyPatch, choice: Choice
) -> None:
    told: list[dict[str, Any]] = []
    started = rendering.Engine

    def listening(*, request: dict[str, Any], scratch: Path) -> engine_module.Engine:
        told.append(request["options"])
        return started(request=request, scratch=scratch)

    monkeypatch.setattr(rendering, "Engine", listening)
    jobs.cancel(job=job)
    RenderJob.objects.filter(pk=job.pk).update(**choice.as_dict())
    job.refresh_from_db()
    jobs.retry(job=job, by=owner)  # which keeps the choice
    engine("succeed")
    assert rendering.run_next()
    assert options_from(told[0]) == RenderOptions(
        Encoding(choice.quality, choice.speed, choice.codec),
        SoundChoice(choice.denoise, choice.loudness),
        measure=True,
        overview=True,
        longer=choice.longer,
        shorter=choice.shorter,
        start=choice.part_start,
        end=choice.part_end,
        point=None if choice.point_x is None else SpeakerPoint(0.5, 0.25),
        excerpt=choice.excerpt,
        cache=storage.folder(storage.ANALYSES),
        segments=storage.folder(storage.SEGMENTS),
    )


def test_nothing_runs_when_nothing_waits(db: None) -> None:
    assert not rendering.run_next()


def test_every_step_is_on_the_jobs_page_and_in_the_file(job: RenderJob, engine: Script, log_file: Path) -> None:
    engine("succeed")
    rendering.run_next()
    texts = list(job.log_lines.values_list("text", flat=True))
    assert "a face in every frame" in texts
    assert texts[-1].startswith("done: 1.00 s")
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    mine = [line["message"] for line in lines if line.get("job") == str(job.pk)]
    assert mine[-len(texts) :] == texts


def test_the_engine_learns_no_secret(job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    monkeypatch.setenv("DATABASE_URL", "postgres://me:secret@db/heygem")
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "secret")
    original = rendering._keep

    def look(pulse: rendering.Pulse, *rest: Any) -> None:
        seen.update(json.loads((claims.output_path(pulse.claim).parent / "touched").read_text()))
        original(pulse, *rest)

    monkeypatch.setattr(rendering, "_keep", look)
    engine("succeed")
    rendering.run_next()
    assert "PATH" in seen
    assert not {"SECRET_KEY", "DATABASE_URL", "S3_SECRET_ACCESS_KEY", "DJANGO_SETTINGS_MODULE"} & set(seen)


def test_lines_that_are_no_events_do_no_harm(job: RenderJob, engine: Script) -> None:
    engine("garble")
    rendering.run_next()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED


def test_a_refused_file_fails_with_the_engines_code_place_and_sentence(
    job: RenderJob, engine: Script, media_root: Path
) -> None:
    engine("refuse")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_family, job.error_code, job.error_at) == (Status.FAILED, "input", "no_face", 0.4)
    assert job.error_message == "No face is seen. Film one."
    assert files_left(media_root) == []


def test_the_engines_bug_is_stored_with_its_traceback_in_the_log(job: RenderJob, engine: Script) -> None:
    engine("break")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_family) == (Status.FAILED, "bug")
    assert "ZeroDivisionError" in job.log_lines.filter(level="error").get().text


def test_a_bug_of_the_platform_fails_the_job_and_is_raised(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    engine("succeed")
    monkeypatch.setattr(rendering, "_verify", lambda made, result, pulse: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.FAILED, "bug")
    assert files_left(media_root) == []


@pytest.mark.django_db(transaction=True)
def test_wake_ups_delivered_ten_times_make_one_video_each(
    job: RenderJob, engine: Script, owner: User, media_root: Path
) -> None:
    engine("succeed")
    others = [jobs.submit(project=job.project, clip=job.clip, track=job.track, created_by=owner) for _ in range(3)]
    wanted = [job, *others]
    deliveries: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(10 * len(wanted)):
        deliveries.put(None)

    def deliver() -> None:
        try:
            while True:
                deliveries.get_nowait()
                tasks.wake()
        except queue.Empty:
            connection.close()

    workers = [threading.Thread(target=deliver) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert deliveries.empty()
    assert sorted(files_left(media_root)) == sorted(f"{one.pk}.1.mp4" for one in wanted)
    assert RenderOutput.objects.count() == len(wanted)
    assert set(RenderJob.objects.values_list("status", "attempts", "fence")) == {(Status.SUCCEEDED, 1, 1)}


def test_the_claim_is_kept_while_a_long_video_is_verified(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []
    original = rendering._verify

    def slowly(made: Path, result: dict[str, Any], pulse: rendering.Pulse) -> None:
        RenderJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        time.sleep(rendering.BEAT_SECONDS)
        original(made, result, pulse)
        job.refresh_from_db()
        assert job.lease_until is not None
        left.append((job.lease_until - timezone.now()).total_seconds())

    monkeypatch.setattr(rendering, "_verify", slowly)
    engine("succeed")
    rendering.run_next()
    assert left[0] > 20
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED


def test_a_finished_videos_age_counts_from_its_name(job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    original = rendering._verify

    def old(made: Path, result: dict[str, Any], pulse: rendering.Pulse) -> None:
        os.utime(made, (1, 1))  # measured for a long time after it was written
        original(made, result, pulse)

    def sweep_and_finish(*args: Any, **given: Any) -> bool:
        assert cleanup.remove_orphan_files() == 0
        return finish(*args, **given)

    finish = claims.finish
    monkeypatch.setattr(rendering, "_verify", old)
    monkeypatch.setattr(claims, "finish", sweep_and_finish)
    engine("succeed")
    rendering.run_next()
    assert RenderOutput.objects.get().path.is_file()
