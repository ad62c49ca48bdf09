"""People: what they use and which plan they have, their preferences, groups, tokens and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangosUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Count, F, Field, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from projects import passwords, turns, usage
from projects.admin_pages import figures
from projects.admin_pages.base import Kept, ModelAdmin, ReadOnly
from projects.admin_pages.navigation import list_of
from projects.admin_pages.plans import GivesPlans
from projects.admin_pages.sizes import GigabytesField
from projects.models import ApiToken, PersonPlan, Preferences, ProjectPlan, QuotaPlan, RenderJob, Status, UserQueue
from projects.pages.people import signed_in

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    DjangosUsers = DjangosUserAdmin[User]
else:
    DjangosUsers = DjangosUserAdmin

for model in (User, Group):
    admin.site.unregister(model)  # theirs come without the theme
SUPERUSERS_ALONE = ("is_staff", "is_superuser", "groups", "user_permissions")


class Usage(ModelAdmin):
    """The columns of what is used."""

    @admin.display(description="used", ordering="used")
    def used(self, row: Any) -> str:
        """Bytes, as the quota counts them: kept, arriving and expected."""
        return figures.size(row.used)

    @admin.display(description="in the bin", ordering="binned")
    def binned(self, row: Any) -> str:
        """Bytes that no quota counts any more, and that are on the disk still."""
        return figures.size(row.binned)

    @admin.display(description="limit", ordering=F("limit").asc(nulls_last=True))
    def limit(self, row: Any) -> str:
        """Bytes that may be used."""
        return figures.size(row.limit)

    @admin.display(description="full", ordering=usage.SHARE)
    def share(self, row: Any) -> str:
        """Used of the limit."""
        return figures.share(row.used, row.limit)

    @admin.display(description="min this month", ordering="seconds")
    def minutes(self, row: Any) -> str:
        """Minutes of video rendered and asked for this month, and how many may be."""
        limit = getattr(row, "seconds_limit", None)
        return f"{row.seconds / 60:,.0f}" + ("" if limit is None else f" of {limit / 60:,.0f}")

    @admin.display(description="waiting", ordering="waiting")
    def waiting(self, row: Any) -> int:
        """Renders that wait."""
        return int(row.waiting)

    @admin.display(description="running", ordering="running")
    def running(self, row: Any) -> int:
        """Renders that run."""
        return int(row.running)

    @admin.display(description="plan", ordering="plan_name")
    def plan(self, row: Any) -> str:
        """The plan that counts."""
        return row.plan_name or figures.NONE


@admin.register(User)
class UserAdmin(DjangosUsers, Usage, GivesPlans):
    """People, with what they use."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    recorded_as = "account"
    plan_model = PersonPlan
    list_display = (
        *("username", "plan", "used", "binned", "limit", "share", "minutes", "waiting", "running"),
        *("is_active", "is_staff", "last_login"),
    )
    list_filter = ("is_active", "is_staff", "given_plan__plan")
    search_fields = ("username", "first_name", "last_name", "email")
    actions = ("give_plan", "pause_queues", "resume_queues", "make_password_links")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With what they use."""
        return usage.of_people(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Rights are given by superusers alone: nobody gives themselves more than they have."""
        own = tuple(super().get_readonly_fields(request, obj))
        return own if request.user.is_superuser else (*own, *SUPERUSERS_ALONE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Somebody, and with that their password, is changed by those alone who have all of their rights."""
        return super().has_change_permission(request, obj) and (obj is None or _has_all_rights_of(signed_in(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same of removing."""
        return super().has_delete_permission(request, obj) and (obj is None or _has_all_rights_of(signed_in(request), obj))

    def has_queue_permission(self, request: HttpRequest) -> bool:
        """Whether the person may hold and release queues."""
        return request.user.has_perm("projects.change_userqueue")

    @admin.action(description="Make links to new passwords", permissions=["change"])
    def make_password_links(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse:
        """A page with a link for each, shown this once: whoever has it chooses the password, of superusers too."""
        people = [person for person in chosen if person.is_active and self.has_change_permission(request, person)]
        links = [(person, passwords.hand_out_link(person, by=signed_in(request))) for person in people]
        context = {"opts": self.opts, "title": "Links to new passwords", "links": links}
        context |= self.admin_site.each_context(request)
        answer = TemplateResponse(request, "admin/password_links.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description="Pause the queue", permissions=["queue"])
    def pause_queues(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """Start nothing new of these people's."""
        for person in chosen:
            turns.pause(user=person)
        self.message_user(request, "Paused. What runs goes on.")

    @admin.action(description="Resume the queue", permissions=["queue"])
    def resume_queues(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """Go on with these people's renders."""
        for person in chosen:
            turns.resume(user=person)
        self.message_user(request, "Resumed.")


def _has_all_rights_of(asker: User, person: User) -> bool:
    """Whether the one may do all that the other may, or might once they are active again."""
    if asker.is_superuser or person.is_superuser:
        return asker.is_superuser
    theirs = Permission.objects.filter(Q(user=person) | Q(group__user=person))
    names = theirs.values_list("content_type__app_label", "codename")
    return all(asker.has_perm(f"{app}.{codename}") for app, codename in names)


@admin.register(Preferences)
class PreferencesAdmin(Kept):
    """What people have chosen for themselves."""

    list_display = ("user", "language", "time_zone", "mails", "told_until", "mailed_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = (*list_display, "room_told", "reset_asked_at")


@admin.register(Group)
class GroupAdmin(DjangosGroupAdmin, ModelAdmin):
    """Groups: rights that several people have. Superusers alone give them, as those of one person."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone: who may change a group that they are in would give themselves more."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """API tokens, each named by its first letters; removing one ends it."""

    list_display = ("key", "name", "user", "scopes", "created_at", "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("key", "name", "user__username")
    fields = list_display
    recorded_as = "token"


@admin.register(QuotaPlan)
class QuotaPlanAdmin(ModelAdmin):
    """Quota plans."""

    SIZES: ClassVar[dict[str, str]] = {
        "bytes_per_person": "Gigabytes per person",
        "bytes_per_project": "Gigabytes per project",
    }
    list_display = ("name", "is_usual", "person", "project", "minutes_per_month", "parallel_renders", "people", "projects")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuotaPlan]:
        """With how many have each."""
        people, projects = Count("people", distinct=True), Count("projects", distinct=True)
        rows: QuerySet[QuotaPlan] = super().get_queryset(request)
        return rows.annotate(people_count=people, project_count=projects)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **choices: Any) -> Any:
        """Nobody counts the noughts of twenty gigabytes."""
        if db_field.name in self.SIZES:
            return GigabytesField(label=self.SIZES[db_field.name], help_text=str(db_field.help_text))
        return super().formfield_for_dbfield(db_field, request, **choices)

    @admin.display(description="per person", ordering="bytes_per_person")
    def person(self, plan: QuotaPlan) -> str:
        """Bytes of all projects of a person."""
        return figures.size(plan.bytes_per_person)

    @admin.display(description="per project", ordering="bytes_per_project")
    def project(self, plan: QuotaPlan) -> str:
        """Bytes of a project."""
        return figures.size(plan.bytes_per_project)

    @admin.display(description="people", ordering="people_count")
    def people(self, plan: Any) -> str:
        """How many were given it."""
        return figures.link(list_of(PersonPlan, plan__id__exact=plan.pk), plan.people_count)

    @admin.display(description="projects", ordering="project_count")
    def projects(self, plan: Any) -> str:
        """How many were given it."""
        return figures.link(list_of(ProjectPlan, plan__id__exact=plan.pk), plan.project_count)


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
    recorded_as = "queue"
    actions = ("pause_queues", "resume_queues")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UserQueue]:
        """With how many renders wait and run."""
        waiting = Count("user__jobs", filter=Q(user__jobs__status=Status.QUEUED))
        running = Count("user__jobs", filter=Q(user__jobs__status=Status.RUNNING))
        rows: QuerySet[UserQueue] = super().get_queryset(request)
        return rows.annotate(waiting=waiting, running=running)

    @admin.display(description="waiting", ordering="waiting")
    def waiting(self, queue: Any) -> str:
        """How many renders of this person's wait."""
        return figures.link(list_of(RenderJob, created_by=queue.pk, status__exact=Status.QUEUED), queue.waiting)

    @admin.display(description="running", ordering="running")
    def running(self, queue: Any) -> str:
        """How many renders of this person's run."""
        return figures.link(list_of(RenderJob, created_by=queue.pk, status__exact=Status.RUNNING), queue.running)

    @admin.action(description="Pause", permissions=["change"])
    def pause_queues(self, request: HttpRequest, chosen: QuerySet[UserQueue]) -> None:
        """Start nothing new of these people's."""
        for queue in chosen:
            turns.pause(user=queue.user)
        self.message_user(request, "Paused. What runs goes on.")

    @admin.action(description="Resume", permissions=["change"])
    def resume_queues(self, request: HttpRequest, chosen: QuerySet[UserQueue]) -> None:
        """Go on with these people's renders."""
        for queue in chosen:
            turns.resume(user=queue.user)
        self.message_user(request, "Resumed.")
