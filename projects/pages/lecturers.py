"""One lecturer: consent, tags, clips, and the videos that were made of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from projects import access, consents, library
from projects.errors import ProjectError
from projects.forms import ConsentForm, LecturerChanges
from projects.models import Speaker
from projects.pages.paging import page_of
from projects.pages.people import signed_in

VIDEOS_SHOWN = 40
CLIPS_SHOWN = 60


@require_safe
def lecturer(request: HttpRequest, speaker_id: UUID) -> HttpResponse:
    """The lecturer's page."""
    row = access.speaker_for(signed_in(request), speaker_id)
    return render(request, "pages/lecturer.html", _context(request, row))


@require_POST
def change(request: HttpRequest, speaker_id: UUID) -> HttpResponse:
    """Take another name and other tags."""
    user = signed_in(request)
    row = access.editable_speaker_for(user, speaker_id)
    form = LecturerChanges(request.POST)
    if form.is_valid():
        try:
            library.change_speaker(speaker=row, by=user, name=form.cleaned_data["name"], tags=form.words())
        except ProjectError as error:
            form.add_error(error.field or None, error.message)
        else:
            return redirect("pages:lecturer", row.pk)
    return render(request, "pages/lecturer.html", _context(request, row, changes_form=form), status=422)


@require_POST
def record_consent(request: HttpRequest, speaker_id: UUID) -> HttpResponse:
    """Keep who agreed to what."""
    user = signed_in(request)
    row = access.editable_speaker_for(user, speaker_id)
    form = ConsentForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            consents.record(speaker=row, by=user, **form.cleaned_data)
        except ProjectError as error:
            form.add_error(error.field or None, error.message)
        else:
            messages.success(request, _("The consent of %(name)s is recorded.") % {"name": row.name})
            return redirect("pages:lecturer", row.pk)
    return render(request, "pages/lecturer.html", _context(request, row, form=form), status=422)


@require_POST
def withdraw_consent(request: HttpRequest, speaker_id: UUID) -> HttpResponse:
    """Note that the lecturer no longer agrees, and go to what was made of them."""
    user = signed_in(request)
    row = access.editable_speaker_for(user, speaker_id)
    count = len(consents.withdraw(speaker=row, by=user))
    told = [_("The consent is withdrawn: no further video of %(name)s is made.") % {"name": row.name}]
    if count:
        stopped = ngettext(
            "%(count)d waiting or running render was ended.", "%(count)d waiting or running renders were ended.", count
        )
        told.append(stopped % {"count": count})
    messages.success(request, " ".join(told))
    return redirect("pages:lecturer", row.pk)


def _context(request: HttpRequest, row: Speaker, **forms: Any) -> dict[str, Any]:
    user = signed_in(request)
    project = row.home
    videos = page_of(request, access.outputs_of(user, speaker=row), VIDEOS_SHOWN, "videos")
    consented = access.consents_of(user).select_related("recorded_by", "withdrawn_by")
    prefetch_related_objects([row], Prefetch("consents", consented))
    context = {
        "project": project,
        "tab": "lecturers",
        "speaker": row,
        "standing": consents.standing(row),
        "history": list(row.consents.all()),
        "page": page_of(
            request, access.clips_of(user, project=project).filter(speaker=row).prefetch_related("previews"), CLIPS_SHOWN
        ),
        "videos": videos,
        "form": ConsentForm(initial={"given_by": row.name, "given_on": timezone.localdate()}),
        "changes_form": LecturerChanges(initial={"name": row.name, "tags": ", ".join(row.tags)}),
    }
    return context | forms
