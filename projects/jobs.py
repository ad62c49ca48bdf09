"""The queue of renders: a clip and a voice go in, exactly one final state comes out. The row is the truth.

queued -> running -> succeeded | failed | cancelled, and running -> queued when a worker gives the job back, when a fault may
pass, and when its worker was lost. Every change is one conditional UPDATE; whoever changes no row has lost the race and writes
nothing. The row of the attempt is opened and closed in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, UUIDField, Value, When
from django.db.models.functions import Least, Now
from django.utils.translation import gettext as _

from projects import abilities, audit, estimates, events, logs, quotas, wakeups
from projects.errors import Conflict, Refused
from projects.models import (
    AudioTrack,
    Choice,
    Consent,
    ErrorClass,
    JobAttempt,
    Outcome,
    Project,
    RenderJob,
    Speaker,
    SpeakerClip,
    Status,
)
from projects.models.presets import DRAFT
from projects.models.renders import LIVE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# A worker that hears of a cancel ends its engine within this time. One that does not hear of it is dead.
CANCEL_PATIENCE = timedelta(seconds=10)
NO_CONSENT = "no_consent"
AS_USUAL, ALL = Choice(), Q()
DUE = Q(cancels_at__lte=Now())
SHORTEST_PART_SECONDS, END_TOLERANCE_SECONDS = 0.5, 1.0  # as the engine has them
UNDO = timedelta(seconds=5)
BEFORE_ONES_OWN = 1  # a priority that counts among one person's renders, and against nobody else


# --- people ----------------------------------------------------------------------------------------------------------
def submit(
    *,
    project: Project,
    clip: SpeakerClip,
    track: AudioTrack,
    created_by: User,
    retry_of: RenderJob | None = None,
    choice: Choice = AS_USUAL,
    preset: str = "",
) -> RenderJob:
    """Queue a render and wake a worker. preset: the code of the one chosen. Raises ProjectError as `queue`."""
    job = RenderJob(
        project=project,
        clip=clip,
        track=track,
        created_by=created_by,
        retry_of=retry_of,
        preset=preset,
        **choice.as_dict(),
    )
    queue([job])
    return job


def queue(rows: Sequence[RenderJob]) -> None:
    """Queue one person's renders in one project, not rows yet, all or none, and wake a worker.

    Raises ProjectError `wrong_project`, `in_bin`, `part_outside_clip`, `no_consent`, `no_lane_for_engine`,
    `quota_bytes`, `quota_minutes`.
    """
    for job in rows:
        if job.clip.speaker.project_id != job.project_id:
            raise Refused("wrong_project", _("This clip belongs to another project."), field="clip")
        if job.track.project_id != job.project_id:
            raise Refused("wrong_project", _("This voice belongs to another project."), field="track")
        if not job.clip.is_kept:
            raise Refused("in_bin", _("This clip is in the bin. Take it out of there under Storage first."), field="clip")
        if not job.track.is_kept:
            raise Refused("in_bin", _("This voice is in the bin. Take it out of there under Storage first."), field="track")
        _require_part(job)
    require_consent(*{job.clip.speaker for job in rows})
    abilities.require(rows)
    per_pixel = estimates.bytes_per_pixel()
    for job in rows:
        job.priority = BEFORE_ONES_OWN if job.is_draft else 0  # short, and somebody waits to look at it
        seconds = job.choice.seconds(clip=job.clip.duration, voice=job.track.duration)
        job.seconds = None if seconds == job.track.duration else seconds
        job.expected_size = estimates.size_in_bytes(job.clip, seconds, per_pixel)
    with transaction.atomic():
        quotas.admit_renders(rows)
        RenderJob.objects.bulk_create(rows)
        logs.record_each([(job, f"waiting: {job.clip.title} with {job.track.title}") for job in rows])
        if rows:
            audit.record_each("job.submitted", rows, by=rows[0].created_by)
        transaction.on_commit(wakeups.send, robust=True)


def _require_part(job: RenderJob) -> None:
    """Raise ProjectError `part_outside_clip` unless the part chosen lies in the clip and is long enough."""
    clip = job.clip.duration
    start, end = job.part_start or 0.0, clip if job.part_end is None else job.part_end
    if not (0 <= start < clip and end <= clip + END_TOLERANCE_SECONDS and end - start >= min(SHORTEST_PART_SECONDS, clip)):
        text = _("The clip lasts {seconds:.1f} s. Choose a start and an end within it, at least half a second apart.")
        raise Refused("part_outside_clip", text.format(seconds=clip), field="part_start")


def require_consent(*speakers: Speaker) -> None:
    """Raise ProjectError `no_consent` unless each of these lecturers has a consent that allows renders today."""
    allowed = set(Consent.objects.valid().filter(speaker__in=speakers).values_list("speaker_id", flat=True))
    for speaker in speakers:
        if speaker.pk not in allowed:
            raise Refused(NO_CONSENT, without_consent(speaker), field="clip")


def without_consent(speaker: Speaker) -> str:
    """Why no render of this lecturer starts."""
    text = _("No valid consent of {speaker} is on record. Record it on the lecturer's page, then try again.")
    return text.format(speaker=speaker.name)


def cancel(*, job: RenderJob, by: User | None = None) -> RenderJob:
    """End a waiting or a lost job at once; ask a running one to stop, which takes a few seconds. A final one stays as it is."""
    cancel_each([job], by=by)
    job.refresh_from_db()
    return job


def cancel_each(rows: Sequence[RenderJob], *, by: User | None = None, only: Q = ALL) -> int:
    """The same for many, in a number of queries that does not grow with them. Returns how many were ended or asked to stop.

    only: those of which this still holds
    """
    # One UPDATE for all: between two, a worker could give the job back, and neither would find it.
    unheld = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, lease_until__lt=Now())
    with transaction.atomic():
        found = RenderJob.objects.select_for_update().filter(only, pk__in=[job.pk for job in rows], status__in=LIVE)
        live = list(found.order_by("pk").values_list("pk", flat=True))
        RenderJob.objects.filter(pk__in=live, status__in=LIVE).update(
            status=Case(When(unheld, then=Value(Status.CANCELLED)), default=F("status")),
            claim=Case(When(unheld, then=Value(None, output_field=UUIDField())), default=F("claim")),
            lease_until=Case(When(unheld, then=None), default=Least("lease_until", Now() + CANCEL_PATIENCE)),
            finished_at=Case(When(unheld, then=Now())),
            cancel_requested=True,
            cancels_at=None,
        )
        ended = set(RenderJob.objects.filter(pk__in=live, status=Status.CANCELLED).values_list("pk", flat=True))
        open_ones = JobAttempt.objects.filter(job__in=ended, ended_at__isnull=True)
        reached = Subquery(RenderJob.objects.filter(pk=OuterRef("job")).values("segments_done"))
        cancelled = {"outcome": Outcome.CANCELLED, "error_class": ErrorClass.CANCEL}
        open_ones.update(ended_at=Now(), segments_done=reached, **cancelled)
        changed = [job for job in rows if job.pk in set(live)]
        audit.record_each("job.cancelled", [job for job in changed if job.cancels_at is None], by=by)
        words = {True: "cancelled while nobody worked on it", False: "asked to stop"}
        logs.record_each([(job, words[job.pk in ended]) for job in changed])
        events.jobs_ended([job for job in changed if job.pk in ended], Status.CANCELLED)
    return len(live)


def cancel_soon(*, job: RenderJob, by: User) -> RenderJob:
    """Cancel a live job in such a way that it can be taken back for `UNDO`: nobody starts it meanwhile, who runs it goes on."""
    with transaction.atomic():
        live = RenderJob.objects.filter(pk=job.pk, status__in=LIVE, cancel_requested=False, cancels_at__isnull=True)
        if live.update(cancels_at=Now() + UNDO):
            audit.record("job.cancelled", job, by=by)
            logs.record_each([(job, "cancelled, which can be taken back for some seconds")])
    job.refresh_from_db()
    return job


def keep(*, job: RenderJob, by: User) -> RenderJob:
    """Take a cancel back. Raises ProjectError `too_late` once it has been carried out."""
    with transaction.atomic():
        # Its time may have come without anybody having carried it out yet: then nothing is lost by going on.
        kept = RenderJob.objects.filter(pk=job.pk, status__in=LIVE, cancel_requested=False, cancels_at__isnull=False)
        if kept.update(cancels_at=None):
            audit.record("job.kept", job, by=by)
            logs.record_each([(job, "goes on: the cancel was taken back")])
            transaction.on_commit(wakeups.send, robust=True)
    job.refresh_from_db()
    if job.status == Status.CANCELLED or job.cancel_requested:
        raise Conflict("too_late", _("The render has been stopped already. “Try again” makes it anew."))
    return job


def make_whole(*, job: RenderJob, by: User) -> RenderJob:
    """The whole video of which this is a draft. Raises ProjectError `not_a_draft`, and as `queue`."""
    if not job.is_draft:
        raise Conflict("not_a_draft", _("This is the whole video already."))
    whole = like(job, by=by)
    whole.excerpt = whole.retry_of = whole.batch = None
    whole.preset = "" if whole.preset == DRAFT.code else whole.preset
    queue([whole])
    return whole


def retry(*, job: RenderJob, by: User) -> RenderJob:
    """A new job like one that failed or was cancelled, in the same batch; of a batch's job that is being tried again, that one.

    Raises ProjectError `not_retryable` for any other.
    """
    if not job.can_retry:
        raise Conflict("not_retryable", _("Only a failed or cancelled render can be tried again."))
    again = like(job, by=by)
    try:
        queue([again])
    except IntegrityError:  # somebody was quicker, or it was tried again long ago
        later = job.retries.get(batch=job.batch_id)
        return retry(job=later, by=by) if later.can_retry else later
    return again


def like(job: RenderJob, *, by: User, clip: SpeakerClip | None = None) -> RenderJob:
    """The job that tries this one again, not a row yet. clip: instead of its own"""
    return RenderJob(
        project=job.project,
        clip=clip or job.clip,
        track=job.track,
        created_by=by,
        retry_of=job,
        batch_id=job.batch_id,
        preset=job.preset,
        **job.choice.as_dict(),
    )


# --- housekeeping ----------------------------------------------------------------------------------------------------
def settle_cancels(among: Q = ALL) -> int:
    """Carry out the cancels that can no longer be taken back. Returns how many."""
    due = list(RenderJob.objects.to_cancel().filter(among).with_media())
    return cancel_each(due, only=DUE) if due else 0
