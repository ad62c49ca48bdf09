"""What a team keeps: projects with their members, lecturers with their consents, clips, voices, uploads."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from projects import audit, memberships
from projects.admin_pages.base import Kept, ModelAdmin, ReadOnly, TabularInline
from projects.models import (
    AudioTrack,
    Consent,
    Invitation,
    Membership,
    Project,
    Speaker,
    SpeakerClip,
    Upload,
)
from projects.pages.people import signed_in


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


@admin.register(Upload)
class UploadAdmin(ReadOnly):
    """Files on their way in."""

    list_display = ("name", "kind", "owner", "project", "size", "offset", "state", "error_code", "created_at", "expires_at")
    list_select_related = ("owner", "project")
    search_fields = ("name", "owner__username", "project__name")
    list_filter = ("state", "kind", "error_code")
    date_hierarchy = "created_at"


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
