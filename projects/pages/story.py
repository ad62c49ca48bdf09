"""What happened to a render, in plain words: its row, attempts and log lines go in, a few dated sentences come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from django.utils import translation
from django.utils.translation import gettext as _

from projects import sentences
from projects.models import JobAttempt, JobLogLine, Outcome, RenderJob, Stage, Status
from projects.pages import telling
from projects.pages.people import name_of

# The log is written in English: what says in it that a step begins.
with translation.override(None):
    STEPS = {stage.value: str(stage.label) for stage in Stage}
ICONS = {"": "circle", "good": "circle-check", "warning": "triangle-alert", "bad": "circle-x"}


@dataclass(frozen=True, slots=True)
class Happening:
    """One of them. kind: good, warning, bad or nothing of it; seconds: how long a step took, once the next has begun"""

    at: datetime
    words: str
    kind: str = ""
    seconds: float | None = None
    is_step: bool = False

    @property
    def icon(self) -> str:
        """The shape that says its kind without colour."""
        return ICONS[self.kind]


def of(job: RenderJob, attempts: Sequence[JobAttempt], lines: Sequence[JobLogLine]) -> list[Happening]:
    """The story in order. attempts, lines: of this job"""
    found = [Happening(job.created_at, _("%(name)s asked for it.") % {"name": name_of(job.created_by)})]
    for attempt in attempts:
        words = _("A worker begins.") if attempt.number == 1 else _("A worker begins again.")
        found.append(Happening(attempt.started_at, words))
        if attempt.ended_at is not None:
            found.append(_end(attempt, attempt.ended_at))
    found += [told for line in lines if (told := _told(line)) is not None]
    if job.status == Status.CANCELLED and job.finished_at is not None and not attempts:
        found.append(Happening(job.finished_at, _("Stopped before anybody had begun."), "warning"))
    found.sort(key=lambda happening: happening.at)
    return [_timed(each, following) for each, following in pairwise([*found, None]) if each is not None]


def _end(attempt: JobAttempt, at: datetime) -> Happening:
    sentence = sentences.shown(attempt.error_message)
    match attempt.outcome:
        case Outcome.SUCCEEDED:
            return Happening(at, _("The video is done."), "good")
        case Outcome.FAILED:
            return Happening(at, sentence, "bad")
        case Outcome.CANCELLED:
            return Happening(at, _("Stopped, as was asked for."), "warning")
        case Outcome.GIVEN_BACK:
            return Happening(at, _("The worker was being stopped and gave it back. What was finished is kept."), "warning")
    return Happening(at, f"{sentence} {_('It is tried again by itself.')}", "warning")


def _told(line: JobLogLine) -> Happening | None:
    """A step that begins, or something that limits the result; the rest is for experts."""
    if line.text == STEPS.get(line.stage):
        return Happening(line.at, telling.stage_words(line.stage), is_step=True)
    if line.level == JobLogLine.Level.WARNING and sentences.is_known(line.text):
        return Happening(line.at, sentences.shown(line.text), "warning")
    return None


def _timed(happening: Happening, following: Happening | None) -> Happening:
    if following is None or not happening.is_step:
        return happening
    return replace(happening, seconds=(following.at - happening.at).total_seconds())
