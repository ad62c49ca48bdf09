"""Several clips, voices or videos of a project at once: those ticked go into the bin and out again, are kept, or downloaded."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from projects import access, archives, bin, media, retention
from projects.access import Thing
from projects.errors import ProjectError
from projects.models import Project
from projects.pages import undoing
from projects.pages.people import signed_in
from projects.pages.returning import next_of

MOST_CHOSEN = 200
LISTS = {"clips": "pages:project", "voices": "pages:voices", "videos": "pages:project_renders"}
TABS = {"clips": "lecturers", "voices": "voices", "videos": "renders"}


@require_POST
def act(request: HttpRequest, project_id: UUID, kind: str) -> HttpResponse:
    """Keep what was chosen, or put it into the bin once it has been said what goes."""
    user = signed_in(request)
    project = access.editable_project_for(user, project_id)
    some = _chosen(request, project, kind)
    back = _back(request, project, kind)
    if not some:
        return _nothing_chosen(request, back)
    if request.POST.get("deed") == "keep":
        retention.pin_chosen(some)
        kept = ngettext("%(count)d is kept, whatever the rules say.", "%(count)d are kept, whatever the rules say.", len(some))
        messages.success(request, kept % {"count": len(some)})
    elif "sure" in request.POST:
        put = bin.put_chosen(some, by=user)
        _tell_binned(request, put, reverse(f"pages:undo_{kind}", args=[project.pk]), back)
        _tell_left(request, len(some) - len(put))
    else:
        told = bin.consequences(some)
        going = [each.thing for each in told if not each.is_needed]
        context = {"project": project, "tab": TABS[kind], "kind": kind, "told": told, "back": back, "going": len(going)}
        context |= {"size": sum(thing.size for thing in going)}
        return render(request, "pages/selection.html", context)
    return redirect(back)


@require_POST
def undo(request: HttpRequest, project_id: UUID, kind: str) -> HttpResponse:
    """Take what was put into the bin together out again."""
    user = signed_in(request)
    project = access.editable_project_for(user, project_id)
    some = _chosen(request, project, kind, binned=True)
    try:
        count = len(bin.restore_chosen(some, by=user)) if some else 0
    except ProjectError as error:
        messages.error(request, error.message)
    else:
        back = ngettext("%(count)d is back where it was.", "%(count)d are back where they were.", count) % {"count": count}
        messages.success(request, back) if count else messages.info(request, _("Nothing of that is in the bin any more."))
    return redirect(_back(request, project, kind))


@require_POST
def archive(request: HttpRequest, project_id: UUID) -> HttpResponseBase:
    """The chosen videos in one file."""
    project = access.project_for(signed_in(request), project_id)
    outputs = _chosen(request, project, "videos")
    back = _back(request, project, "videos")
    if not outputs:
        return _nothing_chosen(request, back)
    try:
        return media.serve_archive(archives.archive_of(project, [output.pk for output in outputs]))
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect(back)


def _chosen(request: HttpRequest, project: Project, kind: str, *, binned: bool = False) -> list[Thing]:
    """What was chosen and is still there, or in the bin; of another project or person nothing is."""
    ids = {access.row_id(text) for text in request.POST.getlist("chosen")[:MOST_CHOSEN]}
    return access.chosen_of(signed_in(request), kind, project, ids, binned=binned) if ids else []


def _back(request: HttpRequest, project: Project, kind: str) -> str:
    return next_of(request, reverse(LISTS[kind], args=[project.pk]))


def _nothing_chosen(request: HttpRequest, back: str) -> HttpResponse:
    messages.info(request, _("Nothing was chosen. Tick what you mean first."))
    return redirect(back)


def _tell_binned(request: HttpRequest, put: Collection[UUID], undo_url: str, back: str) -> None:
    if put:
        text = ngettext(
            "%(count)d is in the bin. It can be taken out again under Storage for seven days.",
            "%(count)d are in the bin. They can be taken out again under Storage for seven days.",
            len(put),
        )
        undoing.tell_binned(request, text % {"count": len(put)}, undo_url=undo_url, back=back, chosen=put)


def _tell_left(request: HttpRequest, left: int) -> None:
    if left:
        text = ngettext(
            "%(count)d was left: a video that waits or is being made needs it.",
            "%(count)d were left: videos that wait or are being made need them.",
            left,
        )
        messages.warning(request, text % {"count": left})
