"""What people and projects use, for lists that the database sorts: rows go in, the same rows come out with sums.

The same sums as in `quotas`, one subquery each, so that a list asks only for those of its page unless it is sorted by one.
used, binned: bytes, as a quota counts them and of what lies in the bin; limit: bytes, or none; seconds: of video, made and
asked for this month; seconds_limit; waiting, running: renders; plan_name: the plan that counts, or none
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Expression,
    F,
    FloatField,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, NullIf

from projects import quotas
from projects.models import AudioTrack, Project, QuotaPlan, RenderJob, RenderOutput, SpeakerClip, Status, Upload
from projects.models.renders import LIVE, VIDEO_SECONDS
from projects.models.uploads import OPEN

# How full it is, to sort by. What is shown is reckoned from the two: in SQL it would ask for all of the sums once more.
SHARE = Coalesce(F("used") * Value(1.0) / NullIf(F("limit"), Value(0)), Value(0.0), output_field=FloatField())


def of_people(people: QuerySet[User]) -> QuerySet[Any]:
    """Each person with the sums of the projects that they own, and of the renders that they asked for."""
    plan = {
        "limit": _planned("given_plan", "bytes_per_person"),
        "seconds_limit": _planned("given_plan", "minutes_per_month") * Value(60),
        "plan_name": _planned("given_plan", "name", CharField()),
    }
    return people.annotate(**_sums("owner"), **_renders("created_by"), **plan)


def of_projects(projects: QuerySet[Project]) -> QuerySet[Any]:
    """Each project with its sums. A limit of minutes is a person's, so it has none."""
    own = Case(
        When(given_plan__isnull=False, then=F("given_plan__plan__bytes_per_project")),
        default=_planned("owner__given_plan", "bytes_per_project"),
    )
    name = Case(
        When(given_plan__isnull=False, then=F("given_plan__plan__name")),
        default=_planned("owner__given_plan", "name", CharField()),
    )
    return projects.annotate(**_sums(""), **_renders("project"), limit=own, plan_name=name)


def _sums(owner: str) -> dict[str, Expression]:
    """Bytes, of projects found by this field of theirs, or of the project itself."""

    def of(rows: QuerySet[Any], home: str, field: str = "size") -> Expression:
        path = f"{home}__{owner}" if owner else home
        return _sum(rows.filter(**{path: OuterRef("pk")}), field)

    clips, tracks, outputs = SpeakerClip.objects, AudioTrack.objects, RenderOutput.objects
    used = (
        of(clips.kept(), "speaker__project")
        + of(tracks.kept(), "project")
        + of(outputs.kept(), "project")
        + of(Upload.objects.filter(state__in=OPEN), "project")
        + of(RenderJob.objects.filter(status__in=LIVE), "project", "expected_size")
    )
    binned = of(clips.binned(), "speaker__project") + of(tracks.binned(), "project") + of(outputs.binned(), "project")
    return {"used": used, "binned": binned}


def _renders(whose: str) -> dict[str, Expression]:
    jobs = RenderJob.objects.filter(**{whose: OuterRef("pk")})
    counted = jobs.filter(Q(status=Status.SUCCEEDED) | Q(status__in=LIVE), created_at__gte=quotas.month_start())
    return {
        "seconds": _sum(counted, VIDEO_SECONDS, FloatField()),
        "waiting": _count(jobs.filter(status=Status.QUEUED)),
        "running": _count(jobs.filter(status=Status.RUNNING)),
    }


def _planned(given: str, field: str, kind: Any = None) -> Case:
    """What the plan says that was given, or the usual one where none was."""
    usual = Subquery(QuotaPlan.objects.filter(is_usual=True).values(field)[:1])
    return Case(
        When(**{f"{given}__isnull": False}, then=F(f"{given}__plan__{field}")),
        default=usual,
        output_field=kind or BigIntegerField(),
    )


def _sum(rows: QuerySet[Any], field: str | Expression, kind: Any = None) -> Expression:
    kind = kind or BigIntegerField()
    sums = (
        rows.order_by()
        .annotate(total=Func(F(field) if isinstance(field, str) else field, function="SUM", output_field=kind))
        .values("total")
    )
    return Coalesce(Subquery(sums), Value(0), output_field=kind)


def _count(rows: QuerySet[Any]) -> Expression:
    counts = rows.order_by().annotate(total=Func(F("pk"), function="COUNT", output_field=IntegerField())).values("total")
    return Coalesce(Subquery(counts), Value(0), output_field=IntegerField())
