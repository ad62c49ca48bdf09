"""The library: projects, and of each its lecturers with clips, its voices and its renders."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects import access, consents, library, uploads
from projects.errors import ProjectError
from projects.forms import ClipForm, LecturerForm, ProjectForm, VoiceForm
from projects.models import Project, Speaker, SpeakerClip, UploadKind
from projects.pages.finding import ClipFinder, RenderFinder, VoiceFinder
from projects.pages.paging import page_of
from projects.pages.people import signed_in

RENDERS_SHOWN = 50
LECTURERS_SHOWN, CLIPS_SHOWN = 12, 8
VOICES_SHOWN = FOUND_SHOWN = 60


@require_http_methods(["GET", "HEAD", "POST"])
def projects(request: HttpRequest) -> HttpResponse:
    """All my projects, and a new one."""
    user = signed_in(request)
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("pages:project", library.add_project(owner=user, name=form.cleaned_data["name"]).pk)
        except ProjectError as error:
            form.add_error("name", error.message)
    context = {"form": form, "all_projects": access.projects_of(user)}
    return render(request, "pages/projects.html", context, status=422 if form.errors else 200)


@require_safe
def project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Lecturers and their clips."""
    row = access.project_for(signed_in(request), project_id)
    return render(request, "pages/lecturers.html", _lecturers(request, row))


@require_safe
@never_cache
def clip_card(request: HttpRequest, clip_id: UUID) -> HttpResponse:
    """One clip in a list, which asks for itself anew while something is being made of it."""
    user = signed_in(request)
    clip = access.clip_for(user, clip_id)
    home = access.project_for(user, clip.speaker.project_id)
    context = {
        "clip": clip,
        "project": home,
        "standing": consents.standing(clip.speaker),
        "back": clip.speaker.get_absolute_url(),
    }
    return render(request, "parts/clip.html", context)


@require_safe
def voices(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The voices of a project."""
    row = access.project_for(signed_in(request), project_id)
    return render(request, "pages/voices.html", _voices(request, row))


@require_safe
def renders(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The renders of a project."""
    user = signed_in(request)
    row = access.project_for(user, project_id)
    finder = RenderFinder(request.GET, access.clips_of(user, project=row))
    page = page_of(request, finder.found(access.jobs_of(user, project=row).finals()), RENDERS_SHOWN)
    context = {"project": row, "tab": "renders", "jobs": page, "page": page, "finder": finder}
    return render(request, "pages/project_renders.html", context)


@require_POST
def add_lecturer(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Make a lecturer."""
    row = access.editable_project_for(signed_in(request), project_id)
    form = LecturerForm(request.POST)
    if form.is_valid():
        try:
            speaker = library.find_or_add_speaker(project=row, name=form.cleaned_data["name"])
        except ProjectError as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, _("%(name)s is in the project. Add a clip next.") % {"name": speaker.name})
            return redirect("pages:project", row.pk)
    return render(request, "pages/lecturers.html", _lecturers(request, row, lecturer_form=form), status=422)


@require_POST
def add_clip(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Take in a clip of a lecturer."""
    row = access.editable_project_for(signed_in(request), project_id)
    form = ClipForm(request.POST, request.FILES)
    if form.is_valid():
        data = form.cleaned_data
        try:
            clip = uploads.add_clip(project=row, speaker=data["lecturer"], uploaded_file=data["clip_file"], title=data["title"])
        except ProjectError as error:
            form.add_error("lecturer" if error.field == "speaker" else "clip_file", error.message)
        else:
            consents.state(speaker=clip.speaker, by=signed_in(request))
            messages.success(request, _("The clip “%(title)s” is in the library.") % {"title": clip.title})
            return redirect("pages:project", row.pk)
    return render(request, "pages/lecturers.html", _lecturers(request, row, form=form), status=422)


@require_POST
def add_voice(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Take in a voice."""
    row = access.editable_project_for(signed_in(request), project_id)
    form = VoiceForm(request.POST, request.FILES)
    if form.is_valid():
        data = form.cleaned_data
        try:
            track = uploads.add_track(
                project=row, uploaded_file=data["track_file"], title=data["title"], language=data["language"]
            )
        except ProjectError as error:
            form.add_error("track_file", error.message)
        else:
            messages.success(request, _("The voice “%(title)s” is in the library.") % {"title": track.title})
            return redirect("pages:voices", row.pk)
    return render(request, "pages/voices.html", _voices(request, row, form=form), status=422)


def _lecturers(request: HttpRequest, row: Project, **forms: Any) -> dict[str, Any]:
    user = signed_in(request)
    everybody = list(access.speakers_of(user, project=row))
    finder = ClipFinder(request.GET)
    unfinished = access.uploads_of(user, project=row).unfinished().filter(kind=UploadKind.CLIP)
    context = {
        "unfinished": unfinished,
        "form": ClipForm(),
        "lecturer_form": LecturerForm(),
        "largest_clip": settings.LARGEST_CLIP_BYTES,
    }
    context |= {"project": row, "tab": "lecturers", "names": everybody, "finder": finder}
    shown = _found_clips(request, row, finder) if finder.is_used else _by_lecturer(request, everybody)
    return context | shown | forms


def _found_clips(request: HttpRequest, row: Project, finder: ClipFinder) -> dict[str, Any]:
    """Clips of whomever, as they were asked for, each with how things stand with its lecturer's consent."""
    clips = access.clips_of(signed_in(request), project=row).prefetch_related("previews", "speaker__consents")
    page = page_of(request, finder.found(clips), FOUND_SHOWN)
    return {"page": page, "found": [(clip, consents.standing(clip.speaker)) for clip in page]}


def _by_lecturer(request: HttpRequest, everybody: list[Speaker]) -> dict[str, Any]:
    """Lecturers, or those with a tag, each with the newest clips."""
    tags = sorted({tag for speaker in everybody for tag in speaker.tags}, key=str.casefold)
    wanted = request.GET.get("tag", "")
    chosen = [speaker for speaker in everybody if wanted in speaker.tags] if wanted in tags else everybody
    page = page_of(request, chosen, LECTURERS_SHOWN)
    kept = SpeakerClip.objects.kept()
    newest = Prefetch("clips", queryset=kept.prefetch_related("previews")[:CLIPS_SHOWN], to_attr="newest_clips")
    speakers = list(page.object_list)
    prefetch_related_objects(speakers, newest, "consents")
    counts = dict(kept.filter(speaker__in=speakers).order_by().values_list("speaker").annotate(count=Count("pk")))
    shown = [(speaker, consents.standing(speaker), counts.get(speaker.pk, 0)) for speaker in speakers]
    return {"tags": tags, "wanted": wanted, "page": page, "speakers": shown, "clips_shown": CLIPS_SHOWN}


def _voices(request: HttpRequest, row: Project, **forms: Any) -> dict[str, Any]:
    user = signed_in(request)
    tracks = access.tracks_of(user, project=row)
    finder = VoiceFinder(request.GET, tracks)
    page = page_of(request, finder.found(tracks), VOICES_SHOWN)
    unfinished = access.uploads_of(user, project=row).unfinished().filter(kind=UploadKind.TRACK)
    context = {"form": VoiceForm(), "largest_track": settings.LARGEST_TRACK_BYTES}
    context |= {"project": row, "tab": "voices", "tracks": page, "page": page, "finder": finder}
    return context | {"unfinished": unfinished} | forms
