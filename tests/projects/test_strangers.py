"""Every address that names a row gives a stranger 404, whatever the method. The list comes from the URLconf itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from projects import accounts
from projects.models import RenderBatch, RenderJob, RenderOutput
from tests import making

METHODS = ("get", "head", "post", "put", "patch", "delete")
NOT_A_ROW = {"token", "token_id"}  # not ids of rows in a project; the tests of accounts have them
ELSEWHERE = ("admin/",)
OPEN_PAGES = {"pages:sign_in", "pages:set_up", "pages:language"}


def patterns(entries: list[URLPattern | URLResolver], before: str = "", space: str = "") -> Iterator[tuple[str, str, set[str]]]:
    """Each address as name, route and the names of its parts."""
    for entry in entries:
        route = before + str(entry.pattern)
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, route, f"{entry.namespace}:" if entry.namespace else space)
        else:
            yield f"{space}{entry.name}", route, set(entry.pattern.converters)


ADDRESSES = list(patterns(get_resolver().url_patterns))
WITH_ROWS = [(name, route) for name, route, parts in ADDRESSES if parts - NOT_A_ROW]
WITHOUT_ROWS = [(name, route) for name, route, parts in ADDRESSES if not parts]


def address(route: str, ids: dict[str, object]) -> str:
    """The route with ids in it. A part that the test does not know fails it: add it here."""
    for part, value in ids.items():
        route = route.replace(f"<uuid:{part}>", str(value))
    assert "<" not in route, f"{route}: a new kind of id"
    return f"/{route}"


@pytest.fixture
def ids(output: RenderOutput) -> dict[str, object]:
    """One row of every kind, all the owner's."""
    job = output.job
    batch = RenderBatch.objects.create(project=job.project, created_by=job.created_by, name="Course", name_pattern="{clip}")
    return {
        "project_id": job.project_id,
        "speaker_id": job.clip.speaker_id,
        "clip_id": job.clip_id,
        "track_id": job.track_id,
        "job_id": job.pk,
        "batch_id": batch.pk,
        "upload_id": making.arriving(job.created_by, job.project).pk,
    }


def test_the_list_is_not_empty() -> None:
    assert len(WITH_ROWS) > 20


@pytest.mark.parametrize(("name", "route"), WITH_ROWS)
def test_a_stranger_finds_nothing(stranger_client: Client, ids: dict[str, object], name: str, route: str) -> None:
    before = RenderJob.objects.count()
    answers = {method: getattr(stranger_client, method)(address(route, ids)).status_code for method in METHODS}
    assert set(answers.values()) <= {404, 405}, answers
    assert 404 in answers.values()
    assert RenderJob.objects.count() == before


@pytest.mark.parametrize(("name", "route"), WITH_ROWS)
def test_an_administrator_is_a_stranger_outside_the_admin(
    administrator: object, ids: dict[str, object], name: str, route: str
) -> None:
    browser = Client()
    browser.force_login(administrator)  # type: ignore[arg-type]
    assert browser.get(address(route, ids)).status_code in (404, 405)


@pytest.mark.parametrize(("name", "route"), WITH_ROWS)
def test_a_stranger_cannot_tell_a_row_from_none(stranger_client: Client, ids: dict[str, object], name: str, route: str) -> None:
    made_up = dict.fromkeys(ids, uuid.uuid4())
    there, nowhere = (stranger_client.get(address(route, which)) for which in (ids, made_up))
    assert there.status_code == nowhere.status_code


@pytest.mark.parametrize(("name", "route"), WITH_ROWS + WITHOUT_ROWS)
def test_nobody_gets_in_without_signing_in(client: Client, ids: dict[str, object], name: str, route: str) -> None:
    if name in OPEN_PAGES:
        return
    for method in METHODS:
        answer = getattr(client, method)(address(route, ids))
        if route.startswith("api/"):
            assert answer.status_code in (401, 405), (method, answer.status_code)
        else:
            assert answer.status_code in (302, 405), (method, answer.status_code)
            assert answer.status_code == 405 or answer["Location"].startswith("/sign-in/")


def test_lists_show_a_stranger_nothing(stranger_client: Client, output: RenderOutput) -> None:
    for kind in ("speakers", "clips", "tracks", "jobs"):
        assert stranger_client.get(f"/api/v1/{kind}/").json()["results"] == []
        answer = stranger_client.get(f"/api/v1/{kind}/", {"project": str(output.job.project_id)})
        assert answer.status_code == 404


def test_a_stranger_cannot_use_the_owners_rows(stranger_client: Client, output: RenderOutput) -> None:
    job = output.job
    body = {"clip": str(job.clip_id), "track": str(job.track_id)}
    assert stranger_client.post("/api/v1/jobs/", body, content_type="application/json").status_code == 404
    body = {"project": str(job.project_id), "name": "Mine now"}
    assert stranger_client.post("/api/v1/speakers/", body, content_type="application/json").status_code == 404
    assert RenderJob.objects.count() == 1


def test_a_token_is_ended_only_by_its_owner(stranger_client: Client, owner_client: Client, owner: object) -> None:
    accounts.create_token(user=owner)  # type: ignore[arg-type]
    token_id = accounts.tokens_of(owner).get().token_key  # type: ignore[arg-type]
    assert stranger_client.post(f"/account/tokens/{token_id}/revoke/").status_code == 404
    assert accounts.tokens_of(owner).count() == 1  # type: ignore[arg-type]
    owner_client.post(f"/account/tokens/{token_id}/revoke/")
    assert accounts.tokens_of(owner).count() == 0  # type: ignore[arg-type]
