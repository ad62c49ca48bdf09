"""Whose storage is nearly full: plans and what is used go in, an event a day comes out while it stays so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from projects import events, usage
from projects.models import Event, EventKind, Project, QuotaPlan

NEARLY = 0.9
AGAIN = timedelta(days=1)


def warn() -> int:
    """Record an event for each project, and for each owner's first one, that uses nearly all of a plan. Returns how many."""
    if not QuotaPlan.objects.filter(Q(bytes_per_person__gt=0) | Q(bytes_per_project__gt=0)).exists():
        return 0
    full = [
        *(("project", row.pk, row.owner_id, row) for row in _nearly_full(usage.of_projects(Project.objects.all()))),
        *(("person", row.first, row.pk, row) for row in _nearly_full(usage.of_people(_owners()))),
    ]
    told = set(_lately().values_list("data__scope", "project"))
    new = [
        Event(
            kind=EventKind.STORAGE_WARNING,
            project_id=home,
            user_id=person,
            object_type="project",
            object_id=home,
            data={"scope": scope, "used": row.used, "limit": row.limit},
        )
        for scope, home, person, row in full
        if (scope, home) not in told
    ]
    if new:
        with transaction.atomic():
            events.record(new)
    return len(new)


def _nearly_full(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(limit__gt=0, used__gte=F("limit") * NEARLY)


def _owners() -> QuerySet[User]:
    """People with projects, each with their oldest one."""
    oldest = Project.objects.filter(owner=OuterRef("pk")).order_by("created_at")
    return User.objects.annotate(first=Subquery(oldest.values("pk")[:1])).filter(first__isnull=False)


def _lately() -> QuerySet[Event]:
    return Event.objects.filter(kind=EventKind.STORAGE_WARNING, at__gt=timezone.now() - AGAIN)
