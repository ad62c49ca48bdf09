"""Tokens: what each may be used for at every address, how they end, when they were last used, and how often they may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import Client
from django.urls import Resolver404, get_resolver, resolve
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from projects import accounts
from projects.api.endpoints import Endpoint
from projects.models import ApiToken, RenderBatch, RenderJob, RenderOutput, Scope
from tests import addresses
from tests.projects.test_api import basic

METHODS = ("get", "post", "put", "patch", "delete")
ANY_TOKEN = {("account", "get")}
OPEN_TO_ALL = {("errors", "get"), ("error", "get")}
PASSWORD_NEEDED = {("tokens", "post")}
NO_ID = "00000000-0000-0000-0000-000000000000"
IDS = ("project_id", "speaker_id", "consent_id", "clip_id", "track_id", "job_id", "batch_id", "invitation_id", "upload_id")
PARTS = dict.fromkeys((*IDS, "webhook_id", "delivery_id"), NO_ID) | {"user_id": "0", "token_id": "hgs_0", "code": "no_consent"}


def script(user: User, *scopes: str) -> Client:
    """A program with a token for these."""
    token, _row = accounts.create_token(user=user, scopes=scopes)
    return Client(headers={"Authorization": f"Token {token}"})


def views() -> Iterator[tuple[str, type[Any]]]:
    """Every view of the API, by the name of its address."""
    (api,) = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "api/v1/"]
    for entry in api.url_patterns:
        yield entry.name, entry.callback.view_class


def declared() -> dict[tuple[str, str], frozenset[str]]:
    """What each method of each address is for."""
    found = {}
    for name, view in views():
        for method in METHODS:
            if issubclass(view, Endpoint) and (handler := getattr(view, method, None)) is not None:
                found[name, method] = handler.scopes
    return found


def test_every_method_says_what_a_token_needs() -> None:
    unsaid = {key for key, scopes in declared().items() if not scopes}
    assert unsaid == ANY_TOKEN | OPEN_TO_ALL | PASSWORD_NEEDED
    assert len(declared()) > 70


def test_what_reads_needs_to_read_and_what_changes_needs_more() -> None:
    for (name, method), scopes in declared().items():
        if method == "get" and scopes:
            assert scopes & {Scope.READ, Scope.MANAGE}, name
        elif (name, method) != ("batch_estimate", "post"):
            assert Scope.READ not in scopes, name


@pytest.mark.parametrize("scope", Scope.values)
def test_a_token_opens_what_its_scope_says_and_nothing_else(owner: User, scope: str) -> None:
    client, routes = script(owner, scope), {name: route for name, route, _parts in addresses.every()}
    wrong = {}
    for (name, method), enough in declared().items():
        url = addresses.address(routes[f"api:{name}"], PARTS)
        answer = getattr(client, method)(url)
        closed = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
        if closed == (not enough or scope in enough):
            wrong[name, method] = answer.status_code
    assert not wrong


def test_any_token_may_ask_what_an_address_can_do(owner: User) -> None:
    client, routes = script(owner, Scope.READ), {name: route for name, route, _parts in addresses.every()}
    told = {name: client.options(addresses.address(routes[f"api:{name}"], PARTS)) for name, _view in views()}
    assert {name: answer.status_code for name, answer in told.items() if answer.status_code not in (200, 204)} == {}
    assert told["uploads"]["Tus-Version"] == "1.0.0"
    assert "creation" in told["uploads"]["Tus-Extension"]


def test_a_token_makes_no_other(owner: User) -> None:
    assert script(owner, *Scope.values).post("/api/v1/tokens/").status_code == 401
    assert ApiToken.objects.count() == 1


def test_a_token_is_made_with_name_and_password_for_what_is_asked(client: Client, owner: User) -> None:
    body = {"name": "course", "scopes": ["render", "read"], "days": 7}
    answer = client.post("/api/v1/tokens/", body, "application/json", headers=basic("olga", "correct horse battery"))
    made = answer.json()
    assert (answer.status_code, made["name"], made["scopes"]) == (201, "course", ["read", "render"])
    row = ApiToken.objects.get()
    assert row.expires_at is not None
    assert timedelta(days=6) < row.expires_at - timezone.now() < timedelta(days=7, seconds=1)
    bearer = Client(headers={"Authorization": f"Bearer {made['token']}"})
    assert bearer.get("/api/v1/account/").json()["scopes"] == ["read", "render"]
    wrong = client.post("/api/v1/tokens/", {"scopes": []}, "application/json", headers=basic("olga", "correct horse battery"))
    assert (wrong.status_code, wrong.json()["field"]) == (400, "scopes")


def test_tokens_are_listed_without_what_they_are_and_revoked_at_once(owner: User, stranger: User) -> None:
    managing, reading = script(owner, "manage"), script(owner, "read")
    assert reading.get("/api/v1/projects/").status_code == 200
    key = ApiToken.objects.get(scopes="read").key
    rows = managing.get("/api/v1/tokens/").json()["results"]
    assert {row["id"] for row in rows} == set(ApiToken.objects.values_list("key", flat=True))
    assert all(set(row) == {"id", "name", "scopes", "created_at", "expires_at", "last_used_at"} for row in rows)
    assert script(stranger, "manage").delete(f"/api/v1/tokens/{key}/").status_code == 404
    assert managing.delete(f"/api/v1/tokens/{key}/").status_code == 204
    refused = reading.get("/api/v1/projects/")
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication_failed")
    assert refused["WWW-Authenticate"].startswith("Token")


def test_a_token_ends_in_its_time_and_is_forgotten_a_month_later(owner: User) -> None:
    token, _row = accounts.create_token(user=owner, scopes=["read"], days=7)
    client = Client(headers={"Authorization": f"Token {token}"})
    assert client.get("/api/v1/projects/").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert client.get("/api/v1/projects/").status_code == 401
        assert accounts.forget_ended_tokens() == 0
    with time_machine.travel(timezone.now() + timedelta(days=40)):
        assert accounts.forget_ended_tokens() == 1


def test_what_no_database_takes_is_asked_of_none(owner: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert authenticate(username="ol\0ga", password="long enough") is None
    for address in ("/api/v1/tokens/hgs_\0/", "/account/tokens/hgs_\0/revoke/"):
        with pytest.raises(Resolver404):
            resolve(address)


def test_an_account_that_is_closed_opens_nothing(owner: User) -> None:
    client = script(owner, "read")
    User.objects.update(is_active=False)
    assert client.get("/api/v1/projects/").status_code == 401


def test_when_it_was_last_used_is_written_only_now_and_then(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = script(owner, "read")
    assert ApiToken.objects.get().last_used_at is None
    client.get("/api/v1/account/")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(2):  # the token, and what its owner has chosen
        client.get("/api/v1/account/")
    with time_machine.travel(first + timedelta(minutes=11)):
        client.get("/api/v1/account/")
        assert ApiToken.objects.get().last_used_at > first


def test_who_asks_too_often_waits(owner: User, stranger: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    client, other = script(owner, "read"), script(stranger, "read")
    with time_machine.travel("2026-03-14T09:26:20Z", tick=False):
        ApiToken.objects.update(expires_at=None)
        assert [client.get("/api/v1/account/").status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = client.get("/api/v1/account/")
        assert (refused.json()["code"], refused["Retry-After"]) == ("throttled", "40")
        assert other.get("/api/v1/account/").status_code == 200
    with time_machine.travel("2026-03-14T09:27:00Z", tick=False):
        assert client.get("/api/v1/account/").status_code == 200


# --- polling ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def polled(job: RenderJob, owner: User) -> Mapping[str, str]:
    """What may be polled."""
    batch = RenderBatch.objects.create(project=job.project, created_by=owner, name="Course", name_pattern="{clip}")
    RenderJob.objects.update(batch=batch)
    return {"job": f"/api/v1/jobs/{job.pk}/", "batch": f"/api/v1/batches/{batch.pk}/", "queue": "/api/v1/queue/"}


@pytest.mark.parametrize("kind", ["job", "batch", "queue"])
def test_what_stands_as_it_stood_costs_one_query(
    owner: User, polled: Mapping[str, str], kind: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, url = script(owner, "read"), polled[kind]
    with time_machine.travel(timezone.now(), tick=False):
        tag = client.get(url)["ETag"]
        with django_assert_num_queries(1):
            same = client.get(url, headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
        changed = {"status": "succeeded", "finished_at": timezone.now(), "progress": 1.0}
        RenderJob.objects.update(**changed)
        other = client.get(url, headers={"If-None-Match": tag})
        assert other.status_code == 200
        assert other["ETag"] != tag
        with django_assert_num_queries(1):
            assert client.get(url, headers={"If-None-Match": other["ETag"]}).status_code == 304


def test_a_browser_polls_too(owner_client: Client, polled: Mapping[str, str]) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        tag = owner_client.get(polled["job"])["ETag"]
        assert owner_client.get(polled["job"], headers={"If-None-Match": f'"x", {tag}'}).status_code == 304
        chinese = owner_client.get(polled["job"], headers={"If-None-Match": tag, "Accept-Language": "zh-hans"})
        assert chinese.status_code == 200


@pytest.mark.parametrize("kind", ["job", "batch"])
def test_a_stranger_learns_nothing_by_polling(owner: User, stranger: User, polled: Mapping[str, str], kind: str) -> None:
    tag = script(owner, "read").get(polled[kind])["ETag"]
    answer = script(stranger, "read").get(polled[kind], headers={"If-None-Match": tag})
    assert (answer.status_code, "ETag" in answer) == (404, False)


def test_that_a_video_is_kept_from_now_on_is_news(owner: User, output: RenderOutput) -> None:
    client, url = script(owner, "read"), f"/api/v1/jobs/{output.pk}/"
    tag = client.get(url)["ETag"]
    RenderOutput.objects.update(pinned=True)
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_estimated_times_are_told_anew_after_a_while(owner: User, polled: Mapping[str, str]) -> None:
    client = script(owner, "read")
    with time_machine.travel("2026-03-14T09:26:00Z", tick=False):
        ApiToken.objects.update(expires_at=None)
        tag = client.get(polled["job"])["ETag"]
    with time_machine.travel("2026-03-14T09:26:14Z", tick=False):
        assert client.get(polled["job"], headers={"If-None-Match": tag}).status_code == 304
    with time_machine.travel("2026-03-14T09:26:15Z", tick=False):
        assert client.get(polled["job"], headers={"If-None-Match": tag}).status_code == 200
