"""The bin: what somebody no longer wants goes in, comes out again within a week, or goes for good.

From the moment it is put in its bytes no longer count against a quota. Its row stays for ever: renders tell what they were made
of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from projects import audit, objects, previews, quotas
from projects.errors import Conflict, ProjectError
from projects.models import AudioTrack, Project, RenderJob, RenderOutput, SpeakerClip
from projects.models.renders import LIVE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Thing = SpeakerClip | AudioTrack | RenderOutput
Row = TypeVar("Row")
CHUNK = 500  # of one transaction
KINDS: dict[str, type[Thing]] = {"clips": SpeakerClip, "voices": AudioTrack, "videos": RenderOutput}
HOMES: dict[type[Thing], tuple[str, ...]] = {  # what tells of the project and the title
    SpeakerClip: ("speaker__project",),
    AudioTrack: ("project",),
    RenderOutput: ("project", "job__clip", "job__track"),
}
NAMES: dict[type[Thing], str] = {SpeakerClip: "clip", AudioTrack: "track", RenderOutput: "video"}  # in the audit log

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contents:
    """How many files lie in the bin, and their bytes together."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Consequence:
    """What putting something into the bin would do.

    videos: how many finished ones were made of it, which stay; is_needed: a render that waits or runs needs it, so it stays
    """

    thing: Thing
    videos: int
    is_needed: bool

    @property
    def title(self) -> str:
        """What a person calls it."""
        return title_of(self.thing)


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
    return _put(some, by_rule=True, pinned=False)


def put_chosen(some: Sequence[Thing], *, by: User) -> set[Any]:
    """Put these, all of one kind, there in one transaction. Returns the ids of those that were: one that is needed is left."""
    return _put(some, by=by)


def consequences(some: Sequence[Thing]) -> list[Consequence]:
    """What putting each of these, all of one kind, there would do."""
    if isinstance(some[0], RenderOutput):
        return [Consequence(thing, 0, is_needed=False) for thing in some]
    used = f"job__{_part(some)}"
    videos = RenderOutput.objects.kept().filter(**{f"{used}__in": some}).order_by().values_list(used)
    counts, needed = dict(videos.annotate(count=Count("pk"))), _needed(some)
    return [Consequence(thing, counts.get(thing.pk, 0), thing.pk in needed) for thing in some]


def restore(thing: Thing) -> None:
    """Take it out of the bin. Raises ProjectError `gone` (its file is no longer there), `quota_bytes` (it does not fit)."""
    is_there = objects.exists(str(thing.file))  # asked before anything is locked; what is purged meanwhile says so itself
    with transaction.atomic():
        locked = type(thing).objects.select_for_update().get(pk=thing.pk)
        if locked.purged_at is not None or not is_there:
            raise Conflict("gone", _("Its file has been removed for good. Upload it or make it again."))
        if locked.binned_at is not None:
            quotas.admit_file(home_of(locked), locked.size)
            # Who takes something out that a rule had put there wants to keep it.
            locked.pinned = locked.pinned or locked.binned_by is None
            locked.binned_at = locked.binned_by = None
            locked.save(update_fields=["binned_at", "binned_by", "pinned"])
            audit.record(f"{NAMES[type(locked)]}.restored", locked)
    thing.refresh_from_db()


def restore_chosen(some: Sequence[Thing], *, by: User) -> set[Any]:
    """Take these, all of one kind and one project, out of it in one transaction. Returns the ids of those that came out: one
    that is gone for good is left. Raises ProjectError `quota_bytes`: they do not fit together, so all stay.
    """
    model, there = type(some[0]), objects.present(str(thing.file) for thing in some)
    with transaction.atomic():
        lying = model.objects.binned().select_for_update().filter(pk__in=[thing.pk for thing in some]).order_by("pk")
        coming = [thing for thing in lying if str(thing.file) in there]
        quotas.admit_file(home_of(some[0]), sum(thing.size for thing in coming))
        ids = {thing.pk for thing in coming}
        model.objects.filter(pk__in=ids).update(binned_at=None, binned_by=None)
        audit.record_each(f"{NAMES[model]}.restored", [thing for thing in some if thing.pk in ids], by=by)
    return ids


def removing(*, dry_run: bool = False, whole: bool = False) -> Iterator[Thing]:
    """Remove files for good, one after the other: those that have been in the bin for a week, or the whole bin.

    Yields each that is gone, or would be. One that cannot be removed, or that a render needs, is left for the next time.
    """
    try:
        objects.require()  # else each file would have to wait for it, with the database held
    except ProjectError as error:
        logger.warning("the bin was not emptied: %s", error.message)
        return
    for kind in KINDS.values():
        rows = kind.objects.binned() if whole else kind.objects.past_restoring()
        due: Iterator[Any] = rows.select_related(*HOMES[kind]).order_by("pk").iterator(CHUNK)
        for chunk in in_chunks(due, CHUNK):
            gone = {thing.pk for thing in chunk} if dry_run else _purge(chunk, whole=whole)
            yield from (thing for thing in chunk if thing.pk in gone)


def remove(thing: Thing, *, by: User) -> bool:
    """Remove its file for good, although it has not been in the bin for a week. False: it is not there, or is needed."""
    with transaction.atomic():
        if not _purge([thing], whole=True):
            return False
        audit.record(f"{NAMES[type(thing)]}.removed", thing, by=by)
    return True


def contents() -> Contents:
    """What lies in the bin."""
    files = size = 0
    for kind in KINDS.values():
        sums = kind.objects.binned().order_by().aggregate(files=Count("pk"), size=Sum("size"))
        files, size = files + sums["files"], size + (sums["size"] or 0)
    return Contents(files, size)


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


def _put(some: Sequence[Thing], *, by: User | None = None, by_rule: bool = False, **only: bool) -> set[Any]:
    model, by_id = type(some[0]), {thing.pk: thing for thing in some}
    detail = {"by_rule": True} if by_rule else {}
    with transaction.atomic():
        free = model.objects.select_for_update().filter(pk__in=by_id, binned_at__isnull=True, **only).order_by("pk")
        put = set(free.values_list("pk", flat=True)) - _needed(some)
        model.objects.filter(pk__in=put).update(binned_at=timezone.now(), binned_by=by)
        audit.record_each(f"{NAMES[model]}.deleted", [thing for pk, thing in by_id.items() if pk in put], by=by, **detail)
    return put


def _purge(some: Sequence[Thing], *, whole: bool) -> set[Any]:
    """The files first: a row that says that its file is there although it is gone is put right by the next emptying.

    Returns the ids of those whose files are gone.
    """
    model, gone = type(some[0]), set[Any]()
    with transaction.atomic():
        lying = model.objects.binned() if whole else model.objects.past_restoring()
        due = lying.select_for_update().filter(pk__in=[thing.pk for thing in some]).order_by("pk")
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
        objects.forget(name)
    except (OSError, ProjectError):
        logger.exception("the file %s could not be removed", name)
        return False
    return True


def _needed(some: Sequence[Thing]) -> set[Any]:
    """Those of these, all of one kind, that a render which waits or runs is made from."""
    if isinstance(some[0], RenderOutput):
        return set()
    name = _part(some)
    live = RenderJob.objects.filter(status__in=LIVE, **{f"{name}__in": [thing.pk for thing in some]})
    return set(live.values_list(name, flat=True))


def _part(some: Sequence[Thing]) -> str:
    """What these, all clips or all voices, are to a render."""
    return "clip" if isinstance(some[0], SpeakerClip) else "track"
