"""Renders, batches, queues and lanes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from projects import jobs, lanes, turns
from projects.admin_pages.base import ModelAdmin, ReadOnly, TabularInline
from projects.models import (
    IdempotencyKey,
    JobAttempt,
    JobLogLine,
    Lane,
    RenderBatch,
    RenderJob,
    RenderOutput,
    Status,
    UserQueue,
)
from projects.models.lanes import LaneQuerySet
from projects.pages.people import signed_in


@admin.register(RenderBatch)
class RenderBatchAdmin(ReadOnly):
    """Batches."""

    list_display = ("name", "project", "created_by", "created_at")
    list_select_related = ("project", "created_by")
    search_fields = ("name", "project__name", "created_by__username")
    date_hierarchy = "created_at"


class LogLines(TabularInline):
    """The log on the job's page."""

    model = JobLogLine
    fields = readonly_fields = ("at", "level", "stage", "text")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never by hand."""
        return False


class Attempts(TabularInline):
    """The attempts on the job's page."""

    model = JobAttempt
    fields = readonly_fields = (
        *("number", "lane", "worker", "started_at", "ended_at", "outcome"),
        *("error_class", "error_code", "segments_done", "log_tail"),
    )
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never by hand."""
        return False


@admin.register(RenderJob)
class RenderJobAdmin(ReadOnly):
    """Renders."""

    list_display = ("id", "clip", "track", "created_by", "status", "stage", "priority", "attempts", "error_code", "created_at")
    list_select_related = ("clip", "track", "created_by")
    list_filter = ("status", "error_code")
    search_fields = ("id", "clip__title", "track__title", "created_by__username", "error_message")
    date_hierarchy = "created_at"
    inlines = (Attempts, LogLines)
    actions = ("cancel_renders", "put_first", "put_back")

    @admin.action(description="Cancel the chosen renders", permissions=["view"])
    def cancel_renders(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> None:
        """Cancel what still waits or runs."""
        for job in chosen:
            jobs.cancel(job=job, by=signed_in(request))
        self.message_user(request, "Cancelled what had not ended yet.")

    @admin.action(description="Put the chosen renders before everybody's", permissions=["view"])
    def put_first(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> None:
        """Serve what still waits first."""
        for job in chosen:
            turns.put_first(job=job, by=request.user)
        self.message_user(request, "What still waits is served first.")

    @admin.action(description="Put the chosen renders back in line", permissions=["view"])
    def put_back(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> None:
        """Let what was put first wait for its person's turn."""
        for job in chosen:
            turns.put_back(job=job, by=request.user)
        self.message_user(request, "What still waits is served in its turn.")


@admin.register(UserQueue)
class UserQueueAdmin(ModelAdmin):
    """People's queues: who is paused, who may have how many renders running, who was served when."""

    list_display = ("user", "paused_at", "parallel_limit", "waiting", "running", "last_served_at")
    list_select_related = ("user",)
    list_filter = (("paused_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)
    fields = ("user", "parallel_limit", "paused_at", "last_served_at")
    readonly_fields = ("paused_at", "last_served_at")
    actions = ("pause_queues", "resume_queues")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UserQueue]:
        """With how many renders wait and run."""
        waiting = Count("user__jobs", filter=Q(user__jobs__status=Status.QUEUED))
        running = Count("user__jobs", filter=Q(user__jobs__status=Status.RUNNING))
        rows: QuerySet[UserQueue] = super().get_queryset(request)
        return rows.annotate(waiting=waiting, running=running)

    @admin.display(description="waiting")
    def waiting(self, queue: Any) -> int:
        """How many renders of this person's wait."""
        return int(queue.waiting)

    @admin.display(description="running")
    def running(self, queue: Any) -> int:
        """How many renders of this person's run."""
        return int(queue.running)

    @admin.action(description="Pause the chosen queues", permissions=["change"])
    def pause_queues(self, request: HttpRequest, chosen: QuerySet[UserQueue]) -> None:
        """Start nothing new of these people's."""
        for queue in chosen:
            turns.pause(user=queue.user)
        self.message_user(request, "Paused. What runs goes on.")

    @admin.action(description="Resume the chosen queues", permissions=["change"])
    def resume_queues(self, request: HttpRequest, chosen: QuerySet[UserQueue]) -> None:
        """Go on with these people's renders."""
        for queue in chosen:
            turns.resume(user=queue.user)
        self.message_user(request, "Resumed.")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnly):
    """Keys by which scripts ask for a render only once; they go after a day."""

    list_display = ("key", "user", "job_id", "created_at")
    list_select_related = ("user",)
    search_fields = ("key", "user__username", "job__id")


@admin.register(Lane)
class LaneAdmin(ReadOnly):
    """Lanes."""

    list_display = ("name", "kind", "node", "job", "since", "seen_at", "paused_until", "pause_reason", "pid", "started_at")
    list_select_related = ("job__clip", "job__track")
    list_filter = ("kind", "node")
    search_fields = ("name", "node")
    actions = ("let_go_on",)

    @admin.action(description="Let the machines of these lanes take jobs again", permissions=["view"])
    def let_go_on(self, request: HttpRequest, chosen: LaneQuerySet) -> None:
        """End the rest of their machines before its time."""
        count = lanes.resume(chosen)
        self.message_user(request, f"{count} lanes take jobs again." if count else "None of these machines rests.")


@admin.register(RenderOutput)
class RenderOutputAdmin(ReadOnly):
    """Finished videos."""

    list_display = ("job", "width", "height", "duration", "size", "created_at")
    list_select_related = ("job__clip", "job__track")
    date_hierarchy = "created_at"


@admin.register(JobAttempt)
class JobAttemptAdmin(ReadOnly):
    """Attempts at all jobs."""

    list_display = ("job_id", "number", "lane", "worker", "started_at", "ended_at", "outcome", "error_code", "segments_done")
    list_filter = ("outcome", "error_class", "lane", "error_code")
    search_fields = ("job__id", "worker", "error_message")
    date_hierarchy = "started_at"


@admin.register(JobLogLine)
class JobLogLineAdmin(ReadOnly):
    """Log lines of all jobs."""

    list_display = ("at", "job_id", "level", "stage", "text")
    list_filter = ("level", "stage")
    search_fields = ("job__id", "text")
