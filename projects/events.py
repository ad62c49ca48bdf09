"""What happened, for scripts that ask from a place on and for whoever is to be told: the verbs record it in their transaction.

An event is there if, and only if, what it tells of is committed, and in the order of commits: who has seen one has seen all
before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from projects import audit, webhooks
from projects.models import AudioTrack, Event, EventKind, RenderBatch, RenderJob, SpeakerClip, Status, Upload, UploadKind
from projects.models.renders import LIVE

KEPT = timedelta(days=30)
CHUNK = 500
ADVISORY_KEY = 4_872_013_307  # any number that nothing else in the database locks
OBJECTS: Mapping[type[Model], str] = {
    RenderJob: "job",
    RenderBatch: "batch",
    SpeakerClip: "clip",
    AudioTrack: "track",
    Upload: "upload",
}
OF_JOBS = {
    Status.SUCCEEDED: EventKind.JOB_FINISHED,
    Status.FAILED: EventKind.JOB_FAILED,
    Status.CANCELLED: EventKind.JOB_CANCELLED,
}


def record(events: Sequence[Event]) -> list[Event]:
    """Store events, in a transaction that locks no further row after them.

    On PostgreSQL whoever records waits for whoever has recorded and is not committed yet, so that ids grow in the order of
    commits; SQLite has one writer at a time.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an event belongs into the transaction of what it tells")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_KEY])
    stored = Event.objects.bulk_create(events)
    webhooks.note(stored)
    return stored


def jobs_ended(rows: Sequence[RenderJob], status: Status, *, error: Mapping[str, Any] | None = None) -> None:
    """Record that renders reached a final state, and of each batch whose last one that was how it ended.

    error: of those that failed, its `code`, its `message` in English, and `at`, seconds into the medium
    """
    if not rows:
        return
    record([_of_job(job, OF_JOBS[status], error) for job in rows])
    # Asked once the order is settled: of two last ones of a batch that end at the same time, the second sees the first.
    batches = RenderBatch.objects.filter(pk__in={job.batch_id for job in rows if job.batch_id})
    live = set(RenderJob.objects.filter(batch__in=batches, status__in=LIVE).values_list("batch", flat=True))
    ended = [batch for batch in batches if batch.pk not in live]
    if ended:
        record([_of_batch(batch) for batch in ended])


def taken_in(row: SpeakerClip | AudioTrack) -> None:
    """Record that a file is in the library."""
    facts = {"title": row.title, "sha256": row.sha256}
    if isinstance(row, SpeakerClip):
        ids = {"clip": str(row.pk), "speaker": str(row.speaker_id)}
        home, kind = row.speaker.project_id, EventKind.CLIP_READY
    else:
        ids, home, kind = {"track": str(row.pk)}, row.project_id, EventKind.TRACK_READY
    record([_event(kind, row, project_id=home, user_id=audit.asker_id(), data=ids | facts)])


def upload_refused(upload: Upload) -> None:
    """Record that a file was not taken in."""
    kind = EventKind.CLIP_REFUSED if upload.kind == UploadKind.CLIP else EventKind.TRACK_REFUSED
    error = {"code": upload.error_code, "message": upload.error_message, "at": upload.error_at}
    data = {"upload": str(upload.pk), "name": upload.name, "error": error}
    record([_event(kind, upload, project_id=upload.project_id, user_id=upload.owner_id, data=data)])


def forget_old() -> int:
    """Remove what happened too long ago. Returns how many events."""
    old, count = Event.objects.filter(at__lt=timezone.now() - KEPT).order_by("at"), 0
    while chunk := list(old.values_list("pk", flat=True)[:CHUNK]):
        Event.objects.filter(pk__in=chunk).delete()
        count += len(chunk)
    return count


def _of_job(job: RenderJob, kind: EventKind, error: Mapping[str, Any] | None) -> Event:
    ids = {"job": job.pk, "batch": job.batch_id, "clip": job.clip_id, "track": job.track_id}
    data = {name: str(row_id) if row_id else None for name, row_id in ids.items()}
    told = data | {"error": dict(error) if error else None}
    return _event(kind, job, project_id=job.project_id, user_id=job.created_by_id, data=told)


def _of_batch(batch: RenderBatch) -> Event:
    cells = RenderJob.objects.filter(batch=batch, retries__isnull=True)
    counts = Counter(cells.values_list("status", flat=True))
    kind = EventKind.BATCH_FINISHED
    if counts[Status.CANCELLED]:
        kind = EventKind.BATCH_CANCELLED
    if counts[Status.FAILED]:
        kind = EventKind.BATCH_FAILED
    told = {"batch": str(batch.pk), "name": batch.name, "cells": {str(status): counts[status] for status in OF_JOBS}}
    return _event(kind, batch, project_id=batch.project_id, user_id=batch.created_by_id, data=told)


def _event(kind: EventKind, row: Model, *, project_id: UUID, user_id: int | None, data: dict[str, Any]) -> Event:
    return Event(kind=kind, project_id=project_id, user_id=user_id, object_type=OBJECTS[type(row)], object_id=row.pk, data=data)
