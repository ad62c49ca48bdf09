"""Lanes: which are wanted on this machine, which live anywhere, what each has in hand, and when a machine rests.

A lane is one queue worker. The supervisor of its machine speaks for it every few seconds; the worker itself only says
what it takes in hand. Nothing here decides about a job: a lane's row that is wrong costs a few seconds, never a render.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from projects import abilities, audit, claims, engine, reconnecting, storage
from projects.errors import NoRoom
from projects.models import Kind, Lane, RenderJob, Status
from projects.models.lanes import RENDERING, LaneQuerySet, queue_name
from projects.models.renders import RenderJobQuerySet

NO_SPACE = "no_space"
SHORTEST_REST = timedelta(seconds=60)
HANDS_EMPTY = {"job": None, "claim": None, "since": Now()}
COLD = {**HANDS_EMPTY, "warm": list[str]()}
NOT_PAUSED = {"paused_at": None, "paused_until": None, "pause_reason": ""}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lane that this machine shall have. device: the graphics card that it sees; empty for none"""

    name: str
    kind: Kind
    device: str = ""

    @property
    def queue(self) -> str:
        """The queue that it alone reads."""
        return queue_name(self.name, settings.NODE_NAME)

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process that it belongs to this lane."""
        return {"HEYGEM_LANE": self.name, "Q_CLUSTER_NAME": self.queue, "CUDA_VISIBLE_DEVICES": self.device}


def wanted() -> list[Wanted]:
    """The lanes that the settings ask for on this machine."""
    return [
        *(Wanted(f"cpu-{number}", Kind.CPU) for number in range(1, settings.CPU_LANES + 1)),
        *(Wanted(f"gpu-{device}", Kind.GPU, device) for device in settings.GPU_LANES),
        *(Wanted(f"io-{number}", Kind.IO) for number in range(1, settings.IO_LANES + 1)),
    ]


def working(*kinds: Kind) -> LaneQuerySet:
    """The lanes that take jobs now, of some kinds or of all: alive and not paused."""
    return Lane.objects.working().of(*kinds)


# --- the supervisor --------------------------------------------------------------------------------------------------
def enter(lane: Wanted, pid: int) -> None:
    """A lane of this machine was started: nothing of an earlier one of its name is in its hands any more."""
    let_go(lane.name)
    Lane.objects.update_or_create(
        node=settings.NODE_NAME,
        name=lane.name,
        defaults={
            "kind": lane.kind,
            "pid": pid,
            "started_at": Now(),
            "seen_at": Now(),
            "abilities": _of(lane),
            "warm": [],
            **HANDS_EMPTY,
        },
    )


def beat(running: dict[Wanted, int]) -> None:
    """These lanes run well, each with its first process. Rows that somebody took away come back."""
    for lane, pid in running.items():
        if not Lane.objects.here().filter(name=lane.name, pid=pid).update(seen_at=Now(), abilities=_of(lane)):
            enter(lane, pid)
    Lane.objects.here().filter(claim__isnull=False).exclude(claim__in=_held()).update(**HANDS_EMPTY)


def _of(lane: Wanted) -> list[str]:
    """What it can run."""
    return abilities.here() if lane.kind in RENDERING else []


def let_go(name: str) -> int:
    """Every process of a lane is dead: whatever it had in hand may be taken by another at once. Returns how many jobs.

    Without this they would wait until their lease ends.
    """
    held = Lane.objects.here().filter(name=name, claim__isnull=False).values_list("job", "claim")
    in_hand = Q(pk__in=[])
    for job, claim in held:
        in_hand |= Q(pk=job, claim=claim)
    running = RenderJob.objects.filter(in_hand, status=Status.RUNNING, lease_until__gt=Now())
    count = running.update(lease_until=Now() - timedelta(seconds=1))
    if count:
        claims.settle_lost()
    return count


def leave(lane: Wanted) -> None:
    """A lane of this machine was ended on purpose."""
    let_go(lane.name)
    Lane.objects.here().filter(name=lane.name).delete()


# --- the worker ------------------------------------------------------------------------------------------------------
@contextmanager
def holding(job_id: UUID, claim: UUID) -> Iterator[None]:
    """Say that this process's lane has a job in hand while the block runs, and what its engine has loaded.

    Never stops a render: it is only a notice.
    """
    _note(job_id=job_id, claim=claim)
    try:
        yield
    finally:
        _note(job_id=None, claim=None)


def note_loaded() -> None:
    """Say what this process's engine has loaded, when that has changed without a render."""
    _note(job_id=None, claim=None)


def _note(*, job_id: UUID | None, claim: UUID | None) -> None:
    if not settings.LANE:
        return
    try:
        Lane.objects.here().filter(name=settings.LANE).update(job=job_id, claim=claim, since=Now(), warm=engine.loaded())
    except (DatabaseError, InterfaceError):
        reconnecting.drop_if_dead()
        logger.warning("what lane %s has in hand could not be noted", settings.LANE, exc_info=True)


# --- rest ------------------------------------------------------------------------------------------------------------
def pause_node(reason: str, until: datetime | Combinable) -> int:
    """Have every lane of this machine take no further job until then. Returns how many lanes there are.

    reason: a code such as `no_space`, or a sentence; until: better `Now() + timedelta(...)`, the database's clock
    """
    paused = Lane.objects.here().update(paused_at=Now(), paused_until=until, pause_reason=reason[:200] or "paused")
    logger.warning("the lanes of %s take no jobs for a while: %s", settings.NODE_NAME, reason)
    return paused


def is_paused() -> bool:
    """Whether this machine rests."""
    return Lane.objects.here().paused().exists()


def lift_pauses() -> int:
    """End the rest of this machine once its time is over, or once there is room again. Returns how many lanes go on.

    Room that comes within a minute is not trusted: a render that is stopped for want of it gives some back.
    """
    due = Q(paused_until__lte=Now())
    if _has_room():
        due |= Q(pause_reason=NO_SPACE, paused_at__lt=Now() - SHORTEST_REST)
    return _go_on(Lane.objects.here().filter(due))


def resume(lanes: LaneQuerySet) -> int:
    """End the rest of the machines that these lanes run on, as an administrator asks. Returns how many lanes go on."""
    resting = Lane.objects.filter(node__in=list(lanes.values_list("node", flat=True)), paused_until__isnull=False)
    with transaction.atomic():
        audit.record_each("lane.resumed", list(resting))
        return _go_on(resting)


def forget_gone() -> int:
    """Remove the rows of lanes that nobody speaks for any more, unless their render goes on. Returns how many."""
    gone = Lane.objects.gone().exclude(claim__isnull=False, claim__in=_held())
    for lane in gone:
        Lane.objects.gone().filter(pk=lane.pk).delete()
        logger.info("%s has not been heard of for long and is forgotten", lane)
    return len(gone)


def _held() -> RenderJobQuerySet:
    """The claims of the renders that run."""
    return RenderJob.objects.filter(status=Status.RUNNING, lease_until__gte=Now()).values("claim")  # type: ignore[return-value]


def _go_on(lanes: LaneQuerySet) -> int:
    count = lanes.update(**NOT_PAUSED)
    if count:
        logger.info("%d lanes take jobs again", count)
    return count


def _has_room() -> bool:
    try:
        storage.require_room(0)
    except NoRoom:
        return False
    return True
