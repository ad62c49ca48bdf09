"""How long things are kept: retention policies, cleanup runs and their dry runs, emptying the bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from projects import bin, retention
from projects.admin_pages import confirming, figures
from projects.admin_pages.base import ModelAdmin, ReadOnly
from projects.admin_pages.navigation import list_of, page_of
from projects.models import CleanupRun, RetentionPolicy
from projects.models.kept import BIN_DAYS
from projects.pages.people import signed_in

CLEANING = "projects.change_retentionpolicy"  # who says how long things are kept may also have them taken away
DISCARDING = ("projects.delete_speakerclip", "projects.delete_audiotrack", "projects.delete_renderoutput")


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ModelAdmin):
    """Retention policies."""

    list_display = ("__str__", "video_days", "unused_days", "failed_days", "applies_to")
    list_select_related = ("project", "owner")
    search_fields = ("project__name", "owner__username")
    autocomplete_fields = ("project", "owner")
    actions = ("dry_run", "apply_now")

    @admin.display(description="projects")
    def applies_to(self, policy: RetentionPolicy) -> str:
        """Whose it is."""
        return "one" if policy.project_id else "all of an owner without one of their own" if policy.owner_id else "all others"

    @admin.action(description="Dry run", permissions=["view"])
    def dry_run(self, request: HttpRequest, chosen: QuerySet[RetentionPolicy]) -> HttpResponse:
        """Tell what each of these would take now; one leads to its run's page."""
        runs = [retention.run(policy=policy, dry_run=True, by=signed_in(request)) for policy in chosen]
        return redirect(page_of(runs[0]) if len(runs) == 1 else list_of(CleanupRun))

    @admin.action(description="Apply now…", permissions=["change"])
    def apply_now(self, request: HttpRequest, chosen: QuerySet[RetentionPolicy]) -> HttpResponse:
        """Do now what these policies say."""
        policies = list(chosen)
        if confirming.is_confirmed(request):
            runs = [retention.run(policy=policy, by=signed_in(request)) for policy in policies]
            self.message_user(request, " ".join(_told(run) for run in runs))
            return redirect(page_of(runs[0]) if len(runs) == 1 else list_of(CleanupRun))
        return ask_to_clean(self, request, policies)


@admin.register(CleanupRun)
class CleanupRunAdmin(ReadOnly):
    """Cleanup runs, with a button for a dry run and one for a real one."""

    list_before_template = "admin/cleanup_buttons.html"
    change_form_outer_before_template = None
    change_form_outer_after_template = "admin/cleanup_lines.html"
    list_display = ("started_at", "of", "kind", "by", "binned", "binned_bytes", "removed", "freed", "forgotten", "finished_at")
    list_filter = ("dry_run", "scope", "started_at")
    list_select_related = ("by", "policy__project", "policy__owner")
    search_fields = ("by__username",)
    readonly_fields = fields = ("of", "kind", "by", "started_at", "finished_at")

    def get_urls(self) -> list[URLPattern]:
        """The buttons' own addresses before the usual ones."""
        view = self.admin_site.admin_view
        own = [
            path("run/", view(self.run), name="projects_cleanuprun_run"),
            path("empty-bin/", view(self.empty_bin), name="projects_cleanuprun_empty_bin"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the buttons that this person may press."""
        return super().changelist_view(request, {**(extra_context or {}), **_rights(request)})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A run, with what it took, or would."""
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **_rights(request)})

    @admin.display(description="of", ordering="scope")
    def of(self, record: CleanupRun) -> str:
        """What it looked at."""
        if record.scope == CleanupRun.Scope.POLICY:
            return f"policy of {record.policy}" if record.policy else "a policy that is gone"
        return record.get_scope_display()

    @admin.display(description="kind", ordering="dry_run")
    def kind(self, record: CleanupRun) -> str:
        """Whether it took anything."""
        return figures.chip("dry run") if record.dry_run else figures.chip("cleaned", "good")

    @admin.display(description="bytes", ordering="binned_size")
    def binned_bytes(self, record: CleanupRun) -> str:
        """Bytes put into the bin."""
        return figures.size(record.binned_size)

    @admin.display(description="bytes freed", ordering="removed_size")
    def freed(self, record: CleanupRun) -> str:
        """Bytes removed for good."""
        return figures.size(record.removed_size)

    def run(self, request: HttpRequest) -> HttpResponse:
        """Clean up now, after a question, or tell what would go; the run's own page says what."""
        dry_run = "dry_run" in request.POST
        # Who may only look may only ask.
        may = self.has_view_permission(request) and (dry_run or request.user.has_perm(CLEANING))
        if request.method != "POST" or not may:
            raise PermissionDenied
        policy = RetentionPolicy.objects.filter(pk=request.POST["policy"]).first() if request.POST.get("policy") else None
        if not dry_run and not confirming.is_confirmed(request):
            return ask_to_clean(self, request, [policy] if policy else [])
        record = retention.run(dry_run=dry_run, by=signed_in(request), policy=policy)
        self.message_user(request, _told(record))
        return redirect(page_of(record))

    def empty_bin(self, request: HttpRequest) -> HttpResponse:
        """Remove everything in the bin for good, after a question."""
        if request.method != "POST" or not (self.has_view_permission(request) and request.user.has_perms(DISCARDING)):
            raise PermissionDenied
        if confirming.is_confirmed(request):
            record = retention.empty_bin(by=signed_in(request))
            self.message_user(request, _told(record))
            return redirect(page_of(record))
        inside = bin.contents()
        lines = (
            f"{bin.title_of(it)} · {bin.home_of(it)} · {figures.size(it.size)}" for it in bin.removing(dry_run=True, whole=True)
        )
        return confirming.ask(
            self,
            request,
            title=f"Remove {inside.files} files from the bin for good?",
            explanation=f"People can take nothing of it out again, although they were told that they have {BIN_DAYS} days.",
            button="Empty the bin",
            count=inside.files,
            size=inside.size,
            lines=lines,
            back=list_of(CleanupRun),
        )


def ask_to_clean(page: ModelAdmin, request: HttpRequest, policies: Sequence[RetentionPolicy]) -> HttpResponse:
    """The question before a run: what would go now. policies: these alone, none for everything that is due"""
    told = retention.outlook(policies, confirming.LINES_SHOWN)
    whose = f"what the policy of {' and '.join(map(str, policies))} says" if policies else "what all policies say"
    rest = "" if policies else f" What has been there for longer is removed for good: {told.removed} files now."
    return confirming.ask(
        page,
        request,
        title=f"Put {told.binned} clips, voices and videos into the bin?",
        explanation=f"This does now {whose}. It can be taken out of the bin again for {BIN_DAYS} days.{rest}",
        button="Clean up now",
        count=told.binned,
        size=told.binned_size,
        lines=(f"{bin.title_of(it.thing)} · {bin.home_of(it.thing)} · {figures.size(it.thing.size)}" for it in told.first),
        keep=("policy",),
        back=list_of(CleanupRun),
    )


def _told(record: CleanupRun) -> str:
    """What a run did, in a sentence."""
    if record.dry_run:
        return "This was a dry run: nothing has been changed."
    binned, freed = figures.size(record.binned_size), figures.size(record.removed_size)
    return f"{record.binned} put into the bin ({binned}), {record.removed} files removed for good: {freed} freed."


def _rights(request: HttpRequest) -> dict[str, bool]:
    """Which buttons a person may press."""
    return {"may_clean": request.user.has_perm(CLEANING), "may_empty": request.user.has_perms(DISCARDING)}
