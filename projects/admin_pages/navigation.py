"""What the theme asks for by name (see UNFOLD in the settings): the menu, by task, of what the person may look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from projects.models import (
    ApiToken,
    AudioTrack,
    AuditEntry,
    CleanupRun,
    Consent,
    Event,
    IdempotencyKey,
    Invitation,
    JobAttempt,
    JobLogLine,
    Lane,
    Membership,
    PersonPlan,
    Preferences,
    Preset,
    Preview,
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
    Upload,
    UserQueue,
    WebhookDelivery,
    WebhookEndpoint,
)

# What each is called in the menu, and which of the theme's signs stands before it.
MENU: dict[str, tuple[tuple[type[Model], str, str], ...]] = {
    "People and quotas": (
        (User, "People", "group"),
        (Project, "Projects", "folder"),
        (QuotaPlan, "Quota plans", "speed"),
        (PersonPlan, "Plans of people", "badge"),
        (ProjectPlan, "Plans of projects", "assignment"),
        (Preferences, "Preferences", "tune"),
        (Group, "Groups", "groups"),
        (Membership, "Memberships", "person_add"),
        (Invitation, "Invitations", "mail"),
        (ApiToken, "API tokens", "key"),
        (WebhookEndpoint, "Webhooks", "webhook"),
        (WebhookDelivery, "Webhook messages", "outgoing_mail"),
    ),
    "Storage and cleanup": (
        (CleanupRun, "Cleanup runs", "mop"),
        (RetentionPolicy, "Retention policies", "schedule"),
        (RenderOutput, "Finished videos", "movie"),
        (Preview, "Previews", "preview"),
        (Upload, "Uploads", "upload"),
    ),
    "Renders and lanes": (
        (RenderJob, "Renders", "play_circle"),
        (RenderBatch, "Batches", "grid_on"),
        (Preset, "Presets", "tune"),
        (UserQueue, "Queues of people", "list"),
        (Lane, "Lanes", "dns"),
        (JobAttempt, "Attempts", "replay"),
        (JobLogLine, "Log lines", "notes"),
        (IdempotencyKey, "Idempotency keys", "fingerprint"),
        (Event, "Events", "campaign"),
    ),
    "Library": (
        (Speaker, "Lecturers and consents", "co_present"),
        (Consent, "Consents", "verified_user"),
        (SpeakerClip, "Clips", "videocam"),
        (AudioTrack, "Voices", "mic"),
    ),
    "Audit": (
        (AuditEntry, "Audit log", "history"),
        (SetupLink, "Set-up links", "link"),
    ),
}


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu."""
    found = [{"title": "", "items": [{"title": "Overview", "icon": "home", "link": reverse("admin:index")}]}]
    for title, entries in MENU.items():
        items = [
            {"title": name, "icon": sign, "link": list_of(model)} for model, name, sign in entries if may_view(request, model)
        ]
        if items:
            found.append({"title": title, "items": items})
    return found


def may_view(request: HttpRequest, model: type[Model]) -> bool:
    """Whether the person may look at rows of this kind."""
    return admin.site.get_model_admin(model).has_view_permission(request)


def list_of(model: type[Model], **filters: str | int) -> str:
    """The address of a list, filtered."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters or None)


def page_of(row: Model) -> str:
    """The address of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def account(_request: HttpRequest) -> list[dict[str, str]]:
    """The links under the person's name."""
    return [{"title": "Your account", "link": reverse("pages:account")}]


def icon(_request: HttpRequest) -> str:
    """Our sign."""
    return static("icon.svg")


def style(_request: HttpRequest) -> str:
    """Our colours."""
    return static("css/admin.css")
