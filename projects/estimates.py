"""When a render will start and end: the queue and what earlier renders took go in, times come out.

What a render takes is measured on this installation: the latest finished ones tell how long a second of video and a
second of looking at a clip take. Then the queue is played through in the order of `turns`, on as many lanes as work.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from statistics import fmean, median
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from lipsync.keeping import name_for
from projects import lanes, loading, storage, turns
from projects.models import RenderJob, RenderOutput, SpeakerClip, Status
from projects.models.lanes import RENDERING
from projects.models.renders import LIVE, VIDEO_SECONDS

LATEST = 30  # finished renders that are measured
ALIKE, ENOUGH = 1.25, 3  # pictures within this factor are of one size; so many of one size tell it better than all others
PLAYED = 200  # waiting renders whose start is played through; those behind them are told by the mean of these
SOON = 1.0  # seconds: a running render is never said to have ended
OVERHEAD_MEGAPIXELS = 0.85  # what a frame costs besides its pixels: 512 x 512 to 1080 x 1920 in docs/benchmarks.md
FACTS = ("pk", "created_by", "clip__width", "clip__height", VIDEO_SECONDS, "clip__duration", "clip__sha256")  # of `Work`
LOOKING = ("look", "listen")  # the stages that a clip whose analysis is kept does without


@dataclass(frozen=True, slots=True)
class Sample:
    """What one render took. size: as `size_of`; rate: seconds for a second of video or clip, for a picture of size 1"""

    size: float
    rate: float


@dataclass(frozen=True, slots=True)
class Work:
    """What of a render says how long it takes. size: as `size_of`; content: the clip's SHA-256"""

    job_id: UUID
    user_id: int
    size: float
    video_seconds: float
    clip_seconds: float
    content: str


@dataclass(frozen=True, slots=True)
class Rates:
    """What renders take here. start: seconds for itself, whatever it makes; make: of a second of video; look: of a second of
    a clip that was not looked at before; load: of loading what is needed, by what that is"""

    start: float
    make: Sequence[Sample]
    look: Sequence[Sample]
    load: Mapping[loading.Needs, float] = field(default_factory=dict)

    def loading(self, job: RenderJob) -> float:
        """How long it takes to load what this needs, if nobody has."""
        return self.load.get(loading.needs_of(job.engine, job.enhancer), loading.FIRST_GUESS_SECONDS)

    def seconds(self, work: Work, *, looked_at: bool) -> float:
        """How long this takes from its start to its end."""
        look = 0.0 if looked_at else _rate(self.look, work.size) * work.clip_seconds
        return self.start + _rate(self.make, work.size) * work.video_seconds + look


# Until the first render has ended: on two cores a first render of 17.4 s took 7.1 s (512 x 512) to 19.6 s (1080 x 1920) and
# the next one of the same clip 57 to 73% of that, besides loading the libraries (docs/benchmarks.md, 2026-11-25).
FIRST_GUESS = Rates(start=3.0, make=(Sample(1.0, 0.28),), look=(Sample(1.0, 0.12),))


# Of a second of video and for each of its pixels, until the first one is finished: 25 frames of a tenth of a bit.
FIRST_BYTES_GUESS = 0.3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is told of one render.

    ahead: renders served before it; starts_at, ends_at: known or expected, None where nobody can tell; paused: it waits
    because its person's queue is paused; now: the moment of the estimate; loading: seconds of loading that its end waits for,
    0 where all is loaded
    """

    ahead: int
    starts_at: datetime | None
    ends_at: datetime | None
    paused: bool
    now: datetime
    loading: float = 0.0

    @property
    def starts_in(self) -> float | None:
        """Seconds until the start."""
        return None if self.starts_at is None else (self.starts_at - self.now).total_seconds()

    @property
    def ends_in(self) -> float | None:
        """Seconds until the end."""
        return None if self.ends_at is None else (self.ends_at - self.now).total_seconds()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A render in line. seconds: how long it will take"""

    job_id: UUID
    user_id: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Play:
    """The queue played through. starts: seconds from now of each render played; free: when the next one could start then;
    step: seconds between two starts from then on"""

    starts: Mapping[UUID, float]
    free: float
    step: float

    def start(self, job_id: UUID, place: int) -> float:
        """When a waiting render starts, in seconds from now. place: how many waiting ones are served before it"""
        if job_id in self.starts:
            return self.starts[job_id]
        return self.free + max(0, place - len(self.starts)) * self.step


@dataclass(slots=True)
class Looked:
    """Which clips need no looking at any more: their analysis is kept, or a render before has looked at them by then."""

    _known: set[str] = field(default_factory=set)

    def at(self, content: str) -> bool:
        """Whether the analysis of the clip with this SHA-256 is there; from now on it is."""
        known = content in self._known or (storage.folder(storage.ANALYSES) / name_for(content)).is_dir()
        self._known.add(content)
        return known


def of(some: Collection[RenderJob], line: turns.Line | None = None) -> dict[UUID, Estimate]:
    """The estimate of each of some renders, in a number of queries that does not grow with them.

    line: as it stands, where that is known already
    """
    now = timezone.now()
    told = {job.pk: Estimate(0, job.started_at, job.finished_at, paused=False, now=now) for job in some}
    queued = [job for job in some if job.status == Status.QUEUED]
    if not any(job.status in LIVE for job in some):
        return told
    places, following = dict[UUID, int](), list[UUID]()
    if queued:
        line = line or turns.line()
        following, ranks = turns.upcoming(PLAYED, line, queued)
        places = turns.positions(queued, line, ranks)
    works, running = works_of({*following, *places})
    rates, looked, left, there = measured(), Looked(), dict[UUID, float](), loading.places()
    for work, progress, own_guess in running:
        whole = rates.seconds(work, looked_at=looked.at(work.content))
        left[work.job_id] = seconds_left(whole, progress, own_guess)
    for job in some:
        if job.pk in left:
            wait = rates.loading(job) if loading.is_first(job, 0, there) else 0.0
            ends_at = now + timedelta(seconds=left[job.pk] + wait)
            told[job.pk] = Estimate(0, job.started_at, ends_at, paused=False, now=now, loading=wait)
    if line is None or not queued:
        return told
    takes = {}
    for job_id in chain(following, places):
        if job_id in works and job_id not in takes:  # else it was taken or cancelled just now
            takes[job_id] = rates.seconds(works[job_id], looked_at=looked.at(works[job_id].content))
    waiting = [Waiting(job_id, works[job_id].user_id, takes[job_id]) for job_id in following if job_id in works]
    busy = [(work.user_id, left[work.job_id]) for work, _progress, _guess in running]
    limits = {each.user_id: each.limit for each in line.standings}
    play = play_through(busy, waiting, lanes=max(1, len(busy), len(there)), limits=limits)
    for job in queued:
        wait = rates.loading(job) if loading.is_first(job, places[job.pk] - line.running, there) else 0.0
        seconds = takes.get(job.pk) if running or there else None  # without a lane nobody knows when there will be one
        told[job.pk] = _of_waiting(job, places[job.pk], line, play, seconds, now, wait)
    return told


def works_of(waiting: Collection[UUID]) -> tuple[dict[UUID, Work], list[tuple[Work, float, float | None]]]:
    """What these waiting renders and all running ones are, the running ones with their share and their own guess."""
    works, running = {}, []
    rows = RenderJob.objects.filter(Q(status=Status.RUNNING) | Q(pk__in=waiting))
    for *facts, status, progress, own_guess in rows.values_list(*FACTS, "status", "progress", "seconds_left"):
        work = _work(*facts)
        if status == Status.RUNNING:
            running.append((work, progress, own_guess))
        elif status == Status.QUEUED:
            works[work.job_id] = work
    return works, running


def _of_waiting(
    job: RenderJob, place: int, line: turns.Line, play: Play, takes: float | None, now: datetime, wait: float
) -> Estimate:
    """place: how many are served before it; takes: seconds, None where it was taken or cancelled just now; wait: of loading"""
    starts_at = ends_at = None
    paused = line.is_paused(job.created_by_id)
    if not paused and takes is not None:
        starts_at = now + timedelta(seconds=play.start(job.pk, place - line.running))
        ends_at = starts_at + timedelta(seconds=takes + wait)
    return Estimate(place, starts_at, ends_at, paused=paused, now=now, loading=0.0 if paused else wait)


def seconds_left(whole: float, progress: float, own_guess: float | None) -> float:
    """How long a running render still takes: as its own frames tell, else its share of what such renders take."""
    return max(whole * (1 - progress) if own_guess is None else own_guess, SOON)


def working_lanes(running: int) -> int:
    """How many renders can run at once: as many as there are lanes for them, and at least as many as do."""
    return max(1, running, lanes.working(*RENDERING).count())


def _work(job_id: UUID, user_id: int, width: int, height: int, video: float, clip: float, content: str) -> Work:
    return Work(job_id, user_id, size_of(width, height), video, clip, content)


def play_through(
    running: Sequence[tuple[int, float]], waiting: Sequence[Waiting], *, lanes: int, limits: Mapping[int, int]
) -> Play:
    """Start one render after the other as lanes become free.

    running: person and seconds left of each; waiting: in turn; limits: renders at once of each person, 0 for no limit
    """
    ends = [(seconds, user_id) for user_id, seconds in running]
    heapq.heapify(ends)
    busy, line = Counter(user_id for user_id, _ in running), list(waiting)
    starts: dict[UUID, float] = {}
    now = 0.0
    while line:
        chosen = _first_with_room(line, busy, limits) if len(ends) < lanes else None
        if chosen is None:
            now, user_id = heapq.heappop(ends)
            busy[user_id] -= 1
            continue
        job = line.pop(chosen)
        starts[job.job_id] = now
        busy[job.user_id] += 1
        heapq.heappush(ends, (now + job.seconds, job.user_id))
    free = ends[0][0] if len(ends) >= lanes else now
    mean = fmean(job.seconds for job in waiting) if waiting else 0.0
    return Play(starts, free, mean / lanes)


def _first_with_room(line: Sequence[Waiting], busy: Mapping[int, int], limits: Mapping[int, int]) -> int | None:
    for place, job in enumerate(line):
        limit = limits.get(job.user_id, 0)
        if not limit or busy.get(job.user_id, 0) < limit:
            return place
    return None


# --- what renders take here ------------------------------------------------------------------------------------------
def size_of(width: int, height: int) -> float:
    """What a picture of this size costs, in units of one of 0.15 megapixels."""
    return OVERHEAD_MEGAPIXELS + width * height / 1e6


def measured() -> Rates:
    """What the latest renders took, as medians. Only first attempts tell it: a later one may find segments made before."""
    starts, make, look, loaded = [], [], [], []
    facts = ("timings", "width", "height", "duration", "job__clip__duration", "job__attempts", "job__started_at")
    needs = ("job__engine", "job__enhancer")
    rows = RenderOutput.objects.order_by("-created_at").values_list(*facts, "job__finished_at", *needs)[:LATEST]
    for timings, width, height, seconds, clip_seconds, attempts, started_at, finished_at, *needed in rows:
        loaded.append((loading.needs_of(*needed), timings))
        looking, stages = sum(timings.get(stage, 0.0) for stage in LOOKING), sum(timings.values())
        before = looking + timings.get(loading.STAGE, 0.0)
        if attempts != 1 or stages <= before:
            continue
        size = size_of(width, height)
        starts.append(max(0.0, (finished_at - started_at).total_seconds() - stages))
        make.append(Sample(size, (stages - before) / seconds / size))
        if looking:
            look.append(Sample(size, looking / clip_seconds / size))
    start = median(starts) if starts else FIRST_GUESS.start
    return Rates(start, make or FIRST_GUESS.make, look or FIRST_GUESS.look, loading.measured(loaded))


def bytes_per_pixel() -> float:
    """What a second of video takes on the disk for each of its pixels: the median of the latest ones."""
    rows = RenderOutput.objects.order_by("-created_at").values_list("size", "width", "height", "duration")[:LATEST]
    found = [size / (width * height * duration) for size, width, height, duration in rows]
    return median(found) if found else FIRST_BYTES_GUESS


def size_in_bytes(clip: SpeakerClip, seconds: float, per_pixel: float) -> int:
    """What a video of this clip is reckoned to take."""
    return round(per_pixel * clip.width * clip.height * seconds)


def _rate(samples: Sequence[Sample], size: float) -> float:
    """Seconds for a second at this size: the median of those of like size where there are enough, else of all."""
    alike = [sample.rate for sample in samples if size / ALIKE <= sample.size <= size * ALIKE]
    return size * median(alike if len(alike) >= ENOUGH else [sample.rate for sample in samples])
