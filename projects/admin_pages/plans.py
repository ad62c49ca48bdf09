"""Giving quota plans to people and projects, from their lists and their pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from projects import quotas
from projects.admin_pages import confirming
from projects.admin_pages.base import ModelAdmin
from projects.models import QuotaPlan
from projects.pages.people import signed_in

CHOICE_CLASSES = "panel-select"


class PlanForm(forms.Form):
    """Which plan."""

    plan = forms.ModelChoiceField(
        QuotaPlan.objects.all(),
        required=False,
        label="Quota plan",
        empty_label="none of its own: as everybody",
        widget=forms.Select(attrs={"class": CHOICE_CLASSES}),
    )


class GivesPlans(ModelAdmin):
    """People or projects that can be given a plan. given: what one and several of them are called"""

    given: tuple[str, str] = ("person", "people")
    plan_model: type[Model]

    def has_planning_permission(self, request: HttpRequest) -> bool:
        """Whether the person may give plans: who may change given ones by hand."""
        of = self.plan_model._meta
        return bool(request.user.has_perm(f"{of.app_label}.change_{of.model_name}"))

    @admin.action(description="Give a quota plan…", permissions=["planning"])
    def give_plan(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Ask for the plan, then give it to all of them."""
        count = chosen.count()
        many = f"{count} {self.given[count != 1]}"
        form = PlanForm(request.POST if confirming.is_confirmed(request) else None)
        if form.is_valid():
            plan = form.cleaned_data["plan"]
            told: dict[str, Any] = {self.given[1]: list(chosen)}
            quotas.give_plan(plan, by=signed_in(request), **told)
            self.message_user(request, f"Plan of {many}: {plan or 'as everybody'}.")
            return None
        return confirming.ask(
            self,
            request,
            title=f"Which plan for {many}?",
            explanation="It counts from now on. Nothing is deleted where more is used already; only nothing more can be added.",
            button="Give this plan",
            count=count,
            lines=chosen,
            form=form,
        )
