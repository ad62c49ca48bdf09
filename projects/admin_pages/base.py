"""What the administration's classes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class ReadOnly(ModelAdmin):
    """Rows that only the platform writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False


class Kept(ReadOnly):
    """Rows that nobody removes by hand either; they go with what they belong to."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allowed only as part of removing their project, lecturer or person."""
        match = request.resolver_match
        return match is None or str(self.opts.model_name) not in str(match.url_name)
