"""What goes because of its age: policies and a moment go in, what is due comes out, and `run` puts it into the bin.

What goes lies in the bin for a week like everything that is deleted, and is told for a week before (`soon`); what somebody has
pinned never goes by itself. What a render needs that waits or runs stays until that has ended.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from projects import access, audit, bin
from projects.models import (
    AudioTrack,
    CleanupRun,
    Project,
    RenderJob,
    RenderOutput,
    RetentionPolicy,
    SpeakerClip,
    Status,
)
from projects.models.kept import BIN_DAYS, first_by
from projects.models.renders import LIVE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

WARNING = timedelta(days=7)
LINES_KEPT = 1000
BINNED, REMOVED = "binned", "removed"
CHUNK = 500
NO_POLICY = RetentionPolicy()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Going:
    """Something that goes by itself. kind: as in `bin.KINDS`; goes_at: when it is put into the bin; days: of the rule"""

    kind: str
    thing: bin.Thing
    goes_at: datetime
    days: int

    def line(self, deed: str = BINNED) -> dict[str, Any]:
        """What a run keeps of it. deed: `binned` or `removed` for good"""
        home = bin.home_of(self.thing)
        told = {
            "deed": deed,
            "kind": self.kind,
            "id": str(self.thing.pk),
            "title": bin.title_of(self.thing),
            "project": home.name,
        }
        return {**told, "size": self.thing.size, "days": self.days, "since": self.goes_at.isoformat(timespec="minutes")}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run would put into the bin, and how many files it would remove from there. first: the first of it"""

    binned: int
    binned_size: int
    removed: int
    first: Sequence[Going]


def policy_for(project: Project) -> RetentionPolicy:
    """The project's own policy, else its owner's, else the installation's, else one that keeps everything."""
    return _policies()(project.pk, project.owner_id)


def homes_of(policy: RetentionPolicy) -> QuerySet[Project]:
    """The projects whose policy this is: of those that have none of their own, and whose owner has none."""
    if policy.project_id:
        return Project.objects.filter(pk=policy.project_id)
    others = Project.objects.filter(retention__isnull=True)
    return others.filter(owner=policy.owner_id) if policy.owner_id else others.filter(owner__retention__isnull=True)


def due(moment: datetime, homes: QuerySet[Project] | None = None, *, most: int | None = None) -> Iterator[Going]:
    """What is to go by this moment, without holding all of it at once.

    homes: None for every project; most: of each kind and rule, the first ones to go
    It takes as many queries as the policies have different numbers of days, however many projects there are.
    """
    for days, some in _by_days(homes, "video_days").items():
        yield from _videos(some, days, moment, most)
    for days, some in _by_days(homes, "unused_days").items():
        yield from islice(_unused("clips", SpeakerClip.objects.filter(speaker__project__in=some), days, moment), most)
        yield from islice(_unused("voices", AudioTrack.objects.filter(project__in=some), days, moment), most)


def soon(user: User, most: int) -> list[Going]:
    """What goes by itself within a week in the projects that this person may see, the first ones first."""
    found = due(timezone.now() + WARNING, access.projects_of(user), most=most)
    return sorted(found, key=lambda going: going.goes_at)[:most]


def pin(thing: bin.Thing, *, pinned: bool = True) -> None:
    """Keep it whatever the policies say, or leave it to them again."""
    type(thing).objects.filter(pk=thing.pk).update(pinned=pinned)
    thing.pinned = pinned


def run(*, dry_run: bool = False, by: User | None = None, policy: RetentionPolicy | None = None) -> CleanupRun:
    """Do what is due, or only tell it. What cannot be done now is done the next time.

    policy: do what this one says, and nothing else; by: who asks, nobody for the daily run
    """
    scope = CleanupRun.Scope.POLICY if policy else CleanupRun.Scope.WHOLE
    record = CleanupRun.objects.create(dry_run=dry_run, by=by, scope=scope, policy=policy)
    homes = homes_of(policy) if policy else None
    for going in due(timezone.now(), homes):
        if not dry_run and not bin.put_by_rule(going.thing):
            continue
        record.binned += 1
        record.binned_size += going.thing.size
        _note(record, going.line())
    record.forgotten = forget_failed(homes, dry_run=dry_run)
    if policy is None:
        _remove(record)
    return _close(record)


def outlook(policies: Sequence[RetentionPolicy], most: int) -> Outlook:
    """What a run would do now. policies: of these alone, none for a whole one; most: how many of it are told"""
    binned = size = 0
    first: list[Going] = []
    some: list[QuerySet[Project] | None] = [*map(homes_of, policies)] or [None]
    for homes in some:
        for going in due(timezone.now(), homes):
            binned, size = binned + 1, size + going.thing.size
            if len(first) < most:
                first.append(going)
    removed = 0 if policies else sum(1 for _ in bin.removing(dry_run=True))
    return Outlook(binned, size, removed, first)


def empty_bin(*, by: User) -> CleanupRun:
    """Remove everything for good that lies in the bin, without waiting for its week to end."""
    record = CleanupRun.objects.create(by=by, scope=CleanupRun.Scope.BIN)
    _remove(record)
    return _close(record)


def _remove(record: CleanupRun) -> None:
    """Remove what is due in the bin, all of it when the run is of that."""
    for thing in bin.removing(dry_run=record.dry_run, whole=record.scope == CleanupRun.Scope.BIN):
        record.removed += 1
        record.removed_size += thing.size
        kind = next(name for name, model in bin.KINDS.items() if isinstance(thing, model))
        since = thing.goes_at or timezone.now()
        _note(record, Going(kind, thing, since, BIN_DAYS).line(deed=REMOVED))


def _note(record: CleanupRun, line: dict[str, Any]) -> None:
    if len(record.lines) < LINES_KEPT:
        record.lines.append(line)


def _close(record: CleanupRun) -> CleanupRun:
    """The end of a run; in the audit log where a person asked for it."""
    record.finished_at = timezone.now()
    with transaction.atomic():
        record.save()
        if record.by and not record.dry_run:
            facts = ("scope", "binned", "binned_size", "removed", "removed_size", "forgotten")
            told = {name: getattr(record, name) for name in facts}
            audit.record("cleanup.run", record, by=record.by, policy=str(record.policy or ""), **told)
    logger.info("cleanup%s: %s", ", dry run" if record.dry_run else "", in_words(record))
    return record


def in_words(record: CleanupRun) -> str:
    """What a run did, for the log and the terminal."""
    return (
        f"{record.binned} of {record.binned_size} bytes put into the bin for {BIN_DAYS} days, {record.removed} of "
        f"{record.removed_size} bytes removed from it for good, {record.forgotten} failed renders forgotten"
    )


def forget_failed(homes: QuerySet[Project] | None = None, *, dry_run: bool = False) -> int:
    """Remove the rows of renders that ended without a video and are older than the policy says. Returns how many.

    homes: None for every project. Those of batches stay: a batch tells what became of each of its cells.
    """
    count = 0
    for days, some in _by_days(homes, "failed_days").items():
        old = RenderJob.objects.filter(
            project__in=some,
            batch__isnull=True,
            status__in=(Status.FAILED, Status.CANCELLED),
            finished_at__lt=timezone.now() - timedelta(days=days),
        )
        if dry_run:
            count += old.count()
            continue
        while chunk := list(old.values_list("pk", flat=True)[:CHUNK]):
            RenderJob.objects.filter(pk__in=chunk).delete()
            count += len(chunk)
    return count


def _policies() -> Callable[[UUID, int], RetentionPolicy]:
    """Which policy is that of a project and its owner."""
    rows = list(RetentionPolicy.objects.all())
    own = {policy.project_id: policy for policy in rows if policy.project_id}
    owners = {policy.owner_id: policy for policy in rows if policy.owner_id}
    everybodys = next((policy for policy in rows if policy.for_all), NO_POLICY)
    return lambda project_id, owner_id: own.get(project_id) or owners.get(owner_id) or everybodys


def _by_days(homes: QuerySet[Project] | None, rule: str) -> dict[int, list[UUID]]:
    """The projects that have this rule, by its number of days."""
    policy_of, found = _policies(), defaultdict[int, list[UUID]](list)
    for project_id, owner_id in (Project.objects.all() if homes is None else homes).values_list("pk", "owner"):
        if days := getattr(policy_of(project_id, owner_id), rule):
            found[days].append(project_id)
    return found


def _videos(homes: list[UUID], days: int, moment: datetime, most: int | None) -> Iterator[Going]:
    span = timedelta(days=days)
    late = {"job__project__in": homes, "pinned": False, "created_at__lt": moment - span}
    rows: QuerySet[RenderOutput] = RenderOutput.objects.kept().filter(**late)
    rows = first_by(rows, "created_at", most) if most else rows.order_by("created_at")
    for output in rows.select_related("job__project", "job__clip", "job__track").iterator(CHUNK):
        yield Going("videos", output, output.created_at + span, days)


def _unused(kind: str, rows: QuerySet[Any], days: int, moment: datetime) -> Iterator[Going]:
    """Clips or voices nobody has rendered from for so long."""
    span = timedelta(days=days)
    needed = RenderJob.objects.filter(status__in=LIVE, **{"clip" if kind == "clips" else "track": OuterRef("pk")})
    used = rows.filter(binned_at__isnull=True, pinned=False).annotate(
        last_used=Greatest(F("created_at"), Coalesce(Max("jobs__created_at"), F("created_at")))
    )
    due_now = used.filter(~Exists(needed), last_used__lt=moment - span).order_by("created_at")
    related = "speaker__project" if kind == "clips" else "project"
    for thing in due_now.select_related(related).iterator(CHUNK):
        yield Going(kind, thing, thing.last_used + span, days)
