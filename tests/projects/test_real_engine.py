"""What the queue promises, with the real engine: it goes on from its last segment, and ends at a word."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection

from projects import jobs, rendering, storage
from projects.models import Outcome, RenderJob, Speaker, Stage, Status
from tests import making

CLIP = 4.0
VOICE = 25.0  # three segments of ten seconds at most
PATIENCE = 240.0
CANCEL_SECONDS = 10.0


@pytest.fixture
def job(speaker: Speaker, owner: User, talking_take: tuple[Path, Path], tmp_path: Path) -> RenderJob:
    """A render of three segments that waits."""
    take, voice = tmp_path / "take.mp4", tmp_path / "voice.wav"
    making.media("-i", str(talking_take[0]), "-t", str(CLIP), "-c", "copy", str(take))
    making.media("-stream_loop", "-1", "-i", str(talking_take[1]), "-t", str(VOICE), str(voice))
    return jobs.submit(
        project=speaker.project,
        clip=making.clip(speaker, take),
        track=making.track(speaker.project, voice),
        created_by=owner,
    )


def engines() -> list[psutil.Process]:
    """The engine and what it started."""
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def finished_segments() -> list[Path]:
    """The segments with a proof."""
    return [proof.with_suffix(".mp4") for proof in sorted(storage.folder(storage.SEGMENTS).glob("*.sha256"))]


def meanwhile(due: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as it is due, beside the render."""

    def watch() -> None:
        deadline = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                if due():
                    act()
                    return
                time.sleep(0.02)
        finally:
            connection.close()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_killed_engine_is_followed_by_one_that_renders_no_segment_again(job: RenderJob) -> None:
    def kill() -> None:
        for process in engines():
            process.send_signal(signal.SIGKILL)

    killer = meanwhile(lambda: bool(finished_segments()), kill)
    assert rendering.run_next()
    killer.join()
    job.refresh_from_db()
    assert (job.status, job.history.get().error_code) == (Status.QUEUED, "engine_died")
    kept = {path: path.stat().st_ino for path in finished_segments()}
    assert job.history.get().segments_done == len(kept) > 0

    seen: set[tuple[Path, int]] = set()
    over = threading.Event()

    def look() -> bool:
        for path in kept:
            if path.exists():
                seen.add((path, path.stat().st_ino))
        return over.is_set()

    watcher = meanwhile(look, lambda: None)
    assert rendering.run_next()
    over.set()
    watcher.join()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert job.output.duration == pytest.approx(VOICE, abs=0.1)
    assert job.output.timings["load"] > 0.0
    told = job.output.overview.told
    assert len(told["loudness"]) * told["step"] == pytest.approx(job.output.duration, abs=0.01)
    rows = told["quality"]
    assert len(rows["sync"]) == len(rows["sharpness"]) == len(rows["flicker"]) == round(job.output.duration)
    assert None not in rows["sharpness"]  # the segments that were made before the fault had left theirs
    assert seen == set(kept.items())
    assert list(job.history.values_list("segments_done", flat=True)) == [len(kept), job.segments_total]
    assert list(storage.folder(storage.SEGMENTS).iterdir()) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", [Stage.LOOK, Stage.RENDER])
def test_a_cancelled_render_ends_within_ten_seconds_and_leaves_no_process(job: RenderJob, stage: Stage) -> None:
    asked: list[float] = []

    def cancel() -> None:
        asked.append(time.monotonic())
        jobs.cancel(job=RenderJob.objects.get())

    canceller = meanwhile(lambda: RenderJob.objects.get().stage == stage, cancel)
    assert rendering.run_next()
    ended = time.monotonic()
    canceller.join()
    job.refresh_from_db()
    assert (job.status, job.history.get().outcome) == (Status.CANCELLED, Outcome.CANCELLED)
    assert ended - asked[0] < CANCEL_SECONDS
    assert engines() == []
