"""When renders start and end: measured on what ended before, played through, and held against queues of known durations."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from lipsync.keeping import name_for
from projects import accounts, claims, estimates, lanes, loading, storage, turns
from projects.estimates import FIRST_GUESS, Waiting
from projects.lanes import Wanted
from projects.loading import Place
from projects.models import AudioTrack, Lane, RenderJob, RenderOutput, Speaker, SpeakerClip, Status, UserQueue
from projects.pace import Pace

WITHIN = 0.2
START, MAKE, LOOK = 2.0, 0.5, 0.25  # what the simulated machine takes, at 1280 x 720
Media = Callable[..., dict[str, Any]]
SIZE = (1280, 720)


@pytest.fixture(autouse=True)
def _ready(lane: Wanted) -> None:
    """A lane lives that has loaded what it needs."""
    Lane.objects.filter(name=lane.name).update(warm=["resynth"])


@pytest.fixture
def media() -> Media:
    """A clip and a voice of so many seconds, of a person's own project; only their facts are needed here."""

    def media(user: User, *, voice: float, clip: float = 20.0, content: str | None = None, size: Any = SIZE) -> dict[str, Any]:
        project = accounts.first_project(user)
        speaker, _ = Speaker.objects.get_or_create(project=project, name="Li Wei")
        facts = {"title": "t", "file": "f", "size": 1, "codec": "x", "sha256": content or uuid4().hex * 2}
        picture = {"still": "s", "width": size[0], "height": size[1], "frame_rate": "25", "frames": 500, "has_sound": True}
        take = SpeakerClip.objects.create(speaker=speaker, duration=clip, **facts, **picture)
        track = AudioTrack.objects.create(project=project, duration=voice, sample_rate=48000, **facts)
        return {"project": project, "clip": take, "track": track, "created_by": user}

    return media


def cost(job: RenderJob, *, cold: bool) -> float:
    """What the simulated machine takes for a render."""
    size = job.clip.width * job.clip.height / (SIZE[0] * SIZE[1])
    return START + size * (MAKE * job.track.duration + (LOOK * job.clip.duration if cold else 0.0))


def ended(parts: dict[str, Any], *, cold: bool, noise: float = 1.0, attempts: int = 1) -> RenderOutput:
    """A render of the simulated machine's that has ended."""
    now = timezone.now()
    job = RenderJob(**parts, status=Status.SUCCEEDED, fence=attempts, attempts=attempts, finished_at=now)
    job.started_at = now - timedelta(seconds=cost(job, cold=cold) * noise)
    job.save()
    size = job.clip.width * job.clip.height / (SIZE[0] * SIZE[1])
    timings = {"plan": 0.5 * noise, "render": size * MAKE * job.track.duration * noise - 0.5 * noise}
    if cold:
        timings |= {
            "look": LOOK * size * job.clip.duration * noise * 0.9,
            "listen": LOOK * size * job.clip.duration * noise * 0.1,
        }
    video = {"file": "f", "sha256": "0", "size": 1, "frame_rate": "25", "frames": 500}
    width, height = job.clip.width, job.clip.height
    return RenderOutput.objects.create(
        job=job, project=job.project, width=width, height=height, duration=job.track.duration, timings=timings, **video
    )


def waiting(parts: dict[str, Any], **fields: Any) -> RenderJob:
    """A render in line."""
    return RenderJob.objects.create(**parts, **fields)


def ends_in(job: RenderJob) -> float:
    """The estimate."""
    seconds = estimates.of([job])[job.pk].ends_in
    assert seconds is not None
    return seconds


# --- what renders take -----------------------------------------------------------------------------------------------
def test_before_anything_ended_there_is_a_first_guess(media: Media, owner: User) -> None:
    assert estimates.measured() == FIRST_GUESS
    job = waiting(media(owner, voice=17.4, size=(1920, 1080)))
    assert 15 < ends_in(job) < 35  # docs/benchmarks.md: 19.6 s on two cores, and the loading of the libraries


def test_what_ended_here_is_what_counts(media: Media, owner: User) -> None:
    for voice in (10.0, 40.0, 25.0):
        ended(media(owner, voice=voice), cold=True)
    rates = estimates.measured()
    job = waiting(media(owner, voice=60.0, clip=90.0))
    assert rates.start == pytest.approx(START, abs=0.01)
    assert ends_in(job) == pytest.approx(cost(job, cold=True), rel=0.01)


def test_a_clip_whose_analysis_is_kept_is_not_looked_at_again(media: Media, owner: User) -> None:
    ended(media(owner, voice=20.0), cold=True)
    ended(media(owner, voice=20.0), cold=False)
    cold, warm = (waiting(media(owner, voice=30.0, clip=60.0)) for _ in range(2))
    (storage.folder(storage.ANALYSES) / name_for(warm.clip.sha256)).mkdir()
    told = estimates.of([cold, warm])
    takes = [(each.ends_in or 0) - (each.starts_in or 0) for each in (told[cold.pk], told[warm.pk])]
    assert takes == pytest.approx([cost(cold, cold=True), cost(warm, cold=False)], rel=0.01)


def test_of_two_renders_of_one_new_clip_only_the_first_looks_at_it(media: Media, owner: User) -> None:
    ended(media(owner, voice=20.0), cold=True)
    parts = media(owner, voice=30.0, clip=60.0)
    first, second = waiting(parts), waiting(parts)
    told = estimates.of([second])[second.pk]
    assert told.starts_in == pytest.approx(cost(first, cold=True), rel=0.01)
    assert told.ends_in == pytest.approx(cost(first, cold=True) + cost(second, cold=False), rel=0.01)


def test_one_render_on_a_busy_machine_does_not_spoil_the_guess(media: Media, owner: User) -> None:
    for noise in (1.0, 1.02, 9.0, 0.98, 1.01):
        ended(media(owner, voice=20.0), cold=True, noise=noise)
    job = waiting(media(owner, voice=20.0))
    assert ends_in(job) == pytest.approx(cost(job, cold=True), rel=WITHIN)


def test_a_later_attempt_tells_nothing_for_it_finds_segments_made_before(media: Media, owner: User) -> None:
    ended(media(owner, voice=20.0), cold=True, attempts=2)
    assert estimates.measured() == FIRST_GUESS


def test_renders_of_the_same_picture_size_tell_more_than_others(media: Media, owner: User) -> None:
    small, large = (512, 512), (1920, 1080)
    for size in (small, large, small, large, small, large):
        ended(media(owner, voice=20.0, size=size), cold=True)
    for size in (small, large):
        job = waiting(media(owner, voice=20.0, size=size))
        takes = (estimates.of([job])[job.pk].ends_in or 0) - (estimates.of([job])[job.pk].starts_in or 0)
        assert takes == pytest.approx(cost(job, cold=True), rel=0.05)


def test_an_output_without_stages_is_left_out(media: Media, owner: User) -> None:
    output = ended(media(owner, voice=20.0), cold=True)
    RenderOutput.objects.filter(pk=output.pk).update(timings={})
    assert estimates.measured() == FIRST_GUESS


# --- what runs -------------------------------------------------------------------------------------------------------
def test_a_running_render_is_corrected_by_its_own_frames(media: Media, owner: User) -> None:
    ended(media(owner, voice=20.0), cold=True)
    job = waiting(media(owner, voice=60.0))
    claim = claims.claim()
    assert claim is not None
    begun = cost(job, cold=True)
    job.refresh_from_db()
    assert ends_in(job) == pytest.approx(begun, rel=0.01)
    pace = Pace()
    pace.enter("render", now=-100.0)  # far slower than those before
    pace.advance(100, 1000)
    assert claims.heartbeat(claim, pace)
    job.refresh_from_db()
    assert job.seconds_left is not None
    assert ends_in(job) == pytest.approx(job.seconds_left, rel=0.01)
    assert ends_in(job) > 10 * begun


def test_while_it_cannot_be_told_by_frames_its_share_tells(media: Media, owner: User) -> None:
    ended(media(owner, voice=20.0), cold=True)
    job = waiting(media(owner, voice=60.0))
    assert claims.claim() is not None
    RenderJob.objects.update(progress=0.75, seconds_left=None)
    job.refresh_from_db()
    assert ends_in(job) == pytest.approx(cost(job, cold=True) / 4, rel=0.01)


def test_what_runs_is_never_said_to_have_ended(media: Media, owner: User) -> None:
    job = waiting(media(owner, voice=60.0))
    assert claims.claim() is not None
    RenderJob.objects.update(progress=1.0, seconds_left=0.0)
    job.refresh_from_db()
    assert ends_in(job) > 0


def test_what_waits_starts_when_what_runs_has_ended(media: Media, owner: User) -> None:
    waiting(media(owner, voice=10.0))
    assert claims.claim() is not None
    RenderJob.objects.update(seconds_left=100.0)
    job = waiting(media(owner, voice=10.0))
    assert estimates.of([job])[job.pk].starts_in == pytest.approx(100.0)


def test_what_has_ended_tells_when_it_was(media: Media, owner: User) -> None:
    job = ended(media(owner, voice=10.0), cold=True).job
    told = estimates.of([job])[job.pk]
    assert (told.starts_at, told.ends_at, told.ahead) == (job.started_at, job.finished_at, 0)


# --- whole queues ----------------------------------------------------------------------------------------------------
def played(order: list[RenderJob], lanes: int) -> dict[Any, float]:
    """When each of these ends on the simulated machine, in seconds from the start: written anew, to compare with."""
    free, known, ends = [0.0] * lanes, set(), {}
    for job in order:
        start = heapq.heappop(free)
        ends[job.pk] = start + cost(job, cold=job.clip.sha256 not in known)
        known.add(job.clip.sha256)
        heapq.heappush(free, ends[job.pk])
    return ends


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_queue_of_known_durations_is_foretold_within_a_fifth(
    media: Media, owner: User, stranger: User, administrator: User, monkeypatch: pytest.MonkeyPatch, lanes: int, seed: int
) -> None:
    dice = random.Random(seed)
    for _ in range(9):
        ended(media(owner, voice=dice.uniform(5, 60)), cold=dice.random() < 0.7, noise=dice.uniform(0.9, 1.1))
    contents = [uuid4().hex * 2 for _ in range(4)]
    for user, count in ((owner, 40), (stranger, 9), (administrator, 2)):
        for _ in range(count):
            waiting(media(user, voice=dice.uniform(5, 120), clip=30.0, content=dice.choice(contents)))
    monkeypatch.setattr(loading, "places", lambda: [Place(None, frozenset({"resynth"}), frozenset())] * lanes)
    everything = list(RenderJob.objects.filter(status=Status.QUEUED))
    told = estimates.of(everything)
    by_id = {job.pk: job for job in RenderJob.objects.select_related("clip", "track")}
    truth = played([by_id[job_id] for job_id in turns.upcoming(len(everything), turns.line())[0]], lanes)
    assert len(truth) == len(everything)
    wrong = [abs((told[job_id].ends_in or 0) - end) / end for job_id, end in truth.items()]
    assert max(wrong) < WITHIN


def test_behind_what_is_played_through_the_mean_tells(media: Media, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "PLAYED", 20)
    ended(media(owner, voice=20.0), cold=True)
    dice, content = random.Random(4), uuid4().hex * 2
    line = [waiting(media(owner, voice=dice.uniform(20, 60), content=content)) for _ in range(80)]
    truth = played(line, 1)
    for job in (line[19], line[20], line[50], line[79]):
        assert ends_in(job) == pytest.approx(truth[job.pk], rel=WITHIN)


def test_a_limit_holds_a_person_back_and_lets_others_pass(owner: User, stranger: User) -> None:
    line = [Waiting(uuid4(), user, 10.0) for user in (1, 1, 1, 2)]
    play = estimates.play_through([(1, 5.0)], line, lanes=2, limits={1: 1})
    starts = [play.starts[each.job_id] for each in line]
    assert starts == [5.0, 15.0, 25.0, 0.0]


def test_more_lanes_than_renders_start_all_at_once() -> None:
    line = [Waiting(uuid4(), 1, 10.0) for _ in range(3)]
    play = estimates.play_through([], line, lanes=4, limits={})
    assert set(play.starts.values()) == {0.0}
    assert play.start(uuid4(), 3) == 0.0


def test_while_the_queue_is_paused_nobody_can_tell(media: Media, owner: User, owner_client: Client) -> None:
    job = waiting(media(owner, voice=10.0))
    UserQueue.objects.create(user=owner, paused_at=timezone.now())
    told = estimates.of([job])[job.pk]
    assert (told.paused, told.starts_at, told.ends_at) == (True, None, None)
    answer = owner_client.get(f"/api/v1/jobs/{job.pk}/").json()
    assert (answer["paused"], answer["starts_at"], answer["ends_at"], answer["queue_position"]) == (True, None, None, 0)


def test_while_no_lane_takes_renders_nobody_can_tell(media: Media, owner: User, owner_client: Client) -> None:
    job = waiting(media(owner, voice=10.0))
    lanes.pause_node("no_space", timezone.now() + timedelta(minutes=2))
    answer = owner_client.get(f"/api/v1/jobs/{job.pk}/").json()
    assert (answer["position"], answer["starts_at"], answer["ends_at"]) == (0, None, None)
    page = owner_client.get(f"/jobs/{job.pk}/").text
    assert ("starts as soon as a worker is free" in page, "done in" in page) == (True, False)


@pytest.mark.parametrize("count", [1, 12])
def test_it_costs_as_many_queries_for_many_as_for_one(
    media: Media, owner: User, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for _ in range(count):
        waiting(media(owner, voice=10.0))
    assert claims.claim() is not None
    rows = [*RenderJob.objects.all(), waiting(media(owner, voice=10.0))]
    with django_assert_num_queries(6):
        estimates.of(rows)


def test_the_api_tells_place_start_and_end(media: Media, owner: User, owner_client: Client) -> None:
    waiting(media(owner, voice=10.0))
    job = waiting(media(owner, voice=10.0))
    answer = owner_client.get(f"/api/v1/jobs/{job.pk}/").json()
    assert (answer["queue_position"], answer["position"], answer["paused"]) == (1, 1, False)
    assert answer["created_at"] < answer["starts_at"] < answer["ends_at"]
