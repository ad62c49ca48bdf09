"""The admin: every row can be looked at, none of the platform's own can be edited."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from projects import memberships
from projects.lanes import Wanted
from projects.models import (
    CleanupRun,
    IdempotencyKey,
    PersonPlan,
    ProjectPlan,
    QuotaPlan,
    RenderBatch,
    RenderOutput,
    RetentionPolicy,
    SetupLink,
    Status,
)
from tests import making

MODELS = list(apps.get_app_config("projects").get_models())


@pytest.fixture
def browser(administrator: User) -> Client:
    """The administrator's browser."""
    return making.browser(administrator)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_pages(browser: Client, output: RenderOutput, lane: Wanted, model: type[Model]) -> None:
    SetupLink.objects.create(token_hash="0" * 64)
    IdempotencyKey.objects.create(user=output.job.created_by, key="k", digest="0" * 64, job=output.job)
    memberships.invite(project=output.job.project, role="viewer", by=output.job.created_by)
    making.member(output.job.project, "vera", "viewer")
    plan = QuotaPlan.objects.create(name="Team")
    PersonPlan.objects.create(user=output.job.created_by, plan=plan)
    ProjectPlan.objects.create(project=output.job.project, plan=plan)
    RenderBatch.objects.create(
        project=output.job.project, created_by=output.job.created_by, name="Course", name_pattern="{clip}"
    )
    RetentionPolicy.objects.create(for_all=True)
    CleanupRun.objects.create()
    making.arriving(output.job.created_by, output.job.project)
    assert model in admin.site._registry
    name = f"admin:projects_{model._meta.model_name}"
    assert browser.get(reverse(f"{name}_changelist"), {"q": "a"}).status_code == 200
    row = model._default_manager.first()
    assert row is not None
    assert browser.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


def test_an_ordinary_person_does_not_get_in(owner_client: Client) -> None:
    assert owner_client.get("/admin/").status_code == 302


def test_a_link_shows_no_hash(browser: Client) -> None:
    row = SetupLink.objects.create(token_hash="f" * 64)
    answer = browser.get(reverse("admin:projects_setuplink_change", args=[row.pk]))
    assert "f" * 64 not in answer.content.decode()


def test_renders_are_cancelled_from_the_list(browser: Client, job: object) -> None:
    chosen = {"action": "cancel_renders", "_selected_action": [str(job.pk)]}  # type: ignore[attr-defined]
    browser.post(reverse("admin:projects_renderjob_changelist"), chosen)
    job.refresh_from_db()  # type: ignore[attr-defined]
    assert job.status == Status.CANCELLED  # type: ignore[attr-defined]
