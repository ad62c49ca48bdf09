"""Many renders at once: clips and voices go in, a batch whose cells are rendered each for itself comes out.

A cell is one clip with one voice. It is a job, or the last of a row of jobs that tried it again; one that fails stops no other.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from projects import archives, audit, estimates, jobs, library
from projects.errors import Conflict, Refused
from projects.models import AudioTrack, Choice, Project, RenderBatch, RenderJob, SpeakerClip, Status
from projects.models.library import TITLE_LENGTH
from projects.models.renders import LIVE, RenderJobQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_CELLS = 500
RETRIED = (Status.FAILED, Status.CANCELLED)
# Tell how far a cell is.
TOLD = (
    *("status", "progress", "created_by", "created_at", "priority", "started_at", "finished_at"),
    *("engine", "enhancer", "stage", "claim"),
)
Cell = tuple[SpeakerClip, AudioTrack]


@dataclass(frozen=True, slots=True)
class Need:
    """What some cells will take. work: seconds until all are rendered, on all lanes; video: seconds; size: bytes"""

    videos: int
    work: float
    video: float
    size: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is.

    share: 0 to 1; ends_at: when its last render is expected to end, None where nobody can tell; paused: ids of the people whose
    queues are paused, so that renders of it wait
    """

    total: int
    counts: Mapping[str, int]
    share: float
    ends_at: datetime | None = None
    paused: frozenset[int] = frozenset()

    @property
    def done(self) -> int:
        """Cells with a video."""
        return self.counts.get(Status.SUCCEEDED, 0)

    @property
    def lost(self) -> int:
        """Cells that ended without one."""
        return sum(self.counts.get(status, 0) for status in RETRIED)

    @property
    def live(self) -> int:
        """Cells that wait or run."""
        return sum(self.counts.get(status, 0) for status in LIVE)


def matrix(clips: Iterable[SpeakerClip], tracks: Iterable[AudioTrack]) -> list[Cell]:
    """Every clip with every voice."""
    return list(product(clips, tracks))


def need(cells: Sequence[Cell], choice: Choice = jobs.AS_USUAL) -> Need:
    """What these cells will take, from what the latest renders took."""
    cells = _once_each(cells)
    rates, looked, per_pixel = estimates.measured(), estimates.Looked(), estimates.bytes_per_pixel()
    work, video, size = 0.0, 0.0, 0
    for clip, track in cells:
        picture = estimates.size_of(clip.width, clip.height)
        seconds = choice.seconds(clip=clip.duration, voice=track.duration)
        one = estimates.Work(uuid.UUID(int=0), 0, picture, seconds, clip.duration, clip.sha256)
        work += rates.seconds(one, looked_at=looked.at(clip.sha256))
        size += estimates.size_in_bytes(clip, seconds, per_pixel)
        video += seconds
    return Need(len(cells), work / estimates.working_lanes(0), video, size)


def submit(
    *,
    project: Project,
    cells: Sequence[Cell],
    created_by: User,
    name: str = "",
    name_pattern: str = "",
    choice: Choice = jobs.AS_USUAL,
    preset: str = "",
) -> RenderBatch:
    """Queue a render for each cell, the same one only once. All are queued, or none.

    name: left empty, the day and time; name_pattern: of the files in the archive, left empty `archives.USUAL_PATTERN`
    Raises ProjectError `no_cells`, `too_many_cells`, `wrong_project`, `name_pattern_invalid`, and as `jobs.queue`.
    """
    cells = _once_each(cells)
    if not cells:
        raise Refused("no_cells", _("Choose at least one clip with one voice."), field="cells")
    if len(cells) > MOST_CELLS:
        text = _("A batch has at most {most} videos, this one {count}. Split it in two.")
        raise Refused("too_many_cells", text.format(most=MOST_CELLS, count=len(cells)), field="cells")
    pattern = archives.checked_pattern(name_pattern)
    moment = date_format(timezone.localtime(), "Y-m-d H:i")
    name = (library.plain(name) or _("Batch of {moment}").format(moment=moment))[:TITLE_LENGTH]
    with transaction.atomic():
        batch = RenderBatch.objects.create(project=project, created_by=created_by, name=name, name_pattern=pattern)
        audit.record("batch.submitted", batch, by=created_by, renders=len(cells))
        jobs.queue(
            [
                RenderJob(
                    project=project,
                    clip=clip,
                    track=track,
                    created_by=created_by,
                    batch=batch,
                    preset=preset,
                    **choice.as_dict(),
                )
                for clip, track in cells
            ]
        )
    return batch


def cells(batch: RenderBatch) -> RenderJobQuerySet:
    """The last job of every cell."""
    return RenderJob.objects.filter(batch=batch, retries__isnull=True)


def progress(batch: RenderBatch) -> Progress:
    """How far it is and when it ends."""
    return progress_of(cells(batch).only(*TOLD))


def progress_of(rows: Iterable[RenderJob]) -> Progress:
    """How far these cells are and when the last one ends. It reads their fields `TOLD`."""
    rows = list(rows)
    live = [job for job in rows if job.status in LIVE]
    told = estimates.of(live)
    ends = [each.ends_at for each in told.values()]
    known = [end for end in ends if end is not None]
    ends_at = max(known) if ends and len(known) == len(ends) else None
    shares = [1.0 if job.is_final else job.progress for job in rows]
    share = sum(shares) / len(shares) if shares else 0.0
    paused = frozenset(job.created_by_id for job in live if told[job.pk].paused)
    return Progress(len(rows), Counter(job.status for job in rows), share, ends_at, paused)


def counted(batches: QuerySet[RenderBatch]) -> list[tuple[RenderBatch, Progress]]:
    """Batches with their progress but without times, in one query."""
    current = Q(jobs__retries__isnull=True)
    by_status = {status: Count("jobs", filter=current & Q(jobs__status=status)) for status in Status.values}
    told = []
    for batch in batches.annotate(**{f"in_{status}": count for status, count in by_status.items()}):
        counts = {status: getattr(batch, f"in_{status}") for status in Status.values}
        total = sum(counts.values())
        ended = total - sum(counts[status] for status in LIVE)
        told.append((batch, Progress(total, counts, ended / total if total else 0.0)))
    return told


def retry_failed(*, batch: RenderBatch, by: User) -> int:
    """Queue the cells that failed or were cancelled once more. Returns how many; none when nothing failed."""
    return _again(cells(batch).filter(status__in=RETRIED), by=by)


def replace_clip(*, batch: RenderBatch, old: SpeakerClip, new: SpeakerClip, by: User) -> int:
    """Queue the cells of a clip that failed or were cancelled with another clip. Returns how many.

    A voice that has this clip in the batch already is left as it is.
    Raises ProjectError `wrong_project`, `same_clip`, `nothing_failed`.
    """
    if new.speaker.project_id != batch.project_id:
        raise Refused("wrong_project", _("This clip belongs to another project."), field="clip")
    if old.pk == new.pk:
        raise Refused(
            "same_clip", _("Choose another clip than the one that failed, or run the failed ones again."), field="clip"
        )
    there = cells(batch).filter(clip=new).values("track")
    queued = _again(cells(batch).filter(status__in=RETRIED, clip=old).exclude(track__in=there), by=by, clip=new)
    if not queued:
        raise Conflict("nothing_failed", _("No failed video of this clip is left that could be made with the other one."))
    return queued


def cancel(*, batch: RenderBatch) -> int:
    """End what waits and stop what runs. Returns how many."""
    return jobs.cancel_each(list(cells(batch).filter(status__in=LIVE).with_media()))


def _again(rows: QuerySet[RenderJob], *, by: User, clip: SpeakerClip | None = None) -> int:
    again = [jobs.like(job, by=by, clip=clip) for job in rows.select_related("project", "clip__speaker", "track")]
    try:
        jobs.queue(again)
    except IntegrityError:  # asked for twice at the same moment: the other one has queued them
        return 0
    return len(again)


def _once_each(cells: Sequence[Cell]) -> list[Cell]:
    return list({(clip.pk, track.pk): (clip, track) for clip, track in cells}.values())
