"""How much is kept and how long: quota plans, retention policies, cleanup runs."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from projects import retention
from projects.admin_pages.base import ModelAdmin, ReadOnly
from projects.models import (
    CleanupRun,
    PersonPlan,
    ProjectPlan,
    QuotaPlan,
    RetentionPolicy,
)


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
        dry_run = "dry_run" in request.POST
        # Who may say how long things are kept may also have them taken away; who may only look may only ask.
        may = self.has_view_permission(request) and (dry_run or request.user.has_perm("projects.change_retentionpolicy"))
        if request.method != "POST" or not may or not isinstance(request.user, User):
            raise PermissionDenied
        record = retention.run(dry_run=dry_run, by=request.user)
        self.message_user(request, retention.in_words(record))
        return redirect("admin:projects_cleanuprun_change", record.pk)
