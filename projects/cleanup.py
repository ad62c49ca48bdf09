"""The sweep: ends lost jobs, removes files that belong to nothing, and wakes a worker for whatever waits."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Coalesce
from redis import RedisError

from lipsync.keeping import forget_all_but, forget_segments, remove_half_made
from projects import (
    accounts,
    claims,
    events,
    fullness,
    idempotency,
    jobs,
    lanes,
    objects,
    resumable,
    retention,
    storage,
    turns,
    wakeups,
    webhooks,
)
from projects.errors import ProjectError
from projects.models import AudioTrack, Consent, Preview, RenderJob, RenderOutput, SpeakerClip, Status, Upload
from projects.models.renders import LIVE

SWEEP_SECONDS = 15
FILE_SWEEP_SECONDS = 600
RETENTION_SECONDS = 24 * 3600
SWEPT, FILES_SWEPT, RETAINED = "cleanup.swept", "cleanup.files_swept", "cleanup.retained"
WARNED, WARNING_SECONDS = "cleanup.warned", 3600
BUCKET_SWEPT = "cleanup.bucket_swept"
ABANDONED_UPLOAD_SECONDS = 24 * 3600
ABANDONED_RENDER_SECONDS = 600

logger = logging.getLogger(__name__)


def sweep() -> None:
    """What is due every few seconds. Safe to run at any time and in several processes."""
    jobs.settle_cancels()
    claims.settle_lost()
    remove_orphan_scratch()
    idempotency.forget_old()
    lanes.lift_pauses()
    lanes.forget_gone()
    resumable.take_in_left()
    if turns.anything_due():
        wakeups.send()


def run_due() -> None:
    """The sweep with whatever is due less often: what the housekeeping lane does every `SWEEP_SECONDS`."""
    sweep()
    # With a bucket each machine has files of its own to look after.
    whose = f"{FILES_SWEPT}.{settings.NODE_NAME}" if objects.is_on() else FILES_SWEPT
    if cache.add(whose, True, FILE_SWEEP_SECONDS):
        resumable.expire()
        remove_orphan_files()
        remove_orphan_analyses()
        remove_old_segments()
        keep_the_bucket()
    if cache.add(WARNED, True, WARNING_SECONDS):
        fullness.warn()
    if cache.add(RETAINED, True, RETENTION_SECONDS):
        retention.run()
        events.forget_old()
        accounts.forget_ended_tokens()
        webhooks.forget_old()
    cache.set(SWEPT, True, 2 * SWEEP_SECONDS)


def was_run_lately() -> bool:
    """Whether somebody has done what is due, on whatever machine. False when the cache cannot say."""
    try:
        return cache.get(SWEPT) is not None
    except (RedisError, OSError):
        return False


def remove_orphan_scratch() -> int:
    """Remove the scratch folders of attempts that are over. Returns how many."""
    folders = [path for path in storage.folder(storage.SCRATCH).iterdir() if _attempt(path) is not None]
    if not folders:
        return 0
    running = set(RenderJob.objects.filter(status=Status.RUNNING).values_list("pk", "fence"))
    orphans = [path for path in folders if _attempt(path) not in running]
    for path in orphans:
        shutil.rmtree(path, ignore_errors=True)
        logger.info("removed the scratch folder %s", path.name)
    return len(orphans)


def remove_orphan_files() -> int:
    """Remove uploads and videos without a row, once they are old enough to be in nobody's hands. Returns how many."""
    return sum(_remove(path) for path in orphan_files())


def orphan_files() -> Iterator[Path]:
    """What `remove_orphan_files` would remove."""
    there = {"purged_at__isnull": True}
    sources: tuple[tuple[str, float, Callable[[str], QuerySet[Any]]], ...] = (
        (storage.RENDERS, ABANDONED_RENDER_SECONDS, lambda name: RenderOutput.objects.filter(file=name, **there)),
        (
            storage.CLIPS,
            ABANDONED_UPLOAD_SECONDS,
            lambda name: SpeakerClip.objects.filter(Q(file=name, **there) | Q(still=name)),
        ),
        (storage.TRACKS, ABANDONED_UPLOAD_SECONDS, lambda name: AudioTrack.objects.filter(file=name, **there)),
        (storage.CONSENTS, ABANDONED_UPLOAD_SECONDS, lambda name: Consent.objects.filter(evidence=name)),
        (storage.PREVIEWS, ABANDONED_RENDER_SECONDS, lambda name: Preview.objects.filter(file=name)),
    )
    for folder, seconds, rows_of in sources:
        for path in _older(folder, seconds):
            if not rows_of(f"{folder}/{path.name}").exists():
                yield path
    for path in _older(storage.UPLOADS, ABANDONED_RENDER_SECONDS):
        if not (_is_id(path.name) and Upload.objects.filter(pk=path.name).exists()):
            yield path
    yield from _older(f"{storage.SCRATCH}/uploads", ABANDONED_UPLOAD_SECONDS)


def remove_orphan_analyses() -> int:
    """Remove what the engine knows of clips that are gone, and what another version of it knew. Returns how many.

    A person's face is not kept longer than the clip it was filmed in.
    """
    root = storage.folder(storage.ANALYSES)
    removed = remove_half_made(root)
    removed += forget_all_but(root, set(SpeakerClip.objects.filter(purged_at__isnull=True).values_list("sha256", flat=True)))
    if removed:
        logger.info("removed %d analyses of clips that are gone, of another engine, or half made", removed)
    return removed


def remove_old_segments() -> int:
    """Remove the segments that renders left unfinished, once they are old and no live render can go on from them.

    Their names say what is in them, not whose they are: what was made since the oldest live render was asked for, or the
    one that it repeats, may be its own. Returns of how many videos.
    """
    asked = RenderJob.objects.filter(status__in=LIVE).aggregate(oldest=Min(Coalesce("retry_of__created_at", "created_at")))
    limit = time.time() - settings.SEGMENT_HOURS * 3600
    if asked["oldest"] is not None:
        limit = min(limit, asked["oldest"].timestamp())
    removed = forget_segments(storage.folder(storage.SEGMENTS), before=limit)
    if removed:
        logger.info("removed the segments of %d videos that were never finished", removed)
    return removed


def keep_the_bucket() -> None:
    """Let this machine's copies of what is in the bucket not grow, nor what was sent there by halves."""
    if not objects.is_on():
        return
    try:
        objects.trim()
        if cache.add(BUCKET_SWEPT, True, RETENTION_SECONDS):
            objects.remove_half_sent()
    except ProjectError as error:
        logger.warning("the bucket was not looked after: %s", error.message)


def _attempt(path: Path) -> tuple[UUID, int] | None:
    """The job and fence that a scratch folder is named for."""
    job_id, _, fence = path.name.partition(".")
    try:
        return (UUID(job_id), int(fence)) if path.is_dir() else None
    except ValueError:
        return None


def _is_id(name: str) -> bool:
    try:
        return bool(UUID(name))
    except ValueError:
        return False


def _older(kind: str, seconds: float) -> Iterator[Path]:
    limit = time.time() - seconds
    for path in storage.folder(kind).iterdir():
        try:
            if path.is_file() and path.stat().st_mtime < limit:
                yield path
        except FileNotFoundError:
            continue  # somebody else removed it


def _remove(path: Path) -> bool:
    """From the bucket too, where it may have arrived before its row was to be stored."""
    if path.parent.name in objects.KINDS:
        try:
            objects.forget(f"{path.parent.name}/{path.name}")
        except ProjectError as error:
            logger.warning("the orphan file %s stays for now: %s", path.name, error.message)
            return False
    path.unlink(missing_ok=True)
    logger.info("removed the orphan file %s", path.name)
    return True
