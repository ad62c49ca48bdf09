"""A lane without a render makes itself useful, and stops the moment a render waits."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.db import connections
from pytest_django import Settings

from lipsync import keeping
from lipsync.keeping import Hold
from projects import engine as engine_module
from projects import idling, jobs, rendering, storage, tasks
from projects.models import RenderJob, SpeakerClip, Status

Script = Callable[[str], None]


@pytest.fixture
def task(media_root: Path) -> Iterator[Path]:
    """The task of a render that another lane is at."""
    path = storage.folder(storage.SEGMENTS) / f"{'a' * keeping.PLAN_LENGTH}.json"
    path.write_text("{}")
    with Hold(path.with_suffix(".npz")) as hold:
        hold.take(fcntl.LOCK_EX)
        yield path


@pytest.fixture
def kept(clip: SpeakerClip) -> Path:
    """An analysis of the clip from which nothing has been learnt yet."""
    place = storage.folder(storage.ANALYSES) / keeping.name_for(clip.sha256)
    place.mkdir()
    (place / keeping.MANIFEST).write_text("{}")
    return place


def test_it_helps_with_a_render_that_runs(db: None, task: Path, engine: Script) -> None:
    engine("succeed")
    idling.spend()
    assert not task.exists()


def test_it_leaves_a_render_alone_whose_lane_is_dead(db: None, media_root: Path, engine: Script) -> None:
    path = storage.folder(storage.SEGMENTS) / f"{'b' * keeping.PLAN_LENGTH}.json"
    path.write_text("{}")
    engine("succeed")
    idling.spend()
    assert path.exists()


@pytest.mark.parametrize("wanted", [True, False])
def test_it_teaches_the_clips_that_are_kept_once(
    clip: SpeakerClip, kept: Path, engine: Script, settings: Settings, wanted: bool
) -> None:
    settings.TEACH_WHILE_IDLE = wanted
    engine("succeed")
    idling.spend()
    assert (kept / keeping.LESSON).exists() == wanted
    if wanted:
        assert (kept / keeping.LESSON).read_text() == str(clip.path)
    assert engine_module._kept is None, "teaching took the engine that waits for renders"


def test_nothing_is_learnt_of_somebody_who_did_not_agree(clip: SpeakerClip, kept: Path, engine: Script) -> None:
    clip.speaker.consents.all().delete()
    engine("succeed")
    assert not idling.teach_a_clip(threading.Event())
    assert not (kept / keeping.LESSON).exists()


def test_a_worker_that_is_being_stopped_begins_nothing(db: None, kept: Path, engine: Script) -> None:
    engine("stall")
    stop = threading.Event()
    stop.set()
    assert not idling.teach_a_clip(stop)
    assert not (kept / keeping.LESSON).exists()


@pytest.mark.django_db(transaction=True)
def test_it_stops_the_moment_a_render_waits(job: RenderJob, kept: Path, engine: Script, settings: Settings) -> None:
    settings.TEACH_WHILE_IDLE = True
    jobs.cancel(job=job)
    engine("stall")
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    def idle() -> None:
        idling.spend()
        connections.close_all()

    lane = threading.Thread(target=idle)
    lane.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not new_children(before):
        time.sleep(0.05)
    assert new_children(before)
    jobs.retry(job=job, by=job.created_by)
    lane.join(timeout=20)
    assert not lane.is_alive()
    assert not new_children(before)
    engine("succeed")
    assert rendering.run_next()
    assert RenderJob.objects.get(retry_of=job).status == Status.SUCCEEDED


def test_a_wake_up_with_nothing_to_run_makes_the_lane_useful(db: None, task: Path, engine: Script) -> None:
    engine("succeed")
    tasks.wake()
    assert not task.exists()


def new_children(before: set[int]) -> set[int]:
    return {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if child.pid not in before and child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    }
