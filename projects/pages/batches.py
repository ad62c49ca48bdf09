"""Batches: the grid in which one is put together, its page, and the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects import access, archives, batches, idempotency, jobs, media, presets, quotas
from projects.errors import ProjectError
from projects.forms import BatchForm
from projects.models import AudioTrack, Project, RenderBatch, RenderJob, SpeakerClip
from projects.pages import turns
from projects.pages.live import polled
from projects.pages.paging import page_of
from projects.pages.people import signed_in

BATCHES_SHOWN = 100
CLIPS_SHOWN, VOICES_SHOWN = 60, 24
REPLACEMENTS_SHOWN = 200
ROWS_SHOWN = 100
ON_THE_BOARD = (
    "clip",
    "batch",
    "cancel_requested",
    "cancels_at",
    "error_message",
    "track__title",
    "track__language",
    "track__duration",
)
SPARSE = 4  # a grid with more than so many places for each cell is shown as a list
TOKEN_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Row:
    """A clip and its cells, one for each column; None where the batch has none"""

    clip: SpeakerClip
    jobs: Sequence[RenderJob | None]

    @property
    def cells(self) -> Sequence[RenderJob]:
        """Those that there are."""
        return [job for job in self.jobs if job is not None]

    @property
    def failed(self) -> Sequence[RenderJob]:
        """Those that another clip could take over."""
        return [job for job in self.cells if job.can_retry]


@require_safe
def of_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The batches of a project."""
    user = signed_in(request)
    row = access.project_for(user, project_id)
    told = batches.counted(access.batches_of(user, project=row)[:BATCHES_SHOWN])
    return render(request, "pages/batches.html", {"project": row, "tab": "batches", "told": told})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The grid of clips and voices; take the cells that were chosen and go to the batch's page."""
    row = access.editable_project_for(signed_in(request), project_id)
    form = BatchForm(request.POST) if request.method == "POST" else BatchForm(initial={"preset": request.GET.get("preset", "")})
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("pages:batch", _made(request, row, form).pk)
        except ProjectError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    return render(request, "pages/batch_new.html", _grid(request, row, form), status=422 if form.errors else 200)


@require_POST
def estimate(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """What the chosen cells would take."""
    row = access.editable_project_for(signed_in(request), project_id)
    form = BatchForm(request.POST)
    need = batches.need(_chosen(request), form.choice() if form.is_valid() else jobs.AS_USUAL)
    left = quotas.bytes_left(row)
    context = {"project": row, "need": need, "left": left, "too_much": left is not None and need.size > left}
    return render(request, "parts/batch_need.html", context)


@require_safe
@never_cache
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """One batch, while it is made and after."""
    return render(request, "pages/batch.html", _context(request, batch_id))


@require_safe
@polled
def live(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """The part of a batch's page that changes."""
    context = _context(request, batch_id) | {"live": True, "active_jobs": turns.live_count(signed_in(request))}
    return render(request, "pages/batch_live.html", context)


@require_POST
def retry(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Run the failed ones again."""
    user = signed_in(request)
    row = access.editable_batch_for(user, batch_id)
    try:
        _tell_queued(request, batches.retry_failed(batch=row, by=user))
    except ProjectError as error:
        messages.error(request, error.message)
    return redirect("pages:batch", row.pk)


@require_POST
def replace(request: HttpRequest, batch_id: UUID, clip_id: UUID) -> HttpResponse:
    """Run the failed ones of a clip with another clip."""
    user = signed_in(request)
    row, old = access.editable_batch_for(user, batch_id), access.clip_ever_for(user, clip_id)
    new_clip = access.clip_for(user, request.POST.get("clip", ""))
    try:
        _tell_queued(request, batches.replace_clip(batch=row, old=old, new=new_clip, by=user))
    except ProjectError as error:
        messages.error(request, error.message)
    return redirect("pages:batch", row.pk)


@require_POST
def cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Stop what waits and runs."""
    row = access.editable_batch_for(signed_in(request), batch_id)
    count = batches.cancel(batch=row)
    messages.info(request, ngettext("%(count)d video was stopped.", "%(count)d videos were stopped.", count) % {"count": count})
    return redirect("pages:batch", row.pk)


@require_safe
def archive(request: HttpRequest, batch_id: UUID) -> HttpResponseBase:
    """All finished videos in one file."""
    row = access.batch_for(signed_in(request), batch_id)
    try:
        return media.serve_archive(archives.archive(row))
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:batch", row.pk)


def _made(request: HttpRequest, project: Project, form: BatchForm) -> RenderBatch:
    user, data, cells = signed_in(request), form.cleaned_data, _chosen(request)
    choice, preset = form.choice(), data["preset"].code
    asked = {"project": str(project.pk), "cells": sorted((str(clip.pk), str(track.pk)) for clip, track in cells)}
    asked |= {"name": data["name"], "name_pattern": data["name_pattern"], "preset": preset, **choice.as_dict()}
    token = request.POST.get("once")
    made, _again = idempotency.once(
        user=user,
        # Who goes back and changes the choice means another batch, though the page's token is the same.
        key=f"{token[:TOKEN_LENGTH]}:{idempotency.digest(asked)}" if token else None,
        asked=asked,
        make=lambda: batches.submit(
            project=project,
            cells=cells,
            created_by=user,
            name=data["name"],
            name_pattern=data["name_pattern"],
            choice=choice,
            preset=preset,
        ),
    )
    return made


def _chosen(request: HttpRequest) -> list[batches.Cell]:
    """The ticked cells. What is not two ids is nobody's and ends as a 404."""
    return access.cells_for(signed_in(request), _pairs(request.POST.getlist("cell")))


def _ticked_beforehand(request: HttpRequest) -> list[batches.Cell]:
    """The cells that a link ticks, as “Make a batch of this” does."""
    cells = request.GET.getlist("cell")
    return access.cells_for(signed_in(request), _pairs(cells)) if cells else []


def _pairs(cells: Sequence[str]) -> list[tuple[UUID, UUID]]:
    """The ids in `clip:voice`, of each cell."""
    parts = (cell.partition(":") for cell in cells)
    return [(access.row_id(clip_id), access.row_id(track_id)) for clip_id, _colon, track_id in parts]


def _grid(request: HttpRequest, project: Project, form: BatchForm) -> dict[str, Any]:
    user = signed_in(request)
    lecturers = access.speakers_of(user, project=project)
    clips, tracks = access.clips_of(user, project=project), access.tracks_of(user, project=project)
    lecturer = request.GET.get("lecturer", "")
    if lecturer:
        clips = clips.filter(speaker=access.speaker_for(user, lecturer))
    counts = {"more_clips": max(0, clips.count() - CLIPS_SHOWN), "more_voices": max(0, tracks.count() - VOICES_SHOWN)}
    shown_clips, shown_tracks = list(clips[:CLIPS_SHOWN]), list(tracks[:VOICES_SHOWN])
    for clip, track in _ticked_beforehand(request):
        shown_clips += [clip] if clip not in shown_clips else []
        shown_tracks += [track] if track not in shown_tracks else []
    shown_clips.sort(key=lambda clip: (clip.speaker.name, clip.title))
    shown_tracks.sort(key=_place_of_voice)
    return {
        "project": project,
        "tab": "batches",
        "form": form,
        "clips": shown_clips,
        "tracks": shown_tracks,
        "lecturers": lecturers,
        "lecturer": lecturer,
        "chosen": set(request.POST.getlist("cell") or request.GET.getlist("cell")),
        "presets": [preset for preset in presets.offered() if preset.excerpt is None],
        "usual_pattern": archives.USUAL_PATTERN,
        **counts,
    }


def _context(request: HttpRequest, batch_id: UUID) -> dict[str, Any]:
    user = signed_in(request)
    row = access.batch_for(user, batch_id)
    project = row.home
    jobs = list(batches.cells(row).select_related("track").only(*batches.TOLD, *ON_THE_BOARD))
    clips, replacements = _clips(user, row, jobs)
    tracks = sorted({job.track for job in jobs}, key=_place_of_voice)
    page = page_of(request, clips, ROWS_SHOWN)
    rows = _rows(jobs, list(page.object_list), tracks)
    progress = batches.progress_of(jobs)
    context: dict[str, Any] = {"batch": row, "project": project, "tab": "batches", "tracks": tracks, "rows": rows, "page": page}
    context |= {
        "progress": progress,
        "percent": int(progress.share * 100),
        "is_sparse": len(clips) * len(tracks) > SPARSE * len(jobs),
    }
    if any(line.failed for line in rows) and project.can_edit:
        failed = {line.clip for line in rows if line.failed}
        context |= {"replacements": replacements, "can_replace": len(failed.union(replacements)) > 1}
    return context


def _clips(user: User, batch: RenderBatch, jobs: Sequence[RenderJob]) -> tuple[list[SpeakerClip], list[SpeakerClip]]:
    """The clips of these cells, and those that could take the place of one, newest first; in one query."""
    newest = access.clips_of(user, project=batch.project).values("pk")[:REPLACEMENTS_SHOWN]
    of_cells = {job.clip_id for job in jobs}
    rows = SpeakerClip.objects.filter(Q(pk__in=newest) | Q(pk__in=of_cells)).select_related("speaker")
    found = list(rows)
    mine = sorted((clip for clip in found if clip.pk in of_cells), key=lambda clip: (clip.speaker.name, clip.title, clip.pk))
    return mine, [clip for clip in found if clip.is_kept][:REPLACEMENTS_SHOWN]


def _rows(jobs: Sequence[RenderJob], clips: Sequence[SpeakerClip], tracks: Sequence[AudioTrack]) -> list[Row]:
    by_id, by_cell = {clip.pk: clip for clip in clips}, dict[tuple[UUID, UUID], RenderJob]()
    for job in jobs:
        if job.clip_id in by_id:
            job.clip = by_id[job.clip_id]
            by_cell[job.clip_id, job.track_id] = job
    return [Row(clip, [by_cell.get((clip.pk, track.pk)) for track in tracks]) for clip in clips]


def _place_of_voice(track: AudioTrack) -> tuple[str, str, UUID]:
    return track.language, track.title, track.pk


def _tell_queued(request: HttpRequest, count: int) -> None:
    words = ngettext("%(count)d video is queued again.", "%(count)d videos are queued again.", count)
    messages.success(request, words % {"count": count}) if count else messages.info(request, _("Nothing failed here."))
