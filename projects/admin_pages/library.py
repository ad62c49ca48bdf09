"""What a team keeps: projects with their members, lecturers with their consents, clips, voices, uploads."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import F, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from projects import audit, consents, memberships, usage
from projects.admin_pages import figures
from projects.admin_pages.base import Kept, ModelAdmin, ReadOnly, TabularInline
from projects.admin_pages.keeping import WhereFilter, WithFile
from projects.admin_pages.navigation import list_of
from projects.admin_pages.people import Usage
from projects.admin_pages.plans import GivesPlans
from projects.models import (
    AudioTrack,
    Consent,
    Invitation,
    Membership,
    Preview,
    Project,
    ProjectPlan,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Upload,
)
from projects.pages.people import signed_in

STANDINGS = {
    "valid": "valid",
    "soon": "ends within 30 days",
    "expired": "expired",
    "withdrawn": "withdrawn",
    "missing": "none on record",
}


class Members(TabularInline):
    """The people of a project besides its owner; they are changed on its page."""

    model = Membership
    fields = readonly_fields = ("user", "role", "joined_at")


class Consents(TabularInline):
    """What a lecturer agreed to; recorded and withdrawn on their page."""

    model = Consent
    fields = readonly_fields = ("given_by", "scope", "given_on", "expires_on", "withdrawn_at", "recorded_by", "note")


@admin.register(Project)
class ProjectAdmin(Usage, GivesPlans):
    """Projects, with what they use."""

    list_display = (
        *("name", "owner", "plan", "used", "binned", "limit", "share", "minutes", "waiting", "running"),
        "created_at",
    )
    list_select_related = ("owner",)
    list_filter = ("given_plan__plan",)
    search_fields = ("name", "owner__username")
    autocomplete_fields = ("owner",)
    inlines = (Members,)
    actions = ("give_plan",)
    given = ("project", "projects")
    plan_model = ProjectPlan
    by_verbs = frozenset({"added"})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        """With what they use."""
        return usage.of_projects(super().get_queryset(request))

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Another owner takes the project over, as on its page: the one before becomes an editor."""
        to = obj.owner
        if change and "owner" in form.changed_data:
            obj.owner_id = form.initial["owner"]
        super().save_model(request, obj, form, change)
        if not change:
            audit.record("project.made", obj)
        memberships.hand_over(project=obj, to=to, by=signed_in(request))


class StandingFilter(admin.SimpleListFilter):
    """How things stand with a lecturer's consent."""

    title = "consent"
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices."""
        return list(STANDINGS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those."""
        return queryset.filter(state=self.value()) if self.value() in STANDINGS else queryset


@admin.register(Speaker)
class SpeakerAdmin(ModelAdmin):
    """Lecturers, with their consents and what was made of them."""

    list_display = ("name", "project", "standing", "until", "videos", "tags", "created_at")
    list_select_related = ("project",)
    list_filter = (StandingFilter,)
    search_fields = ("name", "project__name")
    autocomplete_fields = ("project",)
    readonly_fields = ("videos",)
    inlines = (Consents,)
    recorded_as = "lecturer"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Speaker]:
        """With how things stand, and how many videos there are of each."""
        made = RenderOutput.objects.kept().filter(job__clip__speaker=OuterRef("pk")).order_by()
        counted = made.annotate(count=Func(F("pk"), function="COUNT", output_field=IntegerField())).values("count")
        rows: QuerySet[Speaker] = super().get_queryset(request)
        told: QuerySet[Speaker] = consents.with_standing(rows).annotate(video_count=Subquery(counted))
        return told

    @admin.display(description="consent", ordering="state")
    def standing(self, speaker: Any) -> str:
        """How things stand."""
        return figures.state(speaker.state, STANDINGS[speaker.state])

    @admin.display(description="until", ordering=F("until").asc(nulls_last=True))
    def until(self, speaker: Any) -> date | str:
        """The last day on which it holds, or held."""
        return speaker.until or figures.NONE

    @admin.display(description="videos", ordering="video_count")
    def videos(self, speaker: Any) -> str:
        """How many finished videos show this person."""
        where = list_of(RenderOutput, job__clip__speaker=speaker.pk, where="kept")
        return figures.link(where, f"{speaker.video_count} videos") if speaker.pk else figures.NONE

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A lecturer stays in the project in which their clips and renders are."""
        return ("project", *self.readonly_fields) if obj else self.readonly_fields


@admin.register(SpeakerClip)
class SpeakerClipAdmin(WithFile):
    """Clips."""

    list_display = ("title", "speaker", "width", "height", "frame_rate", "duration", "bytes", "where", "created_at")
    list_select_related = ("speaker",)
    search_fields = ("title", "speaker__name", "sha256")
    list_filter = (WhereFilter, "has_sound", "codec", "created_at")


@admin.register(AudioTrack)
class AudioTrackAdmin(WithFile):
    """Voices."""

    list_display = ("title", "project", "language", "duration", "bytes", "where", "created_at")
    list_select_related = ("project",)
    list_filter = (WhereFilter, "created_at")
    search_fields = ("title", "project__name", "sha256")


@admin.register(Preview)
class PreviewAdmin(ReadOnly):
    """What is made of clips to look at. One that is removed by hand is made anew."""

    list_display = ("clip", "kind", "state", "attempts", "bytes", "note", "created_at")
    list_select_related = ("clip__speaker__project",)
    search_fields = ("clip__title", "clip__speaker__name", "note")
    list_filter = ("state", "kind")

    @admin.display(description="bytes", ordering="size")
    def bytes(self, preview: Preview) -> str:
        """Of its file."""
        return figures.size(preview.size)


@admin.register(Upload)
class UploadAdmin(ReadOnly):
    """Files on their way in."""

    list_display = ("name", "kind", "owner", "project", "bytes", "offset", "state", "error_code", "created_at", "expires_at")
    list_select_related = ("owner", "project")
    search_fields = ("name", "owner__username", "project__name")
    list_filter = ("state", "kind", "error_code", "created_at")

    @admin.display(description="bytes", ordering="size")
    def bytes(self, upload: Upload) -> str:
        """Its size, when it is whole."""
        return figures.size(upload.size)


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

    list_display = ("lecturer", "given_by", "given_on", "expires_on", "withdrawn_at", "recorded_by", "note")
    list_select_related = ("speaker__project", "recorded_by")
    list_filter = (("withdrawn_at", admin.EmptyFieldListFilter), "created_at")
    exclude = ("evidence",)  # served to the project's people alone
    search_fields = ("speaker__name", "given_by", "scope")

    @admin.display(description="lecturer", ordering="speaker__name")
    def lecturer(self, consent: Consent) -> str:
        """Whose it is."""
        return f"{consent.speaker} ({consent.speaker.project})"
