"""The administrator's view of every row. Files and final states are shown, never edited here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from projects import audit, jobs, lanes, memberships, retention, turns
from projects.forms import AdminSignInForm
from projects.models import (
    AudioTrack,
    AuditEntry,
    CleanupRun,
    Consent,
    IdempotencyKey,
    Invitation,
    JobAttempt,
    JobLogLine,
    Lane,
    Membership,
    PersonPlan,
    Project,
    ProjectPlan,
    QuotaPlan,
    RenderBatch,
    RenderJob,
    RenderOutput,
    RetentionPolicy,
    SetupLink,
    Speaker,
    SpeakerClip,
    Status,
    Upload,
    UserQueue,
)
from projects.models.lanes import LaneQuerySet
from projects.pages.people import signed_in

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


class Members(TabularInline):
    """The people of a project besides its owner; they are changed on its page."""

    model = Membership
    fields = readonly_fields = ("user", "role", "joined_at")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never by hand."""
        return False


@admin.register(Project)
class ProjectAdmin(ModelAdmin):
    """Projects."""

    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    autocomplete_fields = ("owner",)
    inlines = (Members,)

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Another owner takes the project over, as on its page: the one before becomes an editor."""
        to = obj.owner
        if change and "owner" in form.changed_data:
            obj.owner_id = form.initial["owner"]
        super().save_model(request, obj, form, change)
        if not change:
            audit.record("project.made", obj)
        memberships.hand_over(project=obj, to=to, by=signed_in(request))


@admin.register(Speaker)
class SpeakerAdmin(ModelAdmin):
    """Lecturers."""

    list_display = ("name", "project", "tags", "created_at")
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    autocomplete_fields = ("project",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A lecturer stays in the project in which their clips and renders are."""
        return ("project",) if obj else ()


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


@admin.register(QuotaPlan)
class QuotaPlanAdmin(ModelAdmin):
    """Quota plans."""

    list_display = ("name", "is_usual", "bytes_per_person", "bytes_per_project", "minutes_per_month", "parallel_renders")
    search_fields = ("name",)


@admin.register(PersonPlan)
class PersonPlanAdmin(ModelAdmin):
    """Who was given which plan."""

    list_display = ("user", "plan")
    list_filter = ("plan",)
    list_select_related = ("user", "plan")
    search_fields = ("user__username",)
    autocomplete_fields = ("user", "plan")


@admin.register(ProjectPlan)
class ProjectPlanAdmin(ModelAdmin):
    """Which project was given which plan."""

    list_display = ("project", "plan")
    list_filter = ("plan",)
    list_select_related = ("project", "plan")
    search_fields = ("project__name",)
    autocomplete_fields = ("project", "plan")


@admin.register(RenderBatch)
class RenderBatchAdmin(ReadOnly):
    """Batches."""

    list_display = ("name", "project", "created_by", "created_at")
    list_select_related = ("project", "created_by")
    search_fields = ("name", "project__name", "created_by__username")
    date_hierarchy = "created_at"


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ModelAdmin):
    """Retention policies."""

    list_display = ("__str__", "video_days", "unused_days", "failed_days")
    list_select_related = ("project", "owner")
    search_fields = ("project__name", "owner__username")
    autocomplete_fields = ("project", "owner")


@admin.register(CleanupRun)
class CleanupRunAdmin(ReadOnly):
    """Cleanup runs, with a button for a dry run and one for a real one."""

    change_list_template = "admin/projects/cleanuprun/change_list.html"
    list_display = (
        "started_at",
        "finished_at",
        "dry_run",
        "by",
        "binned",
        "binned_size",
        "removed",
        "removed_size",
        "forgotten",
    )
    list_filter = ("dry_run",)
    list_select_related = ("by",)
    search_fields = ("by__username",)

    def get_urls(self) -> list[URLPattern]:
        """The buttons' own address before the usual ones."""
        run = path("run/", self.admin_site.admin_view(self.run), name="projects_cleanuprun_run")
        return [run, *super().get_urls()]

    def run(self, request: HttpRequest) -> HttpResponse:
        """Clean up now, or tell what would go; the run's own page says what."""
        if request.method != "POST" or not self.has_view_permission(request) or not isinstance(request.user, User):
            raise PermissionDenied
        record = retention.run(dry_run="dry_run" in request.POST, by=request.user)
        self.message_user(request, retention.in_words(record))
        return redirect("admin:projects_cleanuprun_change", record.pk)


@admin.register(Upload)
class UploadAdmin(ReadOnly):
    """Files on their way in."""

    list_display = ("name", "kind", "owner", "project", "size", "offset", "state", "error_code", "created_at", "expires_at")
    list_select_related = ("owner", "project")
    search_fields = ("name", "owner__username", "project__name")
    list_filter = ("state", "kind", "error_code")
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


@admin.register(SetupLink)
class SetupLinkAdmin(ReadOnly):
    """One-time links: when, not what."""

    list_display = ("created_at", "used_at")
    fields = ("created_at", "used_at")


class Kept(ReadOnly):
    """Rows that nobody removes by hand either; they go with what they belong to."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allowed only as part of removing their project, lecturer or person."""
        match = request.resolver_match
        return match is None or str(self.opts.model_name) not in str(match.url_name)


@admin.register(Membership)
class MembershipAdmin(Kept):
    """Who is in which project, besides its owner."""

    list_display = ("user", "project", "role", "joined_at")
    list_select_related = ("user", "project")
    list_filter = ("role",)
    search_fields = ("user__username", "project__name")


@admin.register(Invitation)
class InvitationAdmin(Kept):
    """Links that let people in: when, not what."""

    list_display = ("project", "role", "created_by", "created_at", "expires_at", "used_by", "used_at", "revoked_at")
    list_select_related = ("project", "created_by", "used_by")
    exclude = ("token_hash",)
    search_fields = ("project__name", "created_by__username")


@admin.register(Consent)
class ConsentAdmin(Kept):
    """What lecturers agreed to."""

    list_display = ("speaker", "given_by", "given_on", "expires_on", "withdrawn_at", "recorded_by", "note")
    list_select_related = ("speaker", "recorded_by")
    list_filter = (("withdrawn_at", admin.EmptyFieldListFilter),)
    exclude = ("evidence",)  # served to the project's people alone
    search_fields = ("speaker__name", "given_by", "scope")
    date_hierarchy = "created_at"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """Who did what."""

    list_display = ("at", "actor_name", "verb", "object_name", "project_name", "address")
    list_filter = ("verb", "object_type")
    search_fields = ("actor_name", "object_name", "project_name", "object_id")
    date_hierarchy = "at"
    actions = ("save_as_csv",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    @admin.action(description="Save the chosen entries as CSV", permissions=["view"])
    def save_as_csv(self, request: HttpRequest, chosen: QuerySet[AuditEntry]) -> HttpResponseBase:
        """A file for a table program."""
        lines = audit.as_csv(chosen.iterator(chunk_size=1000))
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
