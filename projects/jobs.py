"""The queue of renders: a clip and a voice go in, exactly one final state comes out. The row is the truth.

queued -> running -> succeeded | failed | cancelled, and running -> queued when a worker gives the job back. Every change
is one conditional UPDATE; whoever changes no row has lost the race and writes nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from lipsync.media import SoundChoice
from projects import logs, storage, turns, wakeups
from projects.errors import Conflict, Refused
from projects.models import AudioTrack, Family, Project, RenderJob, RenderOutput, SpeakerClip, Status
from projects.models.renders import ATTEMPTS_ALLOWED, LIVE
from projects.pace import Pace

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEASE = timedelta(seconds=30)
CANDIDATES = 10
AS_IT_CAME = SoundChoice()
ENDED: dict[str, Any] = {"claim": None, "lease_until": None, "finished_at": Now(), "seconds_left": None}
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
    sound: SoundChoice = AS_IT_CAME,
) -> RenderJob:
    """Queue a render and wake a worker. Raises ProjectError `wrong_project`."""
    if clip.speaker.project_id != project.pk:
        raise Refused("wrong_project", _("This clip belongs to another project."), field="clip")
    if track.project_id != project.pk:
        raise Refused("wrong_project", _("This voice belongs to another project."), field="track")
    with transaction.atomic():
        job = RenderJob.objects.create(
            project=project,
            clip=clip,
            track=track,
            created_by=created_by,
            retry_of=retry_of,
            denoise=sound.denoise,
            loudness=sound.loudness,
        )
        logs.record(job, "info", f"waiting: {clip.title} with {track.title}")
        transaction.on_commit(wakeups.send, robust=True)
    return job


def cancel(*, job: RenderJob) -> RenderJob:
    """End a waiting job at once; ask a running one to stop, which takes a few seconds. A final job stays as it is."""
    # One UPDATE for both: between two, a worker could give the job back, and neither would find it.
    waits = Q(status=Status.QUEUED)
    changed = RenderJob.objects.filter(pk=job.pk, status__in=LIVE).update(
        status=Case(When(waits, then=Value(Status.CANCELLED)), default=F("status")),
        finished_at=Case(When(waits, then=Now())),
        cancel_requested=True,
    )
    job.refresh_from_db()
    if changed:
        logs.record(job, "info", "cancelled before it began" if job.is_final else "asked to stop")
    return job


def retry(*, job: RenderJob, by: User) -> RenderJob:
    """A new job like one that failed or was cancelled. Raises ProjectError `not_retryable` for any other."""
    if not job.can_retry:
        raise Conflict("not_retryable", _("Only a failed or cancelled render can be tried again."))
    return submit(project=job.project, clip=job.clip, track=job.track, created_by=by, retry_of=job, sound=job.sound)


# --- workers ---------------------------------------------------------------------------------------------------------
def claim() -> Claim | None:
    """Take the next job, or None when there is none. Two workers never hold the same job."""
    for job_id in turns.candidates(CANDIDATES):
        key = uuid.uuid4()
        with transaction.atomic():
            taken = turns.serve(job_id) and RenderJob.objects.claimable().filter(pk=job_id).update(
                status=Status.RUNNING,
                claim=key,
                fence=F("fence") + 1,
                attempts=F("attempts") + 1,
                lease_until=Now() + LEASE,
                started_at=Now(),
                **UNTOUCHED,
            )
        if taken:
            job = RenderJob.objects.get(pk=job_id)
            if job.claim == key:
                logs.record(job, "info", f"taken by a worker, attempt {job.attempts}")
                return Claim(job_id=job_id, key=key, fence=job.fence)
    return None


def heartbeat(claim: Claim, pace: Pace) -> bool:
    """Renew the claim and store progress. False: stop now and write nothing (lost), or the job was cancelled."""
    kept = RenderJob.objects.filter(claim.row(), cancel_requested=False).update(
        lease_until=Now() + LEASE,
        stage=pace.stage,
        frames_done=pace.done,
        frames_total=pace.total,
        progress=pace.share,
        seconds_left=pace.seconds_left(now=time.monotonic()),
    )
    return kept == 1


def was_cancelled(claim: Claim) -> bool:
    """Whether the job is still held and its owner wants it stopped."""
    return RenderJob.objects.filter(claim.row(), cancel_requested=True).exists()


def finish(claim: Claim, *, name: str, result: Mapping[str, Any]) -> bool:
    """Commit a finished video whose file already has its final name. False: the claim is gone or it was cancelled."""
    with transaction.atomic():
        held = RenderJob.objects.filter(claim.row(), cancel_requested=False)
        total = int(result["frames"])
        if not held.update(status=Status.SUCCEEDED, frames_done=total, frames_total=total, progress=1.0, **ENDED):
            return False
        RenderOutput.objects.create(
            job_id=claim.job_id,
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
    return True


def fail(claim: Claim, *, family: str, code: str, message: str, at: float | None = None) -> bool:
    """End the job with the cause. A job that its owner wanted stopped ends as cancelled instead."""
    held = RenderJob.objects.filter(claim.row())
    if held.filter(cancel_requested=True).update(status=Status.CANCELLED, **ENDED):
        return True
    cause = {"error_family": family if family in Family.values else Family.BUG, "error_code": code[:60] or "bug"}
    return bool(held.update(status=Status.FAILED, **cause, error_message=message or code, error_at=at, **ENDED))


def settle_cancelled(claim: Claim) -> bool:
    """End a job that its owner wanted stopped, once its engine is gone."""
    return bool(RenderJob.objects.filter(claim.row(), cancel_requested=True).update(status=Status.CANCELLED, **ENDED))


def give_back(claim: Claim) -> bool:
    """Return a job to the queue without charging the attempt: the worker is being stopped."""
    back = RenderJob.objects.filter(claim.row()).update(
        status=Case(When(cancel_requested=True, then=Value(Status.CANCELLED)), default=Value(Status.QUEUED)),
        finished_at=Case(When(cancel_requested=True, then=Now())),
        attempts=F("attempts") - 1,
        claim=None,
        lease_until=None,
        **UNTOUCHED,
    )
    return back == 1


def put_off(claim: Claim) -> bool:
    """Return a job to the queue after its engine died, or fail it when that was its last attempt."""
    job = RenderJob.objects.get(pk=claim.job_id)
    if job.attempts >= ATTEMPTS_ALLOWED:
        return False
    return bool(
        RenderJob.objects.filter(claim.row(), cancel_requested=False).update(
            status=Status.QUEUED, claim=None, lease_until=None, **UNTOUCHED
        )
    )


# --- housekeeping ----------------------------------------------------------------------------------------------------
@translation.override(None)  # what is stored is English; `sentences` translates it for whoever reads
def settle_lost() -> int:
    """End lost jobs that nobody may take again. Returns how many."""
    lost = RenderJob.objects.lost()
    stopped = lost.filter(cancel_requested=True).update(status=Status.CANCELLED, **ENDED)
    message = _(
        "The worker died {count} times on this render. Try again; if it happens again, tell the administrator the "
        "render's number."
    ).format(count=ATTEMPTS_ALLOWED)
    spent = lost.filter(attempts__gte=ATTEMPTS_ALLOWED)
    ended = list(spent.values_list("pk", flat=True))
    failed = spent.filter(pk__in=ended).update(
        status=Status.FAILED,
        error_family=Family.ENVIRONMENT,
        error_code="worker_lost",
        error_message=message,
        **ENDED,
    )
    for job in RenderJob.objects.filter(pk__in=ended, status=Status.FAILED):
        logs.record(job, "error", message)
    return stopped + failed


def output_path(claim: Claim) -> Path:
    """Where the engine writes this attempt's video before it gets its final name."""
    return storage.scratch_folder(claim.job_id, claim.fence) / "result.mp4"
