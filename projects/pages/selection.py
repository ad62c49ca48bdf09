"""Several clips, voices or videos of a project at once: what was ticked goes into the bin, is kept, or is downloaded."""

from __future__ import annotations

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
        _tell_binned(request, len(some), len(bin.put_chosen(some, by=user)))
    else:
        told = bin.consequences(some)
        going = [each.thing for each in told if not each.is_needed]
        context = {"project": project, "tab": TABS[kind], "kind": kind, "told": told, "back": back, "going": len(going)}
        context |= {"size": sum(thing.size for thing in going)}
        return render(request, "pages/selection.html", context)
    return redirect(back)


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


def _chosen(request: HttpRequest, project: Project, kind: str) -> list[Thing]:
    """What was chosen and is still there; of another project or person nothing is."""
    ids = {access.row_id(text) for text in request.POST.getlist("chosen")[:MOST_CHOSEN]}
    return access.chosen_of(signed_in(request), kind, project, ids) if ids else []


def _back(request: HttpRequest, project: Project, kind: str) -> str:
    return next_of(request, reverse(LISTS[kind], args=[project.pk]))


def _nothing_chosen(request: HttpRequest, back: str) -> HttpResponse:
    messages.info(request, _("Nothing was chosen. Tick what you mean first."))
    return redirect(back)


def _tell_binned(request: HttpRequest, count: int, binned: int) -> None:
    if binned:
        text = ngettext(
            "%(count)d is in the bin. It can be taken out again under Storage for seven days.",
            "%(count)d are in the bin. They can be taken out again under Storage for seven days.",
            binned,
        )
        messages.success(request, text % {"count": binned})
    if left := count - binned:
        text = ngettext(
            "%(count)d was left: a video that waits or is being made needs it.",
            "%(count)d were left: videos that wait or are being made need them.",
            left,
        )
        messages.warning(request, text % {"count": left})
