"""The bin: what somebody no longer wants goes in, comes out again within a week, or goes for good.

From the moment it is put in its bytes no longer count against a quota. Its row stays for ever: renders tell what they were made
of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from projects import audit, previews, quotas
from projects.errors import Conflict
from projects.models import AudioTrack, Project, RenderJob, RenderOutput, SpeakerClip
from projects.models.renders import LIVE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Thing = SpeakerClip | AudioTrack | RenderOutput
Row = TypeVar("Row")
CHUNK = 500  # of one transaction
KINDS: dict[str, type[Thing]] = {"clips": SpeakerClip, "voices": AudioTrack, "videos": RenderOutput}
NAMES: dict[type[Thing], str] = {SpeakerClip: "clip", AudioTrack: "track", RenderOutput: "video"}  # in the audit log

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Emptied:
    """What one emptying has removed."""

    files: int
    size: int


def put(thing: Thing, *, by: User) -> None:
    """Put it into the bin. What is there already stays. Raises ProjectError `in_use`: a render that waits or runs needs it."""
    with transaction.atomic():
        locked = type(thing).objects.select_for_update().get(pk=thing.pk)
        if _needed([locked]):
            raise Conflict("in_use", _("A video that waits or is being made needs it. Cancel that one or wait for its end."))
        if locked.binned_at is None:
            locked.binned_at, locked.binned_by = timezone.now(), by
            locked.save(update_fields=["binned_at", "binned_by"])
            audit.record(f"{NAMES[type(locked)]}.deleted", locked, by=by)
    thing.refresh_from_db()


def put_by_rule(some: Sequence[Thing]) -> set[Any]:
    """Put these, all of one kind, there because a retention policy says so, in one transaction.

    Returns the ids of those that were put there: one that is needed, pinned or there already is left.
    """
    model, by_id = type(some[0]), {thing.pk: thing for thing in some}
    with transaction.atomic():
        free = model.objects.select_for_update().filter(pk__in=by_id, binned_at__isnull=True, pinned=False).order_by("pk")
        put = set(free.values_list("pk", flat=True)) - _needed(some)
        model.objects.filter(pk__in=put).update(binned_at=timezone.now(), binned_by=None)
        audit.record_each(f"{NAMES[model]}.deleted", [thing for pk, thing in by_id.items() if pk in put], by_rule=True)
    return put


def restore(thing: Thing) -> None:
    """Take it out of the bin. Raises ProjectError `gone` (its file is no longer there), `quota_bytes` (it does not fit)."""
    with transaction.atomic():
        locked = type(thing).objects.select_for_update().get(pk=thing.pk)
        if locked.purged_at is not None or not locked.path.is_file():
            raise Conflict("gone", _("Its file has been removed for good. Upload it or make it again."))
        if locked.binned_at is not None:
            quotas.admit_file(home_of(locked), locked.size)
            # Who takes something out that a rule had put there wants to keep it.
            locked.pinned = locked.pinned or locked.binned_by is None
            locked.binned_at = locked.binned_by = None
            locked.save(update_fields=["binned_at", "binned_by", "pinned"])
            audit.record(f"{NAMES[type(locked)]}.restored", locked)
    thing.refresh_from_db()


def empty_due(*, dry_run: bool = False) -> Emptied:
    """Remove the files that have been in the bin for a week. One that cannot be removed is left for the next time."""
    files = size = 0
    for kind in KINDS.values():
        due: Iterator[Any] = kind.objects.past_restoring().order_by("pk").iterator(CHUNK)
        for chunk in in_chunks(due, CHUNK):
            gone = {thing.pk for thing in chunk} if dry_run else _purge(chunk)
            files += len(gone)
            size += sum(thing.size for thing in chunk if thing.pk in gone)
    if files and not dry_run:
        logger.info("removed %d files of %d bytes that had been in the bin for a week", files, size)
    return Emptied(files, size)


def in_chunks(things: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """So many at a time."""
    rest = iter(things)
    while chunk := list(islice(rest, size)):
        yield chunk


def title_of(thing: Thing) -> str:
    """What a person calls it."""
    if isinstance(thing, RenderOutput):
        return f"{thing.job.clip.title} × {thing.job.track.title}"
    return thing.title


def home_of(thing: Thing) -> Project:
    """The project it belongs to."""
    if isinstance(thing, SpeakerClip):
        return thing.speaker.project
    return thing.project


def _purge(some: Sequence[Thing]) -> set[Any]:
    """The files first: a row that says that its file is there although it is gone is put right by the next emptying.

    Returns the ids of those whose files are gone.
    """
    model, gone = type(some[0]), set[Any]()
    with transaction.atomic():
        due = model.objects.past_restoring().select_for_update().filter(pk__in=[thing.pk for thing in some]).order_by("pk")
        needed = _needed(some)
        for pk, name in due.values_list("pk", "file"):
            if pk not in needed and _is_removed(name):
                gone.add(pk)
        model.objects.filter(pk__in=gone).update(purged_at=timezone.now())
        if model is SpeakerClip:
            previews.remove([thing for thing in some if isinstance(thing, SpeakerClip) and thing.pk in gone])
    return gone


def _is_removed(name: str) -> bool:
    try:
        (Path(settings.MEDIA_ROOT) / name).unlink(missing_ok=True)
    except OSError:
        logger.exception("the file %s could not be removed", name)
        return False
    return True


def _needed(some: Sequence[Thing]) -> set[Any]:
    """Those of these, all of one kind, that a render which waits or runs is made from."""
    if isinstance(some[0], RenderOutput):
        return set()
    name = "clip" if isinstance(some[0], SpeakerClip) else "track"
    live = RenderJob.objects.filter(status__in=LIVE, **{f"{name}__in": [thing.pk for thing in some]})
    return set(live.values_list(name, flat=True))
