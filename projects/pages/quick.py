"""Quick render: a video and a voice go in, a queued render comes out, on one page."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from projects import access, accounts, consents, idempotency, jobs, presets, uploads, wishes
from projects.errors import ProjectError
from projects.forms import QuickRenderForm, WishForm
from projects.models import AudioTrack, Choice, Project, RenderJob, SpeakerClip
from projects.pages.people import signed_in

TOKEN_LENGTH = 64
# What a refusal calls a part of the render, as the form calls it.
FIELDS = {"clip": "clip_file", "track": "track_file", "speaker": "lecturer", "part_start": "part_start"}


@require_http_methods(["GET", "HEAD", "POST"])
def quick_render(request: HttpRequest) -> HttpResponse:
    """Show the two places for files; take them and go to the render's page."""
    user = signed_in(request)
    if request.method == "POST":
        form = QuickRenderForm(user, request.POST, request.FILES)
        job = _started(request, form) if form.is_valid() else None
        if job:
            return redirect("pages:job", job.pk)
    else:
        form = QuickRenderForm(user, initial={"project": accounts.first_project(user), **request.GET.dict()})
    unfinished = access.uploads_of(user).unfinished()
    limits = {"largest_clip": settings.LARGEST_CLIP_BYTES, "largest_track": settings.LARGEST_TRACK_BYTES}
    context = {"form": form, "unfinished": unfinished, "presets": presets.offered(), **limits}
    return render(request, "pages/quick_render.html", context, status=422 if form.errors else 200)


@require_safe
@never_cache
def make_words(request: HttpRequest) -> HttpResponse:
    """What the button says: what pressing it makes, and how long that takes."""
    user = signed_in(request)
    form = WishForm(user, request.GET)
    is_valid = form.is_valid()
    material = form.material() if is_valid else None
    seconds = wishes.seconds_until_done(user, material, form.choice()) if material else None
    excerpt = form.choice().excerpt if is_valid else None
    context = {"seconds": seconds, "excerpt": excerpt, "whole": "whole" in request.GET}
    return render(request, "parts/make_words.html", context)


def _started(request: HttpRequest, form: QuickRenderForm) -> RenderJob | None:
    """The queued render, or None with the cause in the form. The voice goes first: the smaller file to send again."""
    user = signed_in(request)
    project = form.chosen_project() or accounts.first_project(user)
    field: str | None = "track_file"
    try:
        track = _track(form, project)
        field = "clip_file"
        clip = _clip(form, project, user)
        field = None  # both are there: what is refused now, room or minutes, is no fault of either
        choice, preset = _choice(form, clip), form.cleaned_data["preset"].code
        asked = {"clip": str(clip.pk), "track": str(track.pk), "preset": preset, **choice.as_dict()}
        token = request.POST.get("once")
        job, _again = idempotency.once(
            user=user,
            # Who goes back and changes the choice means another render, though the page's token is the same.
            key=f"{token[:TOKEN_LENGTH]}:{idempotency.digest(asked)}" if token else None,
            asked=asked,
            make=lambda: jobs.submit(project=project, clip=clip, track=track, created_by=user, choice=choice, preset=preset),
        )
        return job
    except ProjectError as error:
        form.add_error(FIELDS.get(error.field or "", field), error.message)
        return None


def _choice(form: QuickRenderForm, clip: SpeakerClip) -> Choice:
    """The place of the speaker was pointed at in the clip's still, so it holds for that moment."""
    choice = form.choice()
    return choice if choice.point_x is None else replace(choice, point_at=clip.duration * uploads.STILL_AT)


def _clip(form: QuickRenderForm, project: Project, user: User) -> SpeakerClip:
    file = form.new_clip()
    clip: SpeakerClip = (
        form.cleaned_data["clip"]
        if file is None
        else uploads.add_clip(project=project, speaker=form.cleaned_data["lecturer"], uploaded_file=file)
    )
    if form.cleaned_data["consent"]:
        consents.state(speaker=clip.speaker, by=user)
    return clip


def _track(form: QuickRenderForm, project: Project) -> AudioTrack:
    file = form.new_track()
    if file is None:
        picked: AudioTrack = form.cleaned_data["track"]
        return picked
    return uploads.add_track(project=project, uploaded_file=file, language=form.cleaned_data["language"])
