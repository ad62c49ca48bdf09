"""What something that is polled stands at: one value, as a column of the query that finds who asks.

So a script whose token is looked up anyway learns in the same query whether anything has changed. Null where the asker may
not see it.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.expressions import Combinable
from django.db.models.functions import JSONObject

from projects import turns
from projects.models import RenderBatch, RenderJob, Status, UserQueue
from projects.models.renders import LIVE, RenderJobQuerySet

OF_A_JOB = (
    *("status", "stage", "frames_done", "frames_total", "progress", "seconds_left", "segments_done", "segments_total"),
    *("attempts", "not_before", "cancel_requested", "cancels_at", "priority", "error_code", "finished_at", "started_at"),
)


def job(user: str, job_id: UUID) -> Combinable:
    """Of a render. user: the column with the asker's id in the query that this goes into"""
    facts = {name: F(name) for name in OF_A_JOB}
    paused = Subquery(UserQueue.objects.filter(user=OuterRef("created_by")).values("paused_at")[:1])
    told = JSONObject(**facts, binned=F("output__binned_at"), pinned=F("output__pinned"), paused=paused)
    seen = RenderJob.objects.filter(_seen_by(user), pk=job_id).order_by()
    return Subquery(seen.annotate(told=told).values("told")[:1])


def batch(user: str, batch_id: UUID) -> Combinable:
    """Of a batch: how many of its cells are in which state, and how far the running ones are."""
    cells = RenderJob.objects.filter(batch=batch_id, retries__isnull=True).order_by().values("batch")
    counts = {status: Count("pk", filter=Q(status=status)) for status in Status.values}
    told = JSONObject(**counts, progress=Sum("progress", filter=Q(status__in=LIVE)))
    seen = RenderBatch.objects.filter(_seen_by(user), pk=batch_id)
    return Case(When(Exists(seen), then=Subquery(cells.annotate(told=told).values("told")[:1])))


def queue(user: str) -> Combinable:
    """Of a person's own queue."""
    mine: RenderJobQuerySet = RenderJob.objects.filter(created_by=OuterRef("pk"), status__in=LIVE)
    live = mine.order_by().values("created_by")
    waiting = live.annotate(count=Count("priority", filter=Q(status=Status.QUEUED))).values("count")
    running = live.annotate(count=Count("priority", filter=Q(status=Status.RUNNING))).values("count")
    told = JSONObject(
        paused=F("queue__paused_at"), limit=turns.limit_of_a_person(), waiting=Subquery(waiting), running=Subquery(running)
    )
    people: QuerySet[User] = User.objects.filter(pk=OuterRef(user))
    return Subquery(people.annotate(told=told).values("told")[:1])


def _seen_by(user: str) -> Q:
    return Q(project__owner=OuterRef(user)) | Q(project__memberships__user=OuterRef(user))
