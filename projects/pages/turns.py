"""A person's live renders with their turn among everybody's, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Case, IntegerField, Value, When

from projects import access, estimates
from projects.estimates import Estimate
from projects.models import RenderJob, Status
from projects.models.renders import LIVE
from projects.pages import telling

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """One live render"""

    job: RenderJob
    estimate: Estimate
    stage_words: str


def live_count(user: User) -> int:
    """How many of this person's renders wait or run."""
    return access.own_jobs_of(user).filter(status__in=LIVE).count()


def live(user: User) -> list[Turn]:
    """This person's renders that run and that are served next, at most `SHOWN`, the next to be done first."""
    running_first = Case(When(status=Status.RUNNING, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = access.own_jobs_of(user).filter(status__in=LIVE)
    mine = list(rows.order_by(running_first, "-priority", "created_at", "id")[:SHOWN])
    told = estimates.of(mine)
    turns = [Turn(job, told[job.pk], telling.stage_words(job.stage)) for job in mine]
    return sorted(turns, key=lambda turn: (turn.job.status != Status.RUNNING, turn.estimate.ahead))
