"""The queue of renders: a clip and a voice go in, exactly one final state comes out. The row is the truth.

queued -> running -> succeeded | failed | cancelled, and running -> queued when a worker gives the job back, when a fault may
pass, and when its worker was lost. Every change is one conditional UPDATE; whoever changes no row has lost the race and writes
nothing. The row of the attempt is opened and closed in the same transaction.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Max, OuterRef, Q, Subquery, UUIDField, Value, When
from django.db.models.functions import Least, Now
from django.utils import translation
from django.utils.translation import gettext as _

from projects import abilities, audit, estimates, events, logs, quotas, storage, turns, wakeups
from projects.errors import Conflict, Refused
from projects.faults import AT_ONCE, WORKER_LOST, Fault
from projects.models import (
    AudioTrack,
    Choice,
    Consent,
    ErrorClass,
    Family,
    JobAttempt,
    Outcome,
    Project,
    RenderJob,
    RenderOutput,
    RenderOverview,
    Speaker,
    SpeakerClip,
    Status,
)
from projects.models.presets import DRAFT
from projects.models.renders import FINAL, LIVE
from projects.pace import Pace

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEASE = timedelta(seconds=30)
# A worker that hears of a cancel ends its engine within this time. One that does not hear of it is dead.
CANCEL_PATIENCE = timedelta(seconds=10)
CANDIDATES = 10
NO_CONSENT = "no_consent"
AS_USUAL, ALL = Choice(), Q()
DUE = Q(cancels_at__lte=Now())
SHORTEST_PART_SECONDS, END_TOLERANCE_SECONDS = 0.5, 1.0  # as the engine has them
UNDO = timedelta(seconds=5)
BEFORE_ONES_OWN = 1  # a priority that counts among one person's renders, and against nobody else
UNTOUCHED: dict[str, Any] = {"stage": "", "frames_done": 0, "frames_total": 0, "progress": 0.0, "seconds_left": None}


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job. Only the holder of `key` may write to the job's row."""

    job_id: uuid.UUID
    key: uuid.UUID
    fence: int

    def row(self) -> Q:
        """The job's row, if it is still held."""
        return Q(pk=self.job_id, claim=self.key, fence=self.fence, status=Status.RUNNING)


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
    """A new job like one that failed or was cancelled, in the same batch; of a batch's job that was tried again, that one.

    Raises ProjectError `not_retryable` for any other.
    """
    if not job.can_retry:
        raise Conflict("not_retryable", _("Only a failed or cancelled render can be tried again."))
    again = like(job, by=by)
    try:
        queue([again])
    except IntegrityError:  # somebody was quicker
        return job.retries.get(batch=job.batch_id)
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


# --- workers ---------------------------------------------------------------------------------------------------------
def claim(*, lane: str = "", worker: str = "") -> Claim | None:
    """Take the next job, or None when there is none. Two workers never hold the same job.

    lane, worker: who takes it, for the record
    """
    settle_cancels()
    settle_lost()
    with transaction.atomic():
        return next(filter(None, (_take(turn, lane=lane, worker=worker) for turn in turns.candidates(CANDIDATES))), None)


def _take(turn: turns.Turn, *, lane: str, worker: str) -> Claim | None:
    """Claim one job and open the attempt, unless somebody else was quicker."""
    free = RenderJob.objects.claimable().filter(pk=turn.job_id)
    # PostgreSQL passes over a row that another worker has in hand. SQLite has one writer at a time and locks no rows.
    found = free.select_for_update(skip_locked=True).values_list("fence", "attempts").first()
    if found is None or not turns.serve(turn):
        return None
    fence, attempts = found
    claim = Claim(job_id=turn.job_id, key=uuid.uuid4(), fence=fence + 1)
    taken = free.filter(fence=fence).update(
        status=Status.RUNNING,
        claim=claim.key,
        fence=claim.fence,
        attempts=F("attempts") + 1,
        lease_until=Now() + LEASE,
        started_at=Now(),
        **UNTOUCHED,
    )
    if not taken:
        return None
    JobAttempt.objects.create(job_id=claim.job_id, number=claim.fence, lane=lane, worker=worker, started_at=Now())
    logs.record_taken(claim.job_id, attempts + 1)
    return claim


def heartbeat(claim: Claim, pace: Pace) -> bool:
    """Renew the claim and store progress. False: stop now and write nothing (lost), or the job was cancelled."""
    settle_cancels(claim.row())
    kept = RenderJob.objects.filter(claim.row(), cancel_requested=False).update(
        lease_until=Now() + LEASE,
        stage=pace.stage,
        frames_done=pace.done,
        frames_total=pace.total,
        progress=pace.share,
        seconds_left=pace.seconds_left(now=time.monotonic()),
        **_segments_of(pace),
    )
    return kept == 1


def was_cancelled(claim: Claim) -> bool:
    """Whether the job is still held and its owner wants it stopped."""
    return RenderJob.objects.filter(claim.row(), cancel_requested=True).exists()


def finish(claim: Claim, *, name: str, result: Mapping[str, Any]) -> bool:
    """Commit a finished video whose file already has its final name. False: the claim is gone or it was cancelled."""
    with transaction.atomic():
        job = _held(claim)
        if job is None or job.cancel_requested:
            return False
        total = int(result["frames"])
        job.segments_done = job.segments_total
        done: dict[str, Any] = {"frames_done": total, "frames_total": total, "progress": 1.0}
        if not _leave(job, Outcome.SUCCEEDED, Status.SUCCEEDED, segments_done=job.segments_done, **done):
            return False
        output = RenderOutput.objects.create(
            job_id=claim.job_id,
            project_id=job.project_id,
            file=name,
            sha256=result["sha256"],
            size=result["size"],
            width=result["width"],
            height=result["height"],
            frame_rate=str(result["frame_rate"]),
            frames=total,
            duration=result["duration"],
            quality=result.get("quality") or {},
            timings=result.get("timings") or {},
            notices=result.get("notices") or [],
        )
        if result.get("overview"):
            RenderOverview.objects.create(output=output, packed=RenderOverview.pack(result["overview"]))
    return True


@translation.override(None)  # what is stored is English; `sentences` translates it for whoever reads
def fail(claim: Claim, fault: Fault, pace: Pace | None = None) -> bool:
    """End the attempt with a fault. Its class says whether the job waits for another attempt or has failed.

    A job that its owner wanted stopped ends as cancelled instead. pace: what has been done since the last heartbeat
    """
    with transaction.atomic():
        job = _held(claim, pace)
        settled = job is not None and _settle(job, fault, Outcome.PUT_OFF)
    if settled:
        _tell_what_follows(claim.job_id)
    return settled


def settle_cancelled(claim: Claim) -> bool:
    """End a job that its owner wanted stopped, once its engine is gone."""
    with transaction.atomic():
        job = _held(claim)
        return job is not None and job.cancel_requested and _leave(job, Outcome.CANCELLED, Status.CANCELLED)


def give_back(claim: Claim, pace: Pace | None = None) -> bool:
    """Return a job to the queue without charging the attempt: the worker is being stopped.

    pace: what has been done since the last heartbeat
    """
    with transaction.atomic():
        job = _held(claim, pace)
        if job is None:
            return False
        if job.cancel_requested:
            return _leave(job, Outcome.CANCELLED, Status.CANCELLED)
        return _put_back(job, Outcome.GIVEN_BACK, charged=False, crashes=_crashes(job))


# --- housekeeping ----------------------------------------------------------------------------------------------------
def settle_cancels(among: Q = ALL) -> int:
    """Carry out the cancels that can no longer be taken back. Returns how many."""
    due = list(RenderJob.objects.to_cancel().filter(among).with_media())
    return cancel_each(due, only=DUE) if due else 0


@translation.override(None)
def settle_lost() -> int:
    """Put the jobs back whose workers were lost, or end them where that happened too often. Returns how many."""
    text = _("The worker that had this render vanished in the middle of it. The server's log says what became of it.")
    fault = Fault(Family.ENVIRONMENT, WORKER_LOST, text)
    settled = []
    for job_id in list(RenderJob.objects.lost().values_list("pk", flat=True)):
        with transaction.atomic():
            job = RenderJob.objects.lost().select_for_update(skip_locked=True).filter(pk=job_id).first()
            if job is not None and _settle(job, fault, Outcome.LOST):
                settled.append(job_id)
    for job_id in settled:
        _tell_what_follows(job_id)
    return len(settled)


def output_path(claim: Claim) -> Path:
    """Where the engine writes this attempt's video before it gets its final name."""
    return storage.scratch_folder(claim.job_id, claim.fence) / "result.mp4"


# --- one step of a job and of its attempt, inside the transaction that holds the job's row ------------------------------
def _held(claim: Claim, pace: Pace | None = None) -> RenderJob | None:
    """The job's row, locked, if the claim still holds it; with the segments that have been finished meanwhile."""
    mine = RenderJob.objects.filter(claim.row())
    if pace is not None and (told := _segments_of(pace)):
        mine.update(**told)
    return mine.select_for_update().first()


def _segments_of(pace: Pace) -> dict[str, int]:
    """The fields that say how many segments are kept, once the engine has told."""
    return {} if pace.segments is None else {"segments_done": pace.segments[0], "segments_total": pace.segments[1]}


def _settle(job: RenderJob, fault: Fault, put_off: Outcome) -> bool:
    """Do with a job what follows from a fault. put_off: how the attempt ended when another one follows"""
    if job.cancel_requested:
        return _leave(job, Outcome.CANCELLED, Status.CANCELLED)
    crashed = fault.error_class is ErrorClass.CRASH
    crashes = _crashes(job) + crashed
    earlier = crashes - 1 if crashed else job.history.filter(error_class=fault.error_class).count()
    wait = fault.rule.wait(earlier)
    if wait is not None:
        return _put_back(job, put_off, fault=fault, wait=wait, charged=fault.rule.charged, crashes=crashes)
    cause = _poisoned(crashes) if crashed else fault
    outcome = put_off if put_off is Outcome.LOST else Outcome.FAILED
    return _leave(job, outcome, Status.FAILED, fault=fault, crashes=crashes, **cause.of_the_job())


def _poisoned(crashes: int) -> Fault:
    """Why a render is given up that breaks off again and again at the same place."""
    text = _(
        "This render was broken off {count} times without getting any further. Try again; if it happens again, tell the "
        "administrator the render's number."
    )
    return Fault(Family.BUG, "poisoned", text.format(count=crashes))


def _crashes(job: RenderJob) -> int:
    """How often the job had broken off, before this attempt, since its last new segment. This attempt may have made one."""
    best = job.history.filter(number__lt=job.fence).aggregate(best=Max("segments_done", default=0))["best"]
    return 0 if job.segments_done > best else job.crashes


def _put_back(
    job: RenderJob, outcome: Outcome, *, crashes: int, charged: bool, wait: timedelta = AT_ONCE, fault: Fault | None = None
) -> bool:
    """Have the job wait for another attempt. What its segments hold is kept."""
    turns.give_back(job.created_by_id)
    again: dict[str, Any] = {"not_before": Now() + wait, "attempts": F("attempts") - int(not charged), "crashes": crashes}
    return _leave(job, outcome, Status.QUEUED, fault=fault, **again, **UNTOUCHED)


def _leave(job: RenderJob, outcome: Outcome, to: Status, *, fault: Fault | None = None, **fields: Any) -> bool:
    """Move a running job on and close its attempt. False: somebody else has moved it."""
    fields |= {"status": to, "claim": None, "lease_until": None, "seconds_left": None}
    fields |= {"finished_at": Now(), "cancels_at": None} if to in FINAL else {}
    running = RenderJob.objects.filter(pk=job.pk, status=Status.RUNNING, claim=job.claim, fence=job.fence)
    if not running.update(**fields):
        return False
    _close_attempt(job, outcome, fault)
    if to in FINAL:
        error = {name: fields[f"error_{name}"] for name in ("code", "message", "at")} if to == Status.FAILED else None
        events.jobs_ended([job], to, error=error)
    return True


def _close_attempt(job: RenderJob, outcome: Outcome, fault: Fault | None = None) -> None:
    why = fault.of_the_attempt() if fault else {"error_class": ErrorClass.CANCEL if outcome is Outcome.CANCELLED else ""}
    job.history.filter(ended_at__isnull=True).update(outcome=outcome, ended_at=Now(), segments_done=job.segments_done, **why)


def _tell_what_follows(job_id: uuid.UUID) -> None:
    """Log what became of a job after a fault, where the fault's own line does not say it."""
    job = RenderJob.objects.get(pk=job_id)
    attempt = job.history.last()
    if job.status == Status.QUEUED and attempt is not None:
        logs.record(job, "warning", f"waits for another attempt: {attempt.error_message}")
    elif job.status == Status.FAILED and attempt is not None and job.error_code != attempt.error_code:
        logs.record(job, "error", f"{job.error_code}: {job.error_message}")
