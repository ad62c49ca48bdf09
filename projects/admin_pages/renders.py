"""Renders, batches, queues and lanes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from projects import bin, jobs, lanes, turns
from projects.admin_pages import confirming, figures
from projects.admin_pages.base import ModelAdmin, ReadOnly, TabularInline
from projects.admin_pages.dashboard import lane_state
from projects.admin_pages.keeping import WhereFilter, WithFile
from projects.models import (
    Event,
    IdempotencyKey,
    JobAttempt,
    JobLogLine,
    Lane,
    Preset,
    RenderBatch,
    RenderJob,
    RenderOutput,
)
from projects.models.lanes import LaneQuerySet
from projects.models.renders import LIVE
from projects.pages.people import signed_in

HOW = ("engine", "enhancer", "excerpt", "longer", "shorter", "codec", "quality", "speed", "denoise", "loudness")
TIMES = ("created_at", "not_before", "started_at", "finished_at")
OF_ONE_CLIP = ("part_start", "part_end", "point_x", "point_y", "point_at")


class EndedFilter(admin.SimpleListFilter):
    """When it ended."""

    title = "ended"
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices."""
        return [("day", "within 24 hours"), ("week", "within a week")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RenderJob]) -> QuerySet[RenderJob]:
        """Those."""
        spans = {"day": timedelta(days=1), "week": timedelta(days=7)}
        span = spans.get(self.value() or "")
        return queryset.filter(finished_at__gte=timezone.now() - span) if span else queryset


@admin.register(RenderBatch)
class RenderBatchAdmin(ReadOnly):
    """Batches."""

    list_display = ("name", "project", "created_by", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("project", "created_by")
    search_fields = ("name", "project__name", "created_by__username")


class LogLines(TabularInline):
    """The log on the job's page."""

    model = JobLogLine
    fields = readonly_fields = ("at", "level", "stage", "text")


class Attempts(TabularInline):
    """The attempts on the job's page."""

    model = JobAttempt
    fields = readonly_fields = (
        *("number", "lane", "worker", "started_at", "ended_at", "outcome"),
        *("error_class", "error_code", "segments_done", "log_tail"),
    )


@admin.register(RenderJob)
class RenderJobAdmin(ReadOnly):
    """Renders."""

    list_display = (
        *("title", "created_by", "project", "standing", "done", "priority", "attempts", "error_code"),
        "created_at",
    )
    fieldsets = (
        (None, {"fields": ("standing", "stage", "done", "error_code", "error_message", "error_at")}),
        ("What", {"fields": ("project", "clip", "track", "batch", "retry_of", "expected_size", "seconds")}),
        ("How", {"fields": ("preset", *HOW, *OF_ONE_CLIP)}),
        ("Queue", {"fields": ("created_by", "priority", "attempts", "crashes", "segments_done", "segments_total")}),
        ("When", {"fields": (*TIMES, "lease_until", "cancels_at", "cancel_requested")}),
    )
    readonly_fields = ("standing", "done", "created_at")
    list_select_related = ("clip", "track", "created_by", "project")
    list_filter = ("status", EndedFilter, "error_family", "error_code", "created_at")
    search_fields = ("id", "clip__title", "track__title", "created_by__username", "error_message")
    recorded_as = "job"
    inlines = (Attempts, LogLines)
    actions = ("cancel_renders", "put_first", "put_back")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Lists of people link to their renders."""
        return lookup == "created_by" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="render", ordering="clip__title")
    def title(self, job: RenderJob) -> str:
        """What is made of what."""
        return str(job)

    @admin.display(description="status", ordering="status")
    def standing(self, job: RenderJob) -> str:
        """Where it stands."""
        return figures.state(job.status, job.get_status_display())

    @admin.display(description="done", ordering="progress")
    def done(self, job: RenderJob) -> str:
        """How much of it is done."""
        return f"{job.progress:.0%}"

    @admin.action(description="Cancel…", permissions=["steer"])
    def cancel_renders(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> HttpResponse | None:
        """Cancel what still waits or runs."""
        live = chosen.filter(status__in=LIVE)
        count = live.count()
        if not count:
            self.message_user(request, "Nothing to do: these have ended already.", messages.WARNING)
            return None
        if not confirming.is_confirmed(request):
            lines = live.select_related("clip", "track", "created_by", "project")[: confirming.LINES_SHOWN]
            return confirming.ask(
                self,
                request,
                title=f"Cancel {count} render{'s' if count > 1 else ''}?",
                explanation="What runs stops within seconds and loses what is not finished; its person can try it again.",
                button="Cancel them",
                count=count,
                lines=(f"{job} · {job.created_by} · {job.project} · {job.get_status_display()}" for job in lines),
            )
        for job in live:
            jobs.cancel(job=job, by=signed_in(request))
        self.message_user(request, f"{count} cancelled.")
        return None

    @admin.action(description="Put first", permissions=["steer"])
    def put_first(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> None:
        """Serve what still waits first."""
        for job in chosen:
            turns.put_first(job=job, by=request.user)
        self.message_user(request, "What still waits is served first.")

    @admin.action(description="Put back in line", permissions=["steer"])
    def put_back(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> None:
        """Let what was put first wait for its person's turn."""
        for job in chosen:
            turns.put_back(job=job, by=request.user)
        self.message_user(request, "What still waits is served in its turn.")


@admin.register(Preset)
class PresetAdmin(ModelAdmin):
    """Presets beside the built-in ones."""

    list_display = ("name", "code", "note", *HOW, "place")
    search_fields = ("name", "code")
    fieldsets = ((None, {"fields": ("name", "code", "note", "place")}), ("How a video is made with it", {"fields": HOW}))


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnly):
    """Keys by which scripts ask for a render only once; they go after a day."""

    list_display = ("key", "user", "job_id", "created_at")
    list_select_related = ("user",)
    search_fields = ("key", "user__username", "job__id")


@admin.register(Event)
class EventAdmin(ReadOnly):
    """What happened, as scripts are told; it goes after thirty days."""

    list_display = ("id", "at", "kind", "project", "user", "object_type", "object_id")
    list_select_related = ("project", "user")
    list_filter = ("kind",)
    search_fields = ("object_id", "project__name")


@admin.register(Lane)
class LaneAdmin(ReadOnly):
    """Lanes."""

    list_display = ("name", "kind", "node", "standing", "in_hand", "since", "seen_at", "paused_until", "pause_reason", "pid")
    list_select_related = ("job__clip", "job__track")
    list_filter = ("kind", "node")
    search_fields = ("name", "node")
    actions = ("let_go_on",)

    @admin.display(description="state")
    def standing(self, lane: Lane) -> str:
        """Whether it takes renders."""
        return figures.chip(*lane_state(lane))

    @admin.display(description="has in hand")
    def in_hand(self, lane: Lane) -> str:
        """Its render."""
        return figures.row(lane.job)

    @admin.action(description="Let its machine take renders again", permissions=["steer"])
    def let_go_on(self, request: HttpRequest, chosen: LaneQuerySet) -> None:
        """End the rest of their machines before its time."""
        count = lanes.resume(chosen)
        self.message_user(request, f"{count} lanes take jobs again." if count else "None of these machines rests.")


@admin.register(RenderOutput)
class RenderOutputAdmin(WithFile):
    """Finished videos."""

    list_display = ("title", "project", "lecturer", "width", "height", "duration", "bytes", "where", "created_at")
    list_filter = (WhereFilter, "created_at")
    search_fields = ("job__clip__title", "job__track__title", "job__clip__speaker__name")
    recorded_as = "video"

    def get_queryset(self, request: HttpRequest) -> QuerySet[RenderOutput]:
        """With what the list shows of each, asked for afterwards: joining all of them before the sorting takes much longer."""
        rows: QuerySet[RenderOutput] = super().get_queryset(request)
        return rows.prefetch_related("job__clip__speaker", "job__track", "job__project")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Lists of lecturers link to what shows them."""
        return lookup == "job__clip__speaker" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="video", ordering="job__clip__title")
    def title(self, output: RenderOutput) -> str:
        """What was made of what."""
        return bin.title_of(output)

    @admin.display(description="project", ordering="job__project__name")
    def project(self, output: RenderOutput) -> str:
        """Whose it is."""
        return output.job.project.name

    @admin.display(description="lecturer", ordering="job__clip__speaker__name")
    def lecturer(self, output: RenderOutput) -> str:
        """Whom it shows."""
        return output.job.clip.speaker.name


@admin.register(JobAttempt)
class JobAttemptAdmin(ReadOnly):
    """Attempts at all jobs."""

    list_display = ("job_id", "number", "lane", "worker", "started_at", "ended_at", "outcome", "error_code", "segments_done")
    list_filter = ("outcome", "error_class", "lane", "error_code", "started_at")
    search_fields = ("job__id", "worker", "error_message")


@admin.register(JobLogLine)
class JobLogLineAdmin(ReadOnly):
    """Log lines of all jobs."""

    list_display = ("at", "job_id", "level", "stage", "text")
    list_filter = ("level", "stage")
    search_fields = ("job__id", "text")
