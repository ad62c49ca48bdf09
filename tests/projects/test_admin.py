"""The administration: every row can be looked at in few queries, by whom it may, under rules that end at its door."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects import accounts, memberships, retention
from projects.admin_pages.navigation import MENU
from projects.lanes import Wanted
from projects.models import (
    AudioTrack,
    AuditEntry,
    CleanupRun,
    Consent,
    IdempotencyKey,
    JobAttempt,
    JobLogLine,
    Lane,
    PersonPlan,
    Preferences,
    Preset,
    Project,
    ProjectPlan,
    QuotaPlan,
    RenderBatch,
    RenderJob,
    RenderOutput,
    RenderOverview,
    RetentionPolicy,
    SetupLink,
    Speaker,
    SpeakerClip,
    Status,
    Upload,
    UserQueue,
)
from tests import making

MODELS = list(admin.site._registry)
QUERIES = 12
WHO_ASKS = 2  # the session and the person


@pytest.fixture
def browser(administrator: User) -> Client:
    """The administrator's browser."""
    return making.browser(administrator)


@pytest.fixture
def rows(output: RenderOutput, lane: Wanted, administrator: User) -> None:
    """A row of every kind at least, and several where a page shows what others belong to."""
    job, person, project = output.job, output.job.created_by, output.job.project
    SetupLink.objects.create(token_hash="0" * 64)
    IdempotencyKey.objects.create(user=person, key="k", digest="0" * 64, job=job)
    Group.objects.create(name="Helpers")
    making.previews(job.clip)
    memberships.invite(project=project, role="viewer", by=person)
    for name in ("vera", "viktor", "valentin"):
        making.member(project, name, "viewer")
        making.speaker(project, f"Prof. {name}")
    plan = QuotaPlan.objects.create(name="Team")
    PersonPlan.objects.create(user=person, plan=plan)
    ProjectPlan.objects.create(project=project, plan=plan)
    Preset.objects.create(code="small", name="Small", quality=26)
    RenderBatch.objects.create(project=project, created_by=person, name="Course", name_pattern="{clip}")
    RetentionPolicy.objects.create(for_all=True, video_days=9)
    RetentionPolicy.objects.create(project=project, video_days=9)
    CleanupRun.objects.create(policy=RetentionPolicy.objects.get(for_all=True), scope="policy")
    UserQueue.objects.get_or_create(user=person)
    accounts.create_token(user=person)
    Preferences.objects.create(user=person)
    making.arriving(person, project)
    making.delivery(person)
    for number in range(5):
        job.log_lines.create(text=f"line {number}")
        RenderJob.objects.create(project=project, clip=job.clip, track=job.track, created_by=person)


def staff(*rights: str, name: str = "otto") -> User:
    """Somebody who may enter, with these rights and no others."""
    user = accounts.create_user(username=name, password="correct horse battery")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return User.objects.get(pk=user.pk)


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def asked_for_each_row(asked: CaptureQueriesContext) -> list[str]:
    """The questions that were asked more than twice, with other values each time."""
    shapes = Counter(re.sub(r"'[^']*'|\b\d+\b", "?", query["sql"]) for query in asked)
    return [shape for shape, count in shapes.items() if count > 2]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)
def test_every_list_and_page_is_told_in_few_queries(browser: Client, rows: None, model: type[Model]) -> None:
    row = model._default_manager.first()
    assert row is not None
    for url in (address(model, "changelist"), address(model, "changelist") + "?q=a", address(model, "change", row.pk)):
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(url).status_code == 200
        assert len(asked) <= QUERIES + WHO_ASKS, (url, [query["sql"][:200] for query in asked])
        assert not asked_for_each_row(asked), url


def test_the_overview_tells_it_all_in_few_queries(browser: Client, rows: None, output: RenderOutput) -> None:
    Consent.objects.update(expires_on="2000-01-01", given_on="1999-01-01")
    failed = RenderJob.objects.filter(status=Status.QUEUED).first()
    assert failed is not None
    RenderJob.objects.filter(pk=failed.pk).update(
        status=Status.FAILED, error_code="no_face", error_message="None.", finished_at=output.created_at
    )
    with CaptureQueriesContext(connection) as asked:
        page = browser.get("/admin/").text
    assert len(asked) <= QUERIES, [query["sql"][:200] for query in asked]
    for told in ("cpu-1 on", "free on the disk", "olga", "no_face", "the installation", "Consents that end within 30 days"):
        assert told in page


def test_every_link_of_the_overview_leads_somewhere(browser: Client, rows: None) -> None:
    Speaker.objects.all()[0].consents.update(expires_on="2999-01-01")
    for card in browser.get("/admin/").context["cards"]:
        for url in (card.url, *(line.url for line in card.lines)):
            assert browser.get(url).status_code == 200, url


def test_every_kind_of_row_can_be_looked_at() -> None:
    packed = {RenderOverview}  # of use to the job's page alone, which unpacks it
    assert set(apps.get_app_config("projects").get_models()) - packed <= set(MODELS)


def test_everything_registered_stands_in_the_menu_once() -> None:
    listed = [model for entries in MENU.values() for model, _name, _sign in entries]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(MODELS)


# --- who sees what ----------------------------------------------------------------------------------------------------
def test_an_ordinary_person_does_not_get_in(owner_client: Client) -> None:
    assert owner_client.get("/admin/").status_code == 302


def test_staff_see_only_what_they_may(rows: None, output: RenderOutput) -> None:
    onlooker = making.browser(staff("view_renderjob"))
    page = onlooker.get("/admin/").text
    assert address(RenderJob, "changelist") in page
    assert address(User, "changelist") not in page
    assert "Who uses most" not in page
    for model in MODELS:
        status = 200 if model is RenderJob else 403
        assert onlooker.get(address(model, "changelist")).status_code == status, model
    assert onlooker.get(address(RenderJob, "change", output.job.pk)).status_code == 200
    assert "olga" not in onlooker.get("/admin/search/?s=olga").text
    assert "People" not in onlooker.get("/admin/search/?s=user").text


def test_who_may_only_look_changes_nothing(job: RenderJob, output: RenderOutput) -> None:
    waits = RenderJob.objects.create(project=job.project, clip=job.clip, track=job.track, created_by=job.created_by)
    onlooker = making.browser(staff("view_renderjob", "view_renderoutput", "view_retentionpolicy", "view_user", "view_lane"))
    for model, action, row in (
        (RenderJob, "cancel_renders", waits),
        (RenderJob, "put_first", waits),
        (RenderJob, "delete_selected", waits),
        (RenderOutput, "put_into_bin", output),
        (User, "give_plan", job.created_by),
    ):
        sent = {"action": action, "_selected_action": [str(row.pk)], "confirmed": "yes", "post": "yes"}
        onlooker.post(address(model, "changelist"), sent)
        assert action not in onlooker.get(address(model, "change", row.pk)).text
    waits.refresh_from_db()
    output.refresh_from_db()
    assert (waits.status, waits.priority, output.binned_at) == (Status.QUEUED, 0, None)
    assert not PersonPlan.objects.exists()


def test_nobody_gives_themselves_more_rights(administrator: User) -> None:
    helper = staff("view_user", "change_user", "delete_user")
    browser = making.browser(helper)
    page = browser.get(address(User, "change", helper.pk))
    form = page.context["adminform"].form
    assert not {"is_superuser", "is_staff", "groups", "user_permissions"} & set(form.fields)
    sent = {
        "username": "otto",
        "is_active": "on",
        "is_superuser": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    assert browser.post(address(User, "change", helper.pk), sent).status_code == 302
    assert not User.objects.get(pk=helper.pk).is_superuser
    password = {"password1": "another long horse", "password2": "another long horse"}
    assert browser.post(f"/admin/auth/user/{administrator.pk}/password/", password).status_code == 403
    assert browser.post(address(User, "delete", administrator.pk), {"post": "yes"}).status_code == 403
    assert User.objects.get(pk=administrator.pk).check_password("correct horse battery")


@pytest.mark.parametrize("is_active", [True, False])
def test_nobody_takes_over_an_account_with_more_rights(db: None, is_active: bool) -> None:
    helper, keeper = staff("view_user", "change_user", "delete_user"), staff("view_user", name="karla")
    group = Group.objects.create(name="Keepers")
    group.permissions.set(Permission.objects.filter(codename="delete_renderoutput"))
    keeper.groups.add(group)
    User.objects.filter(pk=keeper.pk).update(is_active=is_active)
    browser = making.browser(helper)
    password = {"password1": "another long horse", "password2": "another long horse"}
    assert browser.post(f"/admin/auth/user/{keeper.pk}/password/", password).status_code == 403
    assert browser.post(address(User, "delete", keeper.pk), {"post": "yes"}).status_code == 403
    links = browser.post(address(User, "changelist"), {"action": "make_password_links", "_selected_action": [keeper.pk]})
    assert "/password/" not in links.text
    group.permissions.clear()
    assert browser.post(f"/admin/auth/user/{keeper.pk}/password/", password).status_code == 302
    assert User.objects.get(pk=keeper.pk).check_password("another long horse")


def test_nobody_gives_the_group_that_they_are_in_more_rights(db: None) -> None:
    helper, group = staff("view_group", "add_group", "change_group", "delete_group"), Group.objects.create(name="Helpers")
    helper.groups.add(group)
    browser = making.browser(helper)
    assert browser.get(address(Group, "change", group.pk)).status_code == 200
    wanted = {"name": "Helpers", "permissions": [Permission.objects.get(codename="change_user").pk]}
    assert browser.post(address(Group, "change", group.pk), wanted).status_code == 403
    assert browser.post(address(Group, "add"), wanted | {"name": "More"}).status_code == 403
    assert browser.post(address(Group, "delete", group.pk), {"post": "yes"}).status_code == 403
    assert [(row.name, row.permissions.count()) for row in Group.objects.all()] == [("Helpers", 0)]


def test_a_link_shows_no_hash(browser: Client) -> None:
    row = SetupLink.objects.create(token_hash="f" * 64)
    assert "f" * 64 not in browser.get(address(SetupLink, "change", row.pk)).text


# --- the rules of its pages -------------------------------------------------------------------------------------------
def directives(browser: Client, url: str) -> dict[str, str]:
    told = browser.get(url).headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _space, value in (one.partition(" ") for one in told)}


@pytest.mark.parametrize("url", ["/admin/", "/admin/auth/user/", "/admin/projects/project/add/"])
def test_its_pages_may_evaluate_and_nothing_else_is_loosened(browser: Client, url: str) -> None:
    told = directives(browser, url)
    assert told["script-src"] == "'self' 'unsafe-eval'"
    assert told["style-src"] == "'self'"
    assert told["style-src-attr"] == "'unsafe-inline'"
    assert told["default-src"] == "'self'"
    assert "<style" not in browser.get(url).text


def test_the_rest_of_the_site_its_door_and_its_refusals_stay_strict(browser: Client, owner_client: Client) -> None:
    onlooker = making.browser(staff())
    for who, url in (
        (browser, "/"),
        (Client(), "/admin/login/"),
        (owner_client, "/admin/"),
        (onlooker, "/admin/auth/user/"),
        (browser, "/admin/nowhere/"),
    ):
        told = directives(who, url)
        assert "unsafe" not in " ".join(told.values()), url


def test_markup_in_names_stays_text(browser: Client, rows: None, output: RenderOutput) -> None:
    """A page that may evaluate would run what somebody writes into a name, were it taken for markup."""
    evil = '<b x-data x-init="alert(1)">'
    Project.objects.update(name=evil)
    User.objects.filter(username="olga").update(username=evil)
    QuotaPlan.objects.update(name=evil)
    RenderBatch.objects.update(name=evil)
    IdempotencyKey.objects.update(key=evil)
    Group.objects.update(name=evil)
    for speaker in Speaker.objects.all():
        Speaker.objects.filter(pk=speaker.pk).update(name=f"{evil}{speaker.pk}")
    for model in (SpeakerClip, AudioTrack):
        model.objects.update(title=evil)
    Consent.objects.update(given_by=evil, scope=evil)
    JobLogLine.objects.update(text=evil)
    JobAttempt.objects.update(worker=evil, log_tail=evil)
    Lane.objects.update(node=evil)
    Upload.objects.update(name=evil)
    record = retention.run(dry_run=True)
    record.lines = [{"title": evil, "project": evil, "size": 1, "deed": "binned", "kind": "videos", "days": 1, "since": evil}]
    record.save()
    urls = ["/admin/"]
    for model in MODELS:
        if model is AuditEntry:
            continue
        row = model._default_manager.filter(**({"pk": record.pk} if model is CleanupRun else {})).first()
        urls += [address(model, "changelist"), address(model, "change", row.pk), address(model, "delete", row.pk)]  # type: ignore[union-attr]
    evil_seen = 0
    for url in urls:
        page = browser.get(url, follow=True).text
        assert evil not in page, url
        evil_seen += "&lt;b x-data" in page
    assert evil_seen > len(urls) / 2
    for model, action in ((RenderJob, "cancel_renders"), (SpeakerClip, "put_into_bin"), (User, "give_plan")):
        chosen = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
        page = browser.post(address(model, "changelist"), {"action": action, "_selected_action": chosen}).text
        assert "No, go back" in page
        assert evil not in page


def test_people_sign_in_at_the_pages_own_door(administrator: User) -> None:
    cache.clear()
    visitor = Client()
    assert "pages/sign_in.html" in {used.name for used in visitor.get("/admin/login/").templates}
    sent = {"username": "ada", "password": "correct horse battery", "next": "/admin/projects/lane/"}
    assert visitor.post("/admin/login/", sent).headers["Location"] == "/admin/projects/lane/"


def test_a_project_of_nobodys_concern_is_not_linked_to_its_pages(browser: Client, project: Project) -> None:
    """An administrator is a stranger there: the link would lead to a 404."""
    speaker = making.speaker(project)
    assert speaker.get_absolute_url() not in browser.get(address(Speaker, "change", speaker.pk)).text
