"""Whose turn it is: the waiting renders of many people go in, one order for all of them comes out.

What an administrator put first is served first; after that people take turns, one render each, who was served last comes
last, and of each person's renders the one of higher priority, then the older. A paused person is passed over, and so is one
who has as many renders running as allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When, Window
from django.db.models.functions import Coalesce, Now, RowNumber
from django.utils import timezone

from projects import abilities, audit, logs, wakeups
from projects.models import QuotaPlan, RenderJob, Status, UserQueue
from projects.models.queues import RAISED
from projects.models.renders import LIVE, RenderJobQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from projects.access import Person

UNLIMITED = 10_000
# Stand in for the time of a person's last turn: of one whose turn was broken off, and of one who never had any.
BROKEN_OFF, NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC)


# --- workers ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Turn:
    """A render that may start now.

    limit: how many of its person's may run at once, 0 for any number, as for a raised one; None where none ran: not asked yet
    """

    job_id: UUID
    user_id: int
    limit: int | None


def candidates(limit: int) -> Iterator[Turn]:
    """The renders a worker of this machine may take now, whose turn it is first; at most so many.

    More than one, for others ask at the same time: who comes too late for the first takes the next. The cost grows with
    the number of people, not with the number of renders.
    """
    return islice(_in_turn(limit), limit)


def _in_turn(limit: int) -> Iterator[Turn]:
    paused = UserQueue.objects.filter(paused_at__isnull=False).values("user")
    raised = RenderJob.objects.claimable().filter(abilities.within(), priority__gte=RAISED).exclude(created_by__in=paused)
    yield from (Turn(*row, limit=0) for row in raised.in_turn().values_list("pk", "created_by")[:limit])
    running = _running()
    allowed = limits(running) if running else {}
    full = [user_id for user_id, most in allowed.items() if 0 < most <= running[user_id]]
    people = [Turn(first, user_id, allowed.get(user_id)) for first, user_id in _line(full).values_list("first", "pk")[:limit]]
    yield from people
    # From here on only where many ask at once for the renders of a few.
    allowed = limits([turn.user_id for turn in people])
    rooms = [(allowed[turn.user_id] or UNLIMITED) - running.get(turn.user_id, 0) for turn in people]
    each = [_further(turn.user_id, min(limit, room)) for turn, room in zip(people, rooms, strict=True)]
    yield from (turn for turn in chain.from_iterable(zip_longest(*each)) if turn is not None)


def _further(user_id: int, count: int) -> list[Turn]:
    """What a person may have run beside the first of theirs, which counts among so many."""
    return [Turn(job_id, user_id, None) for job_id in _ids(_waiting().filter(created_by=user_id), count)[1:]]


def serve(turn: Turn) -> bool:
    """Count this render as its person's turn. To be called in the transaction that takes it, before it is taken.

    It holds the person's row until the transaction ends, so that two workers never go over a person's limit together.
    False: by now the person has as many renders running as allowed; leave this one.
    """
    UserQueue.objects.bulk_create(
        [UserQueue(user_id=turn.user_id, last_served_at=Now())],
        update_conflicts=True,
        unique_fields=["user"],
        update_fields=["last_served_at"],
    )
    if turn.limit == 0:
        return True
    running = RenderJob.objects.filter(status=Status.RUNNING, created_by=turn.user_id).count()
    if running == 0:
        return True
    limit = limits([turn.user_id])[turn.user_id] if turn.limit is None else turn.limit
    return limit == 0 or running < limit


def give_back(user_id: int) -> None:
    """A turn was broken off before its render was done: the person comes first again."""
    UserQueue.objects.filter(user=user_id).update(last_served_at=BROKEN_OFF)


def limits(user_ids: Collection[int]) -> dict[int, int]:
    """How many renders of each of these people may run at once; 0 for as many as there are workers."""
    people = get_user_model().objects.filter(pk__in=user_ids)
    return dict(people.annotate(limit=limit_of_a_person()).values_list("pk", "limit"))


def limit_of_a_person() -> Coalesce:
    """A person's own limit, else that of the plan given, or of the usual plan where none was given, else everybody's."""
    usual = Subquery(QuotaPlan.objects.filter(is_usual=True).values("parallel_renders")[:1])
    planned = Case(When(given_plan__isnull=False, then=F("given_plan__plan__parallel_renders")), default=usual)
    return Coalesce("queue__parallel_limit", planned, Value(settings.PARALLEL_JOBS_PER_USER))


def anything_due() -> bool:
    """Whether a free worker of this machine would find something to do."""
    return any(True for _ in candidates(1))


def _waiting() -> RenderJobQuerySet:
    """What waits for its person's turn and can be made on this machine."""
    return RenderJob.objects.claimable().filter(abilities.within(), priority__lt=RAISED)


def _running() -> dict[int, int]:
    """How many renders of each person run; of nobody else."""
    own = RenderJob.objects.filter(status=Status.RUNNING).order_by().values_list("created_by")
    return dict(own.annotate(Count("priority")))  # a column of the index, never null


def _line(full: list[int]) -> QuerySet[Any]:
    """People one of whose renders may start now, whose turn it is first.

    full: those who have as many running as allowed; first: the render
    """
    waiting = _waiting().filter(created_by=OuterRef("pk"))
    people = get_user_model().objects.filter(Exists(waiting), queue__paused_at=None).exclude(pk__in=full)
    first = Subquery(waiting.in_turn().values("pk")[:1])
    return people.annotate(first=first).order_by(Coalesce("queue__last_served_at", Value(NEVER)), "pk")


def _ids(rows: RenderJobQuerySet, count: int) -> list[UUID]:
    return list(rows.in_turn().values_list("pk", flat=True)[:count])


# --- what people see -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Standing:
    """How one person's queue stands. waiting: without the raised ones; limit: renders at once, 0 for no limit"""

    user_id: int
    waiting: int
    raised: int
    running: int
    limit: int
    paused: bool


@dataclass(frozen=True, slots=True)
class Own:
    """How one person's own queue stands, for themselves. limit: renders at once, 0 for no limit"""

    paused_at: datetime | None
    limit: int
    waiting: int
    running: int

    @property
    def paused(self) -> bool:
        """Whether nothing new is started."""
        return self.paused_at is not None


@dataclass(frozen=True, slots=True)
class Line:
    """Everybody's queues at one moment, whose turn it is first."""

    standings: tuple[Standing, ...]

    @property
    def running(self) -> int:
        """How many renders run."""
        return sum(each.running for each in self.standings)

    def is_paused(self, user_id: int) -> bool:
        """Whether this person's queue is paused."""
        return any(each.paused for each in self.standings if each.user_id == user_id)

    def ahead(self, user_id: int, rank: int) -> int:
        """How many renders are served before this person's one with so many of their own before it.

        The running ones count, the raised ones too, paused people's do not; for a person who is paused, as if they were not.
        """
        before, mine = 0, False
        for each in self.standings:
            if each.user_id == user_id:
                mine = True
                before += each.raised + rank
            elif not each.paused:
                before += each.raised + min(each.waiting, rank if mine else rank + 1)
        return self.running + before

    def rounds(self, count: int) -> int:
        """How many rounds of turns it takes to serve so many renders, or all."""
        sizes = [each.waiting for each in self.standings if not each.paused]
        rounds = 0
        while sizes and count > 0:
            step = min(min(sizes), -(-count // len(sizes)))
            rounds, count = rounds + step, count - step * len(sizes)
            sizes = [size - step for size in sizes if size > step]
        return rounds


def line() -> Line:
    """How everybody's queues stand, in two queries."""
    waiting, raised, running = Counter[int](), Counter[int](), Counter[int]()
    live = RenderJob.objects.filter(status__in=LIVE).order_by().values_list("status", "created_by")
    # Of a column that is never null and stands in the index, unlike the id: the rows themselves are not read.
    for status, user_id, every, high in live.annotate(
        every=Count("priority"), high=Count("priority", filter=Q(priority__gte=RAISED))
    ):
        if status == Status.RUNNING:
            running[user_id] += every
        else:
            waiting[user_id], raised[user_id] = every - high, high
    people = get_user_model().objects.filter(pk__in=waiting.keys() | running.keys()).annotate(limit=limit_of_a_person())
    found = people.values_list("pk", "limit", "queue__paused_at", "queue__last_served_at")
    return Line(
        tuple(
            Standing(
                user_id=user_id,
                waiting=waiting[user_id],
                raised=raised[user_id],
                running=running[user_id],
                limit=limit,
                paused=paused_at is not None,
            )
            for user_id, limit, paused_at, served_at in sorted(found, key=lambda row: (row[3] or NEVER, row[0]))
        )
    )


def positions(some: Collection[RenderJob], now: Line | None = None, ranks: Mapping[UUID, int] | None = None) -> dict[UUID, int]:
    """How many renders are served before each of these, the running ones included; 0 for one that is not waiting.

    now: the line where it is known already; ranks: as from `upcoming`, else it takes a query for every person whose renders
    these are
    """
    places = {job.pk: 0 for job in some}
    waiting = [job for job in some if job.status == Status.QUEUED]
    if not waiting:
        return places
    now = now or line()
    if any(job.priority >= RAISED for job in waiting):
        raised = RenderJob.objects.filter(status=Status.QUEUED, priority__gte=RAISED, created_by__queue__paused_at=None)
        places |= {job_id: now.running + place for place, job_id in enumerate(_ids(raised, UNLIMITED)) if job_id in places}
    for user_id in {job.created_by_id for job in waiting}:
        own = [job for job in waiting if job.created_by_id == user_id and job.priority < RAISED]
        known = _ranks(user_id, own) if ranks is None else {job.pk: ranks[job.pk] for job in own if job.pk in ranks}
        places |= {job_id: now.ahead(user_id, rank) for job_id, rank in known.items()}
    return places


def upcoming(count: int, now: Line, some: Collection[RenderJob] = ()) -> tuple[list[UUID], dict[UUID, int]]:
    """The waiting renders that are served next, in turn: about so many, all of a round or none.

    Also, for each of `some` that waits for its person's turn, how many of their own come before it.
    """
    turns: dict[int, list[UUID]] = {each.user_id: [] for each in now.standings if not each.paused}
    ready = RenderJob.objects.filter(status=Status.QUEUED)
    in_turn = Window(RowNumber(), partition_by="created_by", order_by=("-priority", "created_at", "id"))
    concerned = ready.filter(created_by__in={*turns, *(job.created_by_id for job in some)})
    normal = concerned.filter(priority__lt=RAISED).annotate(turn=in_turn)
    wanted, rounds, ranks = {job.pk for job in some}, now.rounds(count), {}
    shown = normal.filter(Q(turn__lte=rounds) | Q(pk__in=wanted)) if wanted else normal.filter(turn__lte=rounds)
    for job_id, user_id, turn in shown.order_by("turn").values_list("pk", "created_by", "turn"):
        if turn <= rounds and user_id in turns:
            turns[user_id].append(job_id)
        if job_id in wanted:
            ranks[job_id] = turn - 1
    raised = ready.filter(priority__gte=RAISED, created_by__in=turns)
    first = _ids(raised, count) if any(each.raised for each in now.standings) else []
    return first + [job_id for job_id in chain.from_iterable(zip_longest(*turns.values())) if job_id is not None], ranks


def _ranks(user_id: int, wanted: list[RenderJob]) -> dict[UUID, int]:
    """How many of this person's own waiting renders come before each of these."""
    own = RenderJob.objects.filter(created_by=user_id, status=Status.QUEUED, priority__lt=RAISED)
    if len(wanted) == 1:
        job = wanted[0]
        earlier = Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, pk__lt=job.pk)
        return {job.pk: own.filter(Q(priority__gt=job.priority) | Q(priority=job.priority) & earlier).count()}
    missing, ranks = {job.pk for job in wanted}, {}
    for rank, job_id in enumerate(own.in_turn().values_list("pk", flat=True).iterator()):
        if not missing:
            break
        if job_id in missing:
            missing.remove(job_id)
            ranks[job_id] = rank
    return ranks


# --- verbs -----------------------------------------------------------------------------------------------------------
def queue_of(user: User) -> UserQueue:
    """This person's queue as it stands; not stored where nothing was set yet."""
    return UserQueue.objects.filter(user=user).first() or UserQueue(user=user)


def own(user: User) -> Own:
    """How this person's own queue stands."""
    counts = dict(
        RenderJob.objects.filter(created_by=user, status__in=LIVE).order_by().values_list("status").annotate(Count("priority"))
    )
    waiting, running = counts.get(Status.QUEUED, 0), counts.get(Status.RUNNING, 0)
    return Own(paused_at=queue_of(user).paused_at, limit=limits([user.pk])[user.pk], waiting=waiting, running=running)


def pause(*, user: User) -> UserQueue:
    """Start nothing new of this person's. What runs goes on. A queue that is paused stays so."""
    with transaction.atomic():
        UserQueue.objects.get_or_create(user=user)
        if UserQueue.objects.filter(user=user, paused_at=None).update(paused_at=timezone.now()):
            audit.record("queue.paused", user)
    return queue_of(user)


def resume(*, user: User) -> UserQueue:
    """Go on with this person's renders."""
    with transaction.atomic():
        if UserQueue.objects.filter(user=user, paused_at__isnull=False).update(paused_at=None):
            audit.record("queue.resumed", user)
        transaction.on_commit(wakeups.send, robust=True)
    return queue_of(user)


def put_first(*, job: RenderJob, by: Person) -> RenderJob:
    """Serve a waiting render before everybody's. Raised ones keep their order among themselves."""
    return _set_priority(job, RAISED, "put_first", by, Q(priority__lt=RAISED))


def put_back(*, job: RenderJob, by: Person) -> RenderJob:
    """Let a raised render wait for its person's turn again."""
    return _set_priority(job, 0, "put_back", by, Q(priority__gte=RAISED))


def _set_priority(job: RenderJob, priority: int, deed: str, by: Person, where: Q) -> RenderJob:
    with transaction.atomic():
        changed = RenderJob.objects.filter(where, pk=job.pk, status=Status.QUEUED).update(priority=priority)
        job.refresh_from_db(fields=["priority", "status"])
        if changed:
            logs.record(job, "info", f"{deed.replace('_', ' ')} by {by}")
            audit.record(f"job.{deed}", job)
            transaction.on_commit(wakeups.send, robust=True)
    return job
