"""Two people ask everything of the API that its schema allows, in whatever order, about what each other has made: no fault, and
no answer that the schema does not tell of.

A few rounds of every operation in every run; SCHEMATHESIS_ROUNDS asks for more.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from typing import Any

import pytest
import requests
import schemathesis
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from requests.adapters import HTTPAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3 import HTTPResponse

from projects import accounts
from projects.models import Project, RenderBatch, RenderOutput
from tests import making

ROUNDS = int(os.environ.get("SCHEMATHESIS_ROUNDS", "3"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OFTEN = 5  # of so many ids all but one are of something that is there


@schemathesis.serializer("application/offset+octet-stream")
def piece(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A piece of a file, as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


class InThisProcess(HTTPAdapter):
    """Brings what is sent by `requests` to Django, in the test's own transaction."""

    def send(self, request: requests.PreparedRequest, **_ways: Any) -> requests.Response:  # type: ignore[override]
        """Ask, as a server would be asked."""
        client = Client(raise_request_exception=False)
        sent = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {name: value for name, value in request.headers.items() if name != "Content-Type"}
        kind = request.headers.get("Content-Type", "")
        answer = client.generic(str(request.method), request.path_url, sent, kind, headers=headers)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        raw = HTTPResponse(io.BytesIO(body), dict(answer.items()), answer.status_code, preload_content=False)
        return self.build_response(request, raw)


@pytest.fixture
def pool(output: RenderOutput, stranger: User, owner: User) -> dict[str, list[Any]]:
    """Ids by the names that they have in addresses and bodies, of the owner's things and of the stranger's."""
    job = output.job
    theirs = accounts.first_project(stranger)
    batch = RenderBatch.objects.create(project=job.project, created_by=owner, name="Course", name_pattern="{clip}")
    upload, consent = making.arriving(owner, job.project), job.clip.speaker.consents.get()
    found: dict[str, list[Any]] = {
        "project": [job.project_id, theirs.pk],
        "speaker": [job.clip.speaker_id, making.speaker(theirs).pk],
        "clip": [job.clip_id],
        "track": [job.track_id],
        "job": [job.pk],
        "batch": [batch.pk],
        "upload": [upload.pk],
        "consent": [consent.pk],
        "user": [stranger.pk, making.member(job.project, "vera", "viewer").pk],
    }
    return {name: [row if name == "user" else str(row) for row in rows] for name, rows in found.items()}


def of_the_pool(data: st.DataObject, pool: dict[str, list[Any]], values: Any) -> None:
    """Put ids of things that are there where ids stand."""
    if not isinstance(values, dict):
        return
    for name in values:
        singular = {"clips": "clip", "tracks": "track", "old": "clip", "new": "clip"}.get(name, name.removesuffix("_id"))
        if singular in pool and data.draw(st.integers(1, OFTEN)) > 1:
            chosen = data.draw(st.sampled_from(pool[singular]))
            values[name] = [chosen] if isinstance(values[name], list) else chosen


@pytest.mark.slow
def test_two_people_find_no_fault_whatever_they_ask(
    owner: User, stranger: User, project: Project, pool: dict[str, list[Any]], settings_of_django: Settings
) -> None:
    settings_of_django.API_REQUESTS_PER_MINUTE = 0
    own, other = (accounts.create_token(user=user)[0] for user in (owner, stranger))
    tokens = [own, own, own, other]
    described = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(described)
    session = requests.Session()
    session.mount("http://", InThisProcess())
    operations = [result.ok() for result in schema.get_all_operations()]
    reached, granted = Counter[str](), set[str]()

    @settings(
        max_examples=ROUNDS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        for operation in data.draw(st.permutations(operations)):
            case = data.draw(operation.as_strategy())
            of_the_pool(data, pool, case.path_parameters)
            of_the_pool(data, pool, case.body)
            token = data.draw(st.sampled_from(tokens))
            response = case.call("http://testserver", session, headers={"Authorization": f"Token {token}"})
            reached[operation.label] += 1
            if response.status_code < 300:
                granted.add(operation.label)
            case.validate_response(response, checks=CHECKS)
            told = response.json() if response.status_code in (201, 202) and response.content else {}
            kind = operation.path.removeprefix("/api/v1/").split("/")[0].removesuffix("s")
            if told.get("id"):
                pool.setdefault({"batche": "batch"}.get(kind, kind), []).append(told["id"])

    ask()
    assert len(reached) == len(operations) > 70
    assert len(granted) > len(operations) / 3


@pytest.fixture
def settings_of_django(settings: Settings) -> Settings:
    """Django's, beside hypothesis' own of the same name."""
    return settings
