"""Refusals of the API: one body whoever refuses, and codes that are all listed with what to do next."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation
from pytest_django import Settings

from lipsync.errors import LipsyncError
from projects import accounts, codes, library
from projects.errors import ProjectError
from projects.sentences import PLACE
from tests.projects.test_api import ERROR_FIELDS
from tests.projects.test_sentences import ELSEWHERE

FAULT_CODE_AT = 1  # after the family
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def kinds_of(base: type[Exception]) -> set[str]:
    """The names of a kind of error and of all that are made of it."""
    return {base.__name__}.union(*map(kinds_of, base.__subclasses__()))


def written(tree: ast.Module) -> Iterator[str]:
    """The codes of the errors that a source makes, where they stand in it as they are or under a name of the module."""
    errors = kinds_of(ProjectError) | kinds_of(LipsyncError)
    names = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        at = 0 if name in errors else FAULT_CODE_AT if name == "Fault" else None
        if at is None or len(node.args) <= at:
            continue
        told = node.args[at]
        code = told.value if isinstance(told, ast.Constant) else names.get(getattr(told, "id", ""))
        if isinstance(code, str):
            yield code


@cache
def made() -> frozenset[str]:
    """Every code of platform and engine."""
    roots = [Path(settings.BASE_DIR) / name for name in ("projects", "lipsync")]
    sources = [
        path for root in roots for path in root.rglob("*.py") if not ELSEWHERE.intersection(path.relative_to(root).parts)
    ]
    return frozenset(code for path in sources for code in written(ast.parse(path.read_text())))


def test_every_code_is_listed() -> None:
    assert made() - codes.CODES.keys() == set(), "list it in projects/codes.py"
    assert len(made()) > 80


@pytest.mark.parametrize("code", codes.CODES.values(), ids=lambda code: code.code)
def test_every_code_is_explained_in_both_languages(code: codes.Code) -> None:
    assert CODE.fullmatch(code.code)
    assert code.message == code.sentence
    with translation.override("zh-hans"):
        assert re.search(r"[\u4e00-\u9fff]", code.message)
        assert set(PLACE.findall(code.message)) <= set(PLACE.findall(code.sentence))


def test_the_list_of_codes_is_open_to_everybody(client: Client) -> None:
    rows = client.get("/api/v1/errors/").json()["results"]
    assert {row["code"] for row in rows} == set(codes.CODES)
    one = client.get("/api/v1/errors/no_consent/", headers={"Accept-Language": "zh-hans"}).json()
    assert (one["status"], "同意" in one["message"]) == (422, True)
    assert client.get("/api/v1/errors/no_such_code/").json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "address", "headers", "body", "status", "code"),
    [
        ("get", "nowhere/", {}, None, 404, "not_found"),
        ("get", "jobs/no-id/", {}, None, 404, "not_found"),
        ("post", "nowhere/", {}, None, 404, "not_found"),
        ("put", "jobs/", {}, None, 405, "method_not_allowed"),
        ("get", "jobs/", {"Accept": "text/html"}, None, 406, "not_acceptable"),
        ("post", "clips/", {}, ("{}", "application/json"), 415, "unsupported_media_type"),
        ("post", "jobs/", {}, ("{", "application/json"), 400, "parse_error"),
        ("post", "jobs/", {}, ("[]", "application/json"), 400, "invalid"),
        ("post", "jobs/", {}, ("[" * 100_000, "application/json"), 400, "parse_error"),
        ("post", "jobs/", {}, ('{"clip": "x"}', "application/json"), 400, "invalid"),
        ("get", "jobs/", {"Authorization": "Token hgs_wrong"}, None, 401, "authentication_failed"),
        ("get", "jobs/", {"Host": "elsewhere.example"}, None, 400, "bad_request"),
        ("post", "projects/", {}, ('{"name": " "}', "application/json"), 400, "invalid"),
    ],
)
def test_whoever_refuses_uses_the_same_body(
    owner: User, method: str, address: str, headers: dict[str, str], body: tuple[str, str] | None, status: int, code: str
) -> None:
    token, _row = accounts.create_token(user=owner)
    client = Client(headers={"Authorization": f"Token {token}"})
    answer = getattr(client, method)(f"/api/v1/{address}", *(body or ()), headers=headers)
    told = answer.json()
    assert (answer.status_code, told["code"], set(told)) == (status, code, ERROR_FIELDS)
    assert told["docs"] == f"/api/v1/errors/{code}/"
    assert client.get(told["docs"]).json()["code"] == code


def test_nobody_and_a_forged_form_get_it_too(client: Client, owner: User) -> None:
    nobody = client.get("/api/v1/jobs/")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_authenticated")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    forged = browser.post("/api/v1/projects/", {"name": "Forged"}, "application/json")
    assert (forged.status_code, forged.json()["code"]) == (403, "csrf_failed")


def test_a_file_that_is_too_large_is_refused_in_it(owner_client: Client, settings: Settings) -> None:
    settings.LARGEST_CLIP_BYTES = settings.LARGEST_TRACK_BYTES = 0
    answer = owner_client.post("/api/v1/clips/", b"x" * (2**20 + 1), "multipart/form-data")
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (413, "too_large", ERROR_FIELDS)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b'{"name": "%s"}'), ("application/x-www-form-urlencoded", b"name=%s")],
)
def test_a_body_that_is_too_large_is_refused_in_it_and_is_no_fault(
    owner: User, kind: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    token, _row = accounts.create_token(user=owner)
    client = Client(headers={"Authorization": f"Token {token}"})
    answer = client.post("/api/v1/projects/", body % (b"x" * 3 * 2**20), kind)
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (413, "body_too_large", ERROR_FIELDS)
    assert "2.5 MB" in answer.json()["message"]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_bug_is_told_in_it_without_its_words(owner_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_given: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(library, "add_project", broken)
    owner_client.raise_request_exception = False
    answer = owner_client.post("/api/v1/projects/", {"name": "Course"}, "application/json")
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (500, "server_error", ERROR_FIELDS)
    assert "swordfish" not in answer.content.decode()
