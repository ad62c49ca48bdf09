"""Renders: one render's page and its live part, and the queue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from projects import access, estimates, idempotency, jobs, turns
from projects.errors import ProjectError
from projects.models import RenderJob, RenderOutput, RenderOverview
from projects.models.renders import FINAL
from projects.pages import figures, overview, story, telling
from projects.pages import turns as live_turns
from projects.pages.live import polled
from projects.pages.people import signed_in

ENDED_SHOWN = 20
LOG_LINES_SHOWN = 500
ATTEMPTS_SHOWN = 20


@require_safe
@never_cache
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One render, from waiting to the finished video."""
    return render(request, "pages/job.html", _job_context(request, access.job_for(signed_in(request), job_id)))


@require_safe
@polled
def job_live(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The part of a render's page that changes."""
    user = signed_in(request)
    context = _job_context(request, access.job_for(user, job_id))
    context |= {"live": True, "active_jobs": live_turns.live_count(user)}
    return render(request, "pages/job_live.html", context)


@require_POST
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Stop a render, which can be taken back for some seconds."""
    user = signed_in(request)
    return _answered(request, jobs.cancel_soon(job=access.editable_job_for(user, job_id), by=user))


@require_POST
def undo_cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Let it go on."""
    user = signed_in(request)
    row = access.editable_job_for(user, job_id)
    try:
        jobs.keep(job=row, by=user)
    except ProjectError as error:
        messages.error(request, error.message)
    return _answered(request, row)


@require_POST
def make_whole(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Make the whole video of which this is a draft."""
    user = signed_in(request)
    row = access.editable_job_for(user, job_id)
    key, asked = request.POST.get("once"), {"whole": str(row.pk)}
    try:
        whole, _replayed = idempotency.once(user=user, key=key, asked=asked, make=lambda: jobs.make_whole(job=row, by=user))
        return redirect("pages:job", whole.pk)
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:job", row.pk)


@require_POST
def retry(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Queue a failed or cancelled render again."""
    user = signed_in(request)
    row = access.editable_job_for(user, job_id)
    key, asked = request.POST.get("once"), {"retry": str(row.pk)}
    try:
        again, _replayed = idempotency.once(user=user, key=key, asked=asked, make=lambda: jobs.retry(job=row, by=user))
        return redirect("pages:job", again.pk)
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:job", row.pk)


@require_safe
@never_cache
def queue(request: HttpRequest) -> HttpResponse:
    """What runs, what waits, what has ended."""
    return render(request, "pages/queue.html", _queue_context(request))


@require_safe
@polled
def queue_live(request: HttpRequest) -> HttpResponse:
    """The part of the queue that changes."""
    return render(request, "pages/queue_live.html", _queue_context(request) | {"live": True})


@require_POST
def pause(request: HttpRequest) -> HttpResponse:
    """Start nothing new of mine."""
    turns.pause(user=signed_in(request))
    return redirect("pages:queue")


@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Go on with my renders."""
    turns.resume(user=signed_in(request))
    return redirect("pages:queue")


def _drawing(output: RenderOutput) -> overview.Drawing | None:
    """What happens when in a video; nothing is known of those of earlier releases."""
    found = RenderOverview.objects.filter(output=output).first()
    return overview.drawn(found.told, output.duration) if found else None


def _job_context(request: HttpRequest, row: RenderJob) -> dict[str, Any]:
    output = row.finished_output()
    estimate = estimates.of([row])[row.pk]
    attempts = list(row.history.reverse()[:ATTEMPTS_SHOWN])
    lines = list(access.log_of(signed_in(request), row.pk)[:LOG_LINES_SHOWN])
    return {
        "job": row,
        "project": row.project,
        "output": output,
        "made": row.made_output(),
        "estimate": estimate,
        "announcement": telling.announcement(row, estimate, mine=row.created_by == request.user),
        "stage_words": telling.stage_words(row.stage),
        "steps": telling.steps(row),
        "how": telling.how_words(row),
        "figures": figures.in_words(output.quality) if output else [],
        "drawing": _drawing(output) if output else None,
        "attempts": attempts,
        "log_lines": lines,
        "story": story.of(row, attempts, lines),
    }


def _queue_context(request: HttpRequest) -> dict[str, Any]:
    user = signed_in(request)
    line = turns.line()
    mine, count = live_turns.live(user, line), live_turns.live_count(user)
    ended = access.first_own_jobs_of(user, FINAL, ("-created_at", "id"), ENDED_SHOWN)
    is_paused = line.is_paused(user.pk) if mine else turns.queue_of(user).paused_at is not None
    return {"turns": mine, "ended_jobs": ended, "active_jobs": count, "more": count - len(mine), "is_paused": is_paused}


def _answered(request: HttpRequest, row: RenderJob) -> HttpResponse:
    """The live part in which the button was pressed, with the next button in focus; without htmx the page that it is on."""
    in_queue = request.POST.get("next") == "queue"
    if "HX-Request" not in request.headers:
        return redirect("pages:queue") if in_queue else redirect("pages:job", row.pk)
    context = {"live": True, "focused": row.pk}
    if in_queue:
        return render(request, "pages/queue_live.html", _queue_context(request) | context)
    user = signed_in(request)
    found = _job_context(request, access.job_for(user, row.pk)) | {"active_jobs": live_turns.live_count(user)}
    return render(request, "pages/job_live.html", found | context)
