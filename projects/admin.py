"""The administrator's view of every row. Files and final states are shown, never edited here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from projects import jobs, lanes
from projects.forms import AdminSignInForm
from projects.models import AudioTrack, JobLogLine, Lane, Project, RenderJob, RenderOutput, SetupLink, Speaker, SpeakerClip
from projects.models.lanes import LaneQuerySet

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

admin.site.site_header = "HeyGem Studio"
admin.site.site_title = "HeyGem Studio"
admin.site.login_form = AdminSignInForm


class ReadOnly(ModelAdmin):
    """Rows that only the platform writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False


@admin.register(Project)
class ProjectAdmin(ModelAdmin):
    """Projects."""

    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    autocomplete_fields = ("owner",)


@admin.register(Speaker)
class SpeakerAdmin(ModelAdmin):
    """Lecturers."""

    list_display = ("name", "project", "created_at")
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    autocomplete_fields = ("project",)


@admin.register(SpeakerClip)
class SpeakerClipAdmin(ReadOnly):
    """Clips."""

    list_display = ("title", "speaker", "width", "height", "frame_rate", "duration", "size", "created_at")
    list_select_related = ("speaker",)
    search_fields = ("title", "speaker__name", "sha256")
    list_filter = ("has_sound", "codec")
    date_hierarchy = "created_at"


@admin.register(AudioTrack)
class AudioTrackAdmin(ReadOnly):
    """Voices."""

    list_display = ("title", "project", "language", "duration", "size", "created_at")
    list_select_related = ("project",)
    search_fields = ("title", "project__name", "sha256")
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


@admin.register(RenderJob)
class RenderJobAdmin(ReadOnly):
    """Renders."""

    list_display = ("id", "clip", "track", "created_by", "status", "stage", "attempts", "error_code", "created_at")
    list_select_related = ("clip", "track", "created_by")
    list_filter = ("status", "error_code")
    search_fields = ("id", "clip__title", "track__title", "created_by__username", "error_message")
    date_hierarchy = "created_at"
    inlines = (LogLines,)
    actions = ("cancel_renders",)

    @admin.action(description="Cancel the chosen renders", permissions=["view"])
    def cancel_renders(self, request: HttpRequest, chosen: QuerySet[RenderJob]) -> None:
        """Cancel what still waits or runs."""
        for job in chosen:
            jobs.cancel(job=job)
        self.message_user(request, "Cancelled what had not ended yet.")


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


@admin.register(JobLogLine)
class JobLogLineAdmin(ReadOnly):
    """Log lines of all jobs."""

    list_display = ("at", "job_id", "level", "stage", "text")
    list_filter = ("level", "stage")
    search_fields = ("job__id", "text")


@admin.register(SetupLink)
class SetupLinkAdmin(ReadOnly):
    """One-time links: when, not what."""

    list_display = ("created_at", "used_at")
    fields = ("created_at", "used_at")
