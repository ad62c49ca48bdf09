"""The administration's first page: what runs, what is full, what goes, what went wrong. Each sees the cards that they may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from projects import bin, cleanup, consents, storage, usage
from projects.admin_pages import figures
from projects.admin_pages.navigation import list_of, may_view, page_of
from projects.models import CleanupRun, Lane, RenderJob, RenderOutput, RetentionPolicy, Speaker, Status
from projects.models.lanes import SEEN_LATELY
from projects.models.renders import LIVE

ROWS_SHOWN = 6
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a card. value: on its right"""

    text: str
    url: str
    value: str | int | SafeString = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One card. note: below its title; url: its list"""

    title: str
    url: str
    lines: Sequence[Line] = field(default_factory=list)
    note: str = ""


def cards(request: HttpRequest) -> list[Card]:
    """Those that the person may look at."""
    return [card() for model, card in CARDS if may_view(request, model)]


def lane_state(lane: Lane) -> tuple[str, str]:
    """What a lane is at, in a word, and the word's tone."""
    if lane.seen_at < timezone.now() - SEEN_LATELY:
        return "silent", "bad"
    if lane.paused_until and lane.paused_until > timezone.now():
        return "rests", "warning"
    return ("renders", "good") if lane.job_id else ("waits", "")


def _renders() -> Card:
    live = dict(RenderJob.objects.filter(status__in=LIVE).order_by().values_list("status").annotate(Count("priority")))
    lines = [
        Line(name, list_of(RenderJob, status__exact=status), live.get(status, 0))
        for status, name in ((Status.RUNNING, "running"), (Status.QUEUED, "waiting"))
    ]
    return Card("Renders", list_of(RenderJob), lines)


def _failures() -> Card:
    failed = RenderJob.objects.filter(status=Status.FAILED, finished_at__gte=timezone.now() - DAY).order_by()
    codes = failed.values_list("error_code").annotate(count=Count("pk")).order_by("-count", "error_code")
    where = {"status__exact": Status.FAILED, "ended": "day"}
    lines = [
        Line(code, list_of(RenderJob, error_code=code, **where), figures.chip(count, "bad"))
        for code, count in codes[:ROWS_SHOWN]
    ]
    return Card("Failures of the last 24 hours", list_of(RenderJob, **where), lines, "" if lines else "None.")


def _lanes() -> Card:
    lanes = list(Lane.objects.select_related("job__clip", "job__track"))
    lines = [
        Line(f"{lane.name} on {lane.node}", page_of(lane.job) if lane.job else page_of(lane), figures.chip(*lane_state(lane)))
        for lane in lanes
    ]
    return Card("Lanes", list_of(Lane), lines, "" if lines else "None runs: nothing is rendered.")


def _room() -> Card:
    free, floor, inside = storage.free(), settings.FREE_SPACE_FLOOR_BYTES, bin.contents()
    lines = [
        Line(
            "free on the disk",
            list_of(RenderOutput, o="-7"),
            figures.chip(figures.size(free), "" if free > 2 * floor else "bad"),
        ),
        Line("stays free, below it nothing is taken in", list_of(RenderOutput, o="-7"), figures.size(floor)),
        Line(f"in the bin, {inside.files} files", list_of(RenderOutput, where="bin"), figures.size(inside.size)),
    ]
    return Card("Room", list_of(CleanupRun), lines)


def _largest() -> Card:
    people = usage.of_people(User.objects.all()).order_by("-used", "username")[:ROWS_SHOWN]
    lines = [Line(str(it), page_of(it), f"{figures.size(it.used)} of {figures.size(it.limit)}") for it in people if it.used]
    return Card("Who uses most", list_of(User, o="-3"), lines, "" if lines else "Nothing is kept yet.")


def _policies() -> Card:
    daily = CleanupRun.objects.filter(by=None, dry_run=False, scope=CleanupRun.Scope.WHOLE).order_by("-started_at").first()
    at = daily.started_at + timedelta(seconds=cleanup.RETENTION_SECONDS) if daily else None
    policies = RetentionPolicy.objects.select_related("project", "owner")[:ROWS_SHOWN]
    lines = [Line(str(policy), page_of(policy), _days(policy)) for policy in policies]
    if daily:
        lines.append(Line(f"latest run freed {figures.size(daily.removed_size)}", page_of(daily)))
    when = f"They next run by themselves about {timezone.localtime(at):%Y-%m-%d %H:%M}." if at else "They run within minutes."
    return Card(
        "Retention policies", list_of(RetentionPolicy), lines, when if policies else "None: everything is kept for ever."
    )


def _consents() -> Card:
    ending = consents.with_standing(Speaker.objects.select_related("project")).filter(state="soon").order_by("until", "name")
    lines = [Line(f"{it} ({it.project})", page_of(it), figures.chip(it.until, "warning")) for it in ending[:ROWS_SHOWN]]
    return Card("Consents that end within 30 days", list_of(Speaker, consent="soon"), lines, "" if lines else "None.")


def _days(policy: RetentionPolicy) -> str:
    told = ((policy.video_days, "videos"), (policy.unused_days, "unused"), (policy.failed_days, "failed"))
    return ", ".join(f"{name} {days} d" for days, name in told if days) or "keeps everything"


CARDS: Sequence[tuple[type[Model], Callable[[], Card]]] = (
    (RenderJob, _renders),
    (Lane, _lanes),
    (RenderJob, _failures),
    (CleanupRun, _room),
    (User, _largest),
    (RetentionPolicy, _policies),
    (Speaker, _consents),
)
