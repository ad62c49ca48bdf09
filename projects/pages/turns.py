"""A person's live renders with their turn among everybody's, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Case, Count, IntegerField, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from projects import access, estimates
from projects.estimates import Estimate
from projects.models import Project, RenderJob, Status
from projects.models.renders import LIVE
from projects.pages import telling
from projects.turns import Line

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """One live render"""

    job: RenderJob
    estimate: Estimate
    stage_words: str


def live_count(user: User) -> int:
    """How many of this person's renders wait or run."""
    return access.own_jobs_of(user).filter(status__in=LIVE).count()


def with_live_count(homes: QuerySet[Project], user: User) -> QuerySet[Project]:
    """Projects that this person may see, each with how many of their renders wait or run, in all of them: `live_count_in`."""
    mine = access.own_jobs_of(user).filter(status__in=LIVE).order_by().values("created_by")
    counted = mine.annotate(count=Count("priority")).values("count")
    return homes.annotate(found_live_count=Coalesce(Subquery(counted), 0))


def live_count_in(homes: Sequence[Project]) -> int:
    """The same number, of projects found `with_live_count`; who sees no project has no render to see."""
    return int(getattr(homes[0], "found_live_count", 0)) if homes else 0


def live(user: User, line: Line) -> list[Turn]:
    """This person's renders that run and that are served next, at most `SHOWN`, the next to be done first.

    line: as it stands
    """
    running_first = Case(When(status=Status.RUNNING, then=Value(0)), default=Value(1), output_field=IntegerField())
    mine = access.first_own_jobs_of(user, LIVE, (running_first, "-priority", "created_at", "id"), SHOWN)
    told = estimates.of(mine, line)
    turns = [Turn(job, told[job.pk], telling.stage_words(job.stage)) for job in mine]
    return sorted(turns, key=lambda turn: (turn.job.status != Status.RUNNING, turn.estimate.ahead))
