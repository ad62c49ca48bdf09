"""Storage: what takes the room, what is in the bin, and deleting and restoring."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from projects import access, ages, bin, quotas, retention
from projects.access import Thing
from projects.errors import ProjectError
from projects.models import Project, RenderOutput, SpeakerClip
from projects.pages import turns, undoing
from projects.pages.paging import page_of
from projects.pages.people import signed_in
from projects.pages.returning import next_of
from projects.quotas import Room

LARGEST_SHOWN = 20
BIN_SHOWN, BIN_PAGE = 100, 30  # the latest of each kind; of all of them at a time
SOON_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a bar. start, width: per cent"""

    kind: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Holding:
    """What a project holds."""

    project: Project
    room: Room
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Item:
    """A clip, a voice or a video in a list.

    goes_at: when its file goes for good, while it is in the bin; pinned: no policy takes it; may_edit: whether the person
    may delete, keep and restore it
    """

    kind: str
    title: str
    project: Project
    size: int
    created_at: datetime
    goes_at: datetime | None
    pinned: bool
    may_edit: bool
    delete_url: str
    keep_url: str
    restore_url: str
    open_url: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """Something that goes into the bin by itself. days: of the rule"""

    item: Item
    goes_at: datetime
    days: int


@require_safe
@never_cache
def storage(request: HttpRequest) -> HttpResponse:
    """What the person's projects hold, and the bin."""
    user = signed_in(request)
    homes = list(quotas.with_rooms(turns.with_live_count(access.projects_of(user), user)))
    editable = frozenset(home.pk for home in homes if home.can_edit)
    told = {home.pk: quotas.room_in(home) for home in homes}
    own, plan = [told[home.pk] for home in homes if home.owner_id == user.pk], quotas.plan_of(user)
    mine, minutes = quotas.together(own, plan.bytes_per_person), quotas.minutes_of(user, plan)
    largest_project = max((room.used for room in told.values()), default=0)
    holdings = [Holding(home, told[home.pk], _pieces(told[home.pk], largest_project)) for home in homes]
    leaving = retention.soon(homes, SOON_SHOWN)
    context = {
        "homes": homes,
        "room": mine,
        "pieces": _pieces(mine, mine.limit or mine.used),
        "minutes": minutes,
        "holdings": sorted((each for each in holdings if each.room.used), key=lambda holding: -holding.room.used),
        "soon": [Leaving(_item(going.thing, editable), going.goes_at, going.days) for going in leaving],
    }
    largest, binned = _largest_and_binned(user)
    page = page_of(request, binned, BIN_PAGE, "bin")
    context |= {"largest": [_item(thing, editable) for thing in largest]}
    context |= {"binned": [_item(thing, editable) for thing in page.object_list], "bin_page": page}
    return render(request, "pages/storage.html", context)


@require_safe
@never_cache
def by_age(request: HttpRequest) -> HttpResponse:
    """How old what the person's projects hold is: a part of the page that it asks for by itself."""
    found = ages.of_projects(
        access.projects_of(signed_in(request)).filter(owner=signed_in(request)).values_list("pk", flat=True)
    )
    most = max((age.total for age in found), default=0)
    told = [(age, _pieces(Room(age.clips, age.tracks, age.outputs, 0, 0, None), most)) for age in found]
    return render(request, "parts/ages.html", {"ages": told})


@require_POST
def delete(request: HttpRequest, kind: str, **row_id: UUID) -> HttpResponse:
    """Put something into the bin."""
    user = signed_in(request)
    thing = access.editable_kept_for(user, kind, next(iter(row_id.values())))
    back = next_of(request, reverse("pages:storage"))
    try:
        bin.put(thing, by=user)
    except ProjectError as error:
        messages.error(request, error.message)
    else:
        text = _("“%(title)s” is in the bin. It can be taken out again under Storage for seven days.")
        told, undo_url = text % {"title": bin.title_of(thing)}, reverse(f"pages:restore_{kind}", args=[thing.pk])
        undoing.tell_binned(request, told, undo_url=undo_url, back=back)
    return redirect(back)


@require_POST
def keep(request: HttpRequest, kind: str, **row_id: UUID) -> HttpResponse:
    """Keep something whatever the retention policies say; with `let_go` leave it to them again."""
    thing = access.editable_kept_for(signed_in(request), kind, next(iter(row_id.values())))
    retention.pin(thing, pinned="let_go" not in request.POST)
    return redirect(next_of(request, reverse("pages:storage")))


@require_POST
def restore(request: HttpRequest, kind: str, **row_id: UUID) -> HttpResponse:
    """Take something out of the bin."""
    thing = access.editable_binned_for(signed_in(request), kind, next(iter(row_id.values())))
    try:
        bin.restore(thing)
    except ProjectError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("“%(title)s” is back where it was.") % {"title": bin.title_of(thing)})
    return redirect(next_of(request, reverse("pages:storage")))


def _pieces(room: Room, whole: int) -> list[Piece]:
    """The bar of a room whose full length stands for `whole` bytes."""
    pieces, start = list[Piece](), 0.0
    for kind, size in (("clips", room.clips), ("voices", room.tracks), ("videos", room.outputs), ("expected", room.coming)):
        width = 100.0 * size / whole if whole else 0.0
        pieces.append(Piece(kind, start, width))
        start += width
    return pieces


def _largest_and_binned(user: User) -> tuple[list[Thing], list[Thing]]:
    """The largest things and those in the bin, the first to go first; in one query for each kind."""
    largest, binned = list[Thing](), list[Thing]()
    sources: tuple[tuple[QuerySet[Any], QuerySet[Any], tuple[str, ...]], ...] = (
        (access.clips_of(user), access.binned_clips_of(user), ("speaker__project",)),
        (access.tracks_of(user), access.binned_tracks_of(user), ("project",)),
        (access.outputs_of(user), access.binned_outputs_of(user), ("project", "job__clip", "job__track")),
    )
    for kept, lying, related in sources:
        large = kept.order_by("-size").values("pk")[:LARGEST_SHOWN]
        late = lying.order_by("-binned_at").values("pk")[:BIN_SHOWN]
        for thing in kept.model._default_manager.filter(Q(pk__in=large) | Q(pk__in=late)).order_by().select_related(*related):
            (largest if thing.is_kept else binned).append(thing)
    largest.sort(key=lambda thing: -thing.size)
    binned.sort(key=lambda thing: (thing.goes_at is None, thing.goes_at))
    return largest[:LARGEST_SHOWN], binned


def _item(thing: Thing, editable: Set[UUID]) -> Item:
    kind = next(name for name, model in bin.KINDS.items() if isinstance(thing, model))
    home = access.home_of(thing)
    if isinstance(thing, RenderOutput):
        open_url = thing.job.get_absolute_url()
    else:
        open_url = reverse("pages:project" if isinstance(thing, SpeakerClip) else "pages:voices", args=[home.pk])
    links: dict[str, Any] = {
        "delete_url": reverse(f"pages:delete_{kind}", args=[thing.pk]),
        "keep_url": reverse(f"pages:keep_{kind}", args=[thing.pk]),
        "restore_url": reverse(f"pages:restore_{kind}", args=[thing.pk]),
    }
    facts = (kind, bin.title_of(thing), home, thing.size, thing.created_at, thing.goes_at, thing.pinned, home.pk in editable)
    return Item(*facts, **links, open_url=open_url)
