"""The lanes: which queue workers live, where, and what they are at."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from projects.models.renders import RenderJob

SEEN_LATELY = timedelta(seconds=20)
GONE_AFTER = timedelta(minutes=2)
QUEUE_NAME_LENGTH = 100


class Kind(models.TextChoices):
    """What a lane is for."""

    CPU = "cpu", _("renders on processors")
    GPU = "gpu", _("renders on a graphics card")
    IO = "io", _("housekeeping")


RENDERING = (Kind.CPU, Kind.GPU)


class LaneQuerySet(models.QuerySet["Lane"]):
    """Sets of lanes."""

    def here(self) -> LaneQuerySet:
        """Those of this machine."""
        return self.filter(node=settings.NODE_NAME)

    def of(self, *kinds: Kind) -> LaneQuerySet:
        """Those for some kind of work; of none given, all."""
        return self.filter(kind__in=kinds) if kinds else self.all()

    def alive(self) -> LaneQuerySet:
        """Those whose supervisor has said lately that they run."""
        return self.filter(seen_at__gte=Now() - SEEN_LATELY)

    def gone(self) -> LaneQuerySet:
        """Those that nobody has spoken for in a long while."""
        return self.filter(seen_at__lt=Now() - GONE_AFTER)

    def paused(self) -> LaneQuerySet:
        """Those that shall take no job at present."""
        return self.filter(paused_until__gt=Now())

    def working(self) -> LaneQuerySet:
        """Those that take jobs: alive and not paused."""
        return self.alive().exclude(paused_until__gt=Now())

    def idle(self) -> LaneQuerySet:
        """Those that take jobs and have none in hand."""
        return self.working().filter(claim__isnull=True)


class Lane(models.Model):
    """One queue worker. All times are the database's.

    node: the machine it runs on; pid: its first process there
    job, claim: what it has in hand, and with which claim; since: when it took that up, or laid down its last job
    abilities: the engines and what else it can run of `models.choices`, by their names; housekeeping has none
    warm: those of them that its engine process has loaded, and the next render need not wait for
    paused_until, pause_reason: it takes no job until then, and why; with every lane of its machine
    """

    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    node = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    job = models.ForeignKey(RenderJob, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    claim = models.UUIDField(null=True, blank=True, editable=False)
    since = models.DateTimeField()
    abilities = models.JSONField(default=list, blank=True)
    warm = models.JSONField(default=list, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=200, blank=True, default="")

    objects = LaneQuerySet.as_manager()

    class Meta:
        ordering = ("node", "kind", "name")
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")
        constraints = (
            models.UniqueConstraint(fields=("node", "name"), name="lane_is_one_of_its_name"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="lane_kind_is_known"),
            models.CheckConstraint(condition=Q(claim__isnull=False) | Q(job__isnull=True), name="lane_holds_with_a_claim"),
            models.CheckConstraint(
                condition=Q(paused_until__isnull=True, paused_at__isnull=True, pause_reason="")
                | (Q(paused_until__isnull=False, paused_at__isnull=False) & ~Q(pause_reason="")),
                name="lane_pause_has_a_reason",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.node})"

    @property
    def queue(self) -> str:
        """The queue it alone reads."""
        return queue_name(self.name, self.node)


def queue_name(lane: str, node: str) -> str:
    """The queue of one lane.

    Each lane has its own: a worker that is busy takes further messages into its hands, and on a shared queue those
    would be the wake-ups of the idle ones beside it.
    """
    return f"{lane}@{node}"[:QUEUE_NAME_LENGTH]
