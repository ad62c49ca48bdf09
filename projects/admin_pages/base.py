"""What the administration's classes have in common: the theme, the audit log, and a row's actions on its own page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from projects import audit
from projects.admin_pages.confirming import FROM_ROW
from projects.admin_pages.navigation import page_of
from projects.pages.people import signed_in

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    Themed = admin.ModelAdmin[Any]
    ThemedInline = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin as Themed
    from unfold.admin import TabularInline as ThemedInline


class ModelAdmin(Themed):
    """A list and the pages of its rows.

    What is added, changed or removed by hand goes into the audit log as `<recorded_as>.added` and so on, unless `by_verbs`
    names the deed: then the verb that does it records it.
    """

    list_per_page = 50
    list_fullwidth = True
    view_on_site = False  # an administrator is a stranger on the pages of other people's projects
    change_form_outer_before_template: str | None = "admin/row_actions.html"
    recorded_as = ""
    by_verbs: frozenset[str] = frozenset()

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Whether the person may change rows of this kind: by actions, where their page itself cannot be edited."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """The same of removing."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}"))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A row's page, with the actions that its list has."""
        actions: dict[str, Any] = self.get_actions(request) if object_id else {}
        named = [(name, label) for name, (_act, _name, label) in actions.items() if name != "delete_selected"]
        extra = {"row_actions": named, "from_row": FROM_ROW} | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, extra)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *place: Any) -> HttpResponse | None:
        """After an action that was asked for on a row's page, back to it, if it is still there."""
        answer = super().response_action(request, queryset, *place)
        if isinstance(answer, HttpResponseRedirect) and FROM_ROW in request.POST:
            row = self.get_object(request, request.POST.getlist(ACTION_CHECKBOX_NAME)[0])
            return redirect(page_of(row)) if row else answer
        return answer

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """A row was added."""
        self._record(request, "added", [obj])
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """A row was changed. message: what Django says of it; nothing when nothing was"""
        if message:
            self._record(request, "changed", [obj], what=_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Rows are about to be removed."""
        self._record(request, "removed", list(queryset))
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, deed: str, rows: list[Model], **detail: Any) -> None:
        if deed not in self.by_verbs:
            name = self.recorded_as or str(self.opts.model_name)
            audit.record_each(f"{name}.{deed}", rows, by=signed_in(request), **detail)


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


class TabularInline(ThemedInline):
    """Rows on the page of what they belong to, to look at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False


def _fields(message: Any) -> list[str]:
    """The names of the fields that were changed."""
    if isinstance(message, str):
        return [message]
    return [str(field) for part in message for what in part.values() for field in what.get("fields", [])]
