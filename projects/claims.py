"""A worker's hold on a render: taken, renewed while it works, and let go with the job's next state, of those in `jobs`.

Only the holder's key opens the job's row: whoever comes with an old one changes no row, has lost the race and writes nothing.
The row of the attempt is opened and closed in the same transaction.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from projects import events, jobs, logs, storage, turns
from projects.faults import AT_ONCE, WORKER_LOST, Fault
from projects.models import ErrorClass, Family, JobAttempt, Outcome, RenderJob, RenderOutput, RenderOverview, Status
from projects.models.renders import FINAL
from projects.pace import Pace

LEASE = timedelta(seconds=30)
CANDIDATES = 10
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


def claim(*, lane: str = "", worker: str = "") -> Claim | None:
    """Take the next job, or None when there is none. Two workers never hold the same job.

    lane, worker: who takes it, for the record
    """
    jobs.settle_cancels()
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
    jobs.settle_cancels(claim.row())
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


# --- one step of a job and of its attempt, inside the transaction that holds the job's row ---------------------------
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
