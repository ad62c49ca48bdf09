"""A person's live renders with their place in the whole queue, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from projects import access, jobs
from projects.models import RenderJob, Status
from projects.models.renders import LIVE
from projects.pages import telling


@dataclass(frozen=True, slots=True)
class Turn:
    """One live render. ahead: how many are served before it"""

    job: RenderJob
    ahead: int
    stage_words: str


def live_count(user: User) -> int:
    """How many of this person's renders wait or run."""
    return access.jobs_of(user).filter(status__in=LIVE).count()


def live(user: User) -> list[Turn]:
    """This person's renders that wait or run, the next to be done first."""
    mine = list(access.jobs_of(user).filter(status__in=LIVE))
    if not mine:
        return []
    places = jobs.positions(mine)
    turns = [Turn(job, places[job.pk], telling.stage_words(job.stage)) for job in mine]
    return sorted(turns, key=lambda turn: (turn.job.status != Status.RUNNING, turn.ahead))
