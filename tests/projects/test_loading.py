"""Before the first render of its kind it is told how long loading takes; once a lane has loaded it, it is not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from projects import engine as engines
from projects import estimates, lanes, loading, rendering
from projects.lanes import Wanted
from projects.models import Lane, RenderJob, RenderOutput, Status

SENTENCE = "What makes it is loaded first"


@pytest.fixture(autouse=True)
def its_name(settings: Settings) -> None:
    settings.LANE = "cpu-1"


def another(job: RenderJob) -> RenderJob:
    return RenderJob.objects.create(project=job.project, clip=job.clip, track=job.track, created_by=job.created_by)


def seconds(job: RenderJob) -> float:
    return estimates.of([job])[job.pk].loading


def running(job: RenderJob, lane: Wanted, **fields: object) -> RenderJob:
    """The job in the hands of the lane."""
    claim = uuid.uuid4()
    facts = {"claim": claim, "lease_until": timezone.now() + timedelta(hours=1), "started_at": timezone.now()}
    RenderJob.objects.filter(pk=job.pk).update(status=Status.RUNNING, fence=1, attempts=1, **facts, **fields)
    Lane.objects.filter(name=lane.name).update(job=job, claim=claim)
    return RenderJob.objects.get(pk=job.pk)


def test_the_next_render_of_a_cold_lane_waits_for_it(job: RenderJob, lane: Wanted) -> None:
    assert seconds(job) == loading.FIRST_GUESS_SECONDS
    Lane.objects.update(warm=["resynth"])
    assert seconds(job) == 0.0


def test_nobody_is_told_where_nobody_knows(job: RenderJob) -> None:
    assert seconds(job) == 0.0


def test_another_engine_is_loaded_for_itself(job: RenderJob, lane: Wanted) -> None:
    Lane.objects.update(warm=["resynth"])
    RenderJob.objects.update(enhancer="gfpgan")
    job.refresh_from_db()
    assert seconds(job) > 0.0


def test_a_running_render_waits_until_its_first_stage(job: RenderJob, lane: Wanted) -> None:
    assert seconds(running(job, lane)) > 0.0
    assert seconds(running(job, lane, stage="look")) == 0.0
    Lane.objects.update(warm=["resynth"])
    assert seconds(running(job, lane, stage="")) == 0.0


def test_what_is_being_loaded_is_there_for_the_next(job: RenderJob, lane: Wanted) -> None:
    running(another(job), lane)
    assert seconds(job) == 0.0
    RenderJob.objects.filter(pk=job.pk).update(enhancer="gfpgan")
    assert seconds(RenderJob.objects.get(pk=job.pk)) > 0.0


def test_only_the_next_one_is_told(job: RenderJob, lane: Wanted) -> None:
    assert seconds(another(job)) == 0.0


def test_it_is_as_long_as_the_latest_took(job: RenderJob, lane: Wanted) -> None:
    for took in (4.0, 6.0, 8.0, 0.01):
        done = another(job)
        RenderJob.objects.filter(pk=done.pk).update(status=Status.SUCCEEDED, finished_at=Now(), started_at=Now())
        picture = {"width": 640, "height": 360, "frame_rate": "25", "frames": 25, "duration": 1.0}
        timings = {"load": took, "render": 1.0}
        RenderOutput.objects.create(job=done, project=done.project, file="r", size=1, timings=timings, **picture)
    told = estimates.of([job])[job.pk]
    assert told.loading == 6.0
    Lane.objects.update(warm=["resynth"])
    assert (told.ends_in or 0.0) - (estimates.of([job])[job.pk].ends_in or 0.0) == pytest.approx(6.0)


def test_a_lane_says_what_its_engine_has_loaded(job: RenderJob, lane: Wanted, engine: Callable[[str], None]) -> None:
    engine("succeed")
    assert rendering.run_next(lane="cpu-1") is not None
    assert engines.loaded() == Lane.objects.get().warm == ["resynth"]
    engines.end_kept()
    lanes.note_loaded()
    assert Lane.objects.get().warm == []


def test_a_lane_that_is_started_again_is_cold(lane: Wanted) -> None:
    Lane.objects.update(warm=["resynth"])
    lanes.enter(lane, 2)
    assert Lane.objects.get().warm == []


def test_queue_and_render_say_it(owner_client: Client, job: RenderJob, lane: Wanted) -> None:
    pages = (reverse("pages:queue"), job.get_absolute_url())
    assert all(SENTENCE in owner_client.get(page).content.decode() for page in pages)
    Lane.objects.update(warm=["resynth"])
    assert not any(SENTENCE in owner_client.get(page).content.decode() for page in pages)
