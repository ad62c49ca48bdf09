"""Renders: one render's page and its live part, and the queue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from projects import access, estimates, idempotency, jobs, turns
from projects.errors import ProjectError
from projects.models import RenderJob, RenderOutput, RenderOverview
from projects.models.renders import FINAL
from projects.pages import figures, overview, telling
from projects.pages import turns as live_turns
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
@never_cache
def job_live(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The part of a render's page that changes."""
    user = signed_in(request)
    context = _job_context(request, access.job_for(user, job_id))
    context |= {"live": True, "active_jobs": live_turns.live_count(user)}
    return render(request, "pages/job_live.html", context)


@require_POST
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Stop a render."""
    user = signed_in(request)
    return _back(request, jobs.cancel(job=access.editable_job_for(user, job_id), by=user))


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
@never_cache
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
    return {
        "job": row,
        "project": row.project,
        "output": output,
        "made": row.made_output(),
        "estimate": estimate,
        "announcement": telling.announcement(row, estimate, mine=row.created_by == request.user),
        "stage_words": telling.stage_words(row.stage),
        "steps": telling.steps(row),
        "figures": figures.in_words(output.quality) if output else [],
        "drawing": _drawing(output) if output else None,
        "attempts": list(row.history.reverse()[:ATTEMPTS_SHOWN]),
        "log_lines": access.log_of(signed_in(request), row.pk)[:LOG_LINES_SHOWN],
    }


def _queue_context(request: HttpRequest) -> dict[str, Any]:
    user = signed_in(request)
    line = turns.line()
    mine, count = live_turns.live(user, line), live_turns.live_count(user)
    ended = access.first_own_jobs_of(user, FINAL, ("-created_at", "id"), ENDED_SHOWN)
    is_paused = line.is_paused(user.pk) if mine else turns.queue_of(user).paused_at is not None
    return {"turns": mine, "ended_jobs": ended, "active_jobs": count, "more": count - len(mine), "is_paused": is_paused}


def _back(request: HttpRequest, row: RenderJob) -> HttpResponse:
    if request.POST.get("next") == "queue":
        messages.info(request, _("Stopped: %(render)s") % {"render": row})
        return redirect("pages:queue")
    return redirect("pages:job", row.pk)
