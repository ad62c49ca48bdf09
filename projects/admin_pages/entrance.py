"""Who did what, and how the first account was made."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from projects import audit
from projects.admin_pages.base import ReadOnly
from projects.models import (
    AuditEntry,
    SetupLink,
)


@admin.register(SetupLink)
class SetupLinkAdmin(ReadOnly):
    """One-time links: when, not what."""

    list_display = ("created_at", "used_at")
    fields = ("created_at", "used_at")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """Who did what."""

    list_display = ("at", "actor_name", "verb", "object_name", "project_name", "address")
    list_filter = ("verb", "object_type", "at")
    search_fields = ("actor_name", "object_name", "project_name", "object_id")
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
