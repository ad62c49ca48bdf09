"""What goes because of its age: policies and a moment go in, what is due comes out, and `run` puts it into the bin.

What goes lies in the bin for a week like everything that is deleted, and is told for a week before (`soon`); what somebody has
pinned never goes by itself. What a render needs that waits or runs stays until that has ended.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from projects import audit, bin
from projects.models import (
    CleanupRun,
    Project,
    RenderJob,
    RenderOutput,
    RetentionPolicy,
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
DRAFT_DAYS = 1  # nobody keeps a draft; the whole video is made or not

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


def due(moment: datetime, homes: Iterable[Project] | None = None, *, most: int | None = None) -> Iterator[Going]:
    """What is to go by this moment, without holding all of it at once.

    homes: None for every project; most: of each kind, the first ones to go
    It takes one query for each kind and one for the policies, however many projects and policies there are.
    """
    if homes is None:
        yield from _drafts(moment, most)
    chosen = Project.objects.all() if homes is None else homes
    policies = _policies_of(chosen)
    if days := _rule(policies, "video_days"):
        yield from _videos(days, moment, most)
    if days := _rule(policies, "unused_days"):
        yield from islice(_unused("clips", days, moment), most)
        yield from islice(_unused("voices", days, moment), most)


def soon(homes: Iterable[Project], most: int) -> list[Going]:
    """What goes by itself within a week in these projects, the first ones first."""
    found = due(timezone.now() + WARNING, homes, most=most)
    return sorted(found, key=lambda going: going.goes_at)[:most]


def pin(thing: bin.Thing, *, pinned: bool = True) -> None:
    """Keep it whatever the policies say, or leave it to them again."""
    pin_chosen([thing], pinned=pinned)
    thing.pinned = pinned


def pin_chosen(some: Sequence[bin.Thing], *, pinned: bool = True) -> None:
    """The same for several, all of one kind."""
    type(some[0]).objects.filter(pk__in=[thing.pk for thing in some]).update(pinned=pinned)


def run(*, dry_run: bool = False, by: User | None = None, policy: RetentionPolicy | None = None) -> CleanupRun:
    """Do what is due, or only tell it. What cannot be done now is done the next time.

    policy: do what this one says, and nothing else; by: who asks, nobody for the daily run
    """
    scope = CleanupRun.Scope.POLICY if policy else CleanupRun.Scope.WHOLE
    record = CleanupRun.objects.create(dry_run=dry_run, by=by, scope=scope, policy=policy)
    homes = homes_of(policy) if policy else None
    for _kind, some in groupby(due(timezone.now(), homes), key=lambda going: going.kind):
        for chunk in bin.in_chunks(some, CHUNK):
            put = None if dry_run else bin.put_by_rule([going.thing for going in chunk])
            for going in chunk:
                if put is None or going.thing.pk in put:
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
    days = _rule(_policies_of(Project.objects.all() if homes is None else homes), "failed_days")
    if not days:
        return 0
    late = _late(days, "project_id", "finished_at", timezone.now())
    old = RenderJob.objects.filter(late, batch__isnull=True, status__in=(Status.FAILED, Status.CANCELLED))
    if dry_run:
        return old.count()
    count = 0
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


def _policies_of(homes: Iterable[Project]) -> dict[UUID, RetentionPolicy]:
    policy_of = _policies()
    return {home.pk: policy_of(home.pk, home.owner_id) for home in homes}


def _rule(policies: Mapping[UUID, RetentionPolicy], rule: str) -> dict[UUID, int]:
    """The number of days of those projects that have this rule."""
    return {project_id: days for project_id, policy in policies.items() if (days := getattr(policy, rule))}


def _late(days: Mapping[UUID, int], home: str, since: str, moment: datetime) -> Q:
    """Which things are older than their project's rule allows.

    days: by project; home, since: where a thing names its project, and from when its age counts
    """
    by_rule = defaultdict[int, list[UUID]](list)
    for project_id, number in days.items():
        by_rule[number].append(project_id)
    late = Q(pk__in=[])
    for number, some in by_rule.items():
        # Asked row by row, so that the database walks along the order and stops when it has enough.
        its_own = Exists(Project.objects.filter(pk=OuterRef(home)).filter(pk__in=some))
        late |= Q(its_own, **{f"{since}__lt": moment - timedelta(days=number)})
    return late


def _videos(days: Mapping[UUID, int], moment: datetime, most: int | None) -> Iterator[Going]:
    old = moment - timedelta(days=min(days.values()))  # said for all of them at once, so that an index tells it
    late = _late(days, "project_id", "created_at", moment)
    rows: QuerySet[RenderOutput] = RenderOutput.objects.kept().filter(late, created_at__lt=old, pinned=False)
    rows = first_by(rows, "created_at", most) if most else rows.order_by("created_at")
    for output in rows.select_related("project", "job__clip", "job__track").iterator(CHUNK):
        number = days[output.project_id]
        yield Going("videos", output, output.created_at + timedelta(days=number), number)


def _drafts(moment: datetime, most: int | None) -> Iterator[Going]:
    """Of every project, whatever its policy says."""
    age = timedelta(days=DRAFT_DAYS)
    old = RenderJob.objects.filter(excerpt__isnull=False, finished_at__lt=moment - age).values("pk")
    rows = RenderOutput.objects.kept().filter(job__in=old, pinned=False).order_by("created_at")
    for output in rows.select_related("project", "job__clip", "job__track")[:most].iterator(CHUNK):
        yield Going("videos", output, output.created_at + age, DRAFT_DAYS)


def _unused(kind: str, days: Mapping[UUID, int], moment: datetime) -> Iterator[Going]:
    """Clips or voices nobody has rendered from for so long."""
    name, home, related = (
        ("clip", "speaker__project_id", "speaker__project") if kind == "clips" else ("track", "project_id", "project")
    )
    of_it = RenderJob.objects.filter(**{name: OuterRef("pk")})
    last_render = Subquery(of_it.order_by("-created_at").values("created_at")[:1])
    old = moment - timedelta(days=min(days.values()))
    rows: QuerySet[Any] = bin.KINDS[kind].objects.kept().filter(created_at__lt=old, pinned=False)
    used = rows.annotate(last_used=Greatest(F("created_at"), Coalesce(last_render, F("created_at"))))
    late = used.filter(_late(days, home, "last_used", moment), ~Exists(of_it.filter(status__in=LIVE)))
    for thing in late.order_by("created_at").select_related(related).iterator(CHUNK):
        number = days[bin.home_of(thing).pk]
        yield Going(kind, thing, thing.last_used + timedelta(days=number), number)
