"""The schema of the API: valid, without a gap that its maker complains of, every word of it explained and with an example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from projects import codes
from tests.projects.test_api_tokens import declared

METHODS = ("get", "head", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The whole of it."""
    GENERATOR_STATS.reset()
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation, with the words that name it."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield f"{method} {path}", operation


def test_it_is_openapi_3_1_and_nothing_in_it_was_guessed(schema: dict[str, Any]) -> None:
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache
    assert schema["openapi"] == "3.1.0"
    validate_schema(schema)


def test_it_has_every_method_of_every_address(schema: dict[str, Any]) -> None:
    told = [key for key, _operation in operations(schema) if not key.startswith("head")]
    assert len(told) == len(declared())


def test_every_operation_is_explained(schema: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _key, operation in operations(schema)]
    assert len(set(ids)) == len(ids)
    for key, operation in operations(schema):
        assert operation["summary"], key
        assert len(operation["description"]) > 20, key
        assert {"default"} < set(operation["responses"]), key
        for parameter in operation.get("parameters", []):
            assert parameter["in"] == "path" or parameter["description"], (key, parameter["name"])
        body = operation.get("requestBody", {}).get("content", {})
        assert all("examples" in kind for name, kind in body.items() if name == "application/json"), key


def test_every_field_is_explained_and_has_an_example(schema: dict[str, Any]) -> None:
    for name, component in schema["components"]["schemas"].items():
        for field, about in component.get("properties", {}).items():
            assert about.get("description"), (name, field)
            if "$ref" not in about and not name.endswith("Page"):
                assert "examples" in about, (name, field)


def test_what_an_operation_refuses_as_is_a_known_code(schema: dict[str, Any]) -> None:
    for _key, operation in operations(schema):
        refused = operation["description"].partition("Refuses as:")[2]
        assert {line.split("`")[1] for line in refused.splitlines() if "`" in line} <= codes.CODES.keys()


def test_it_is_served_to_whoever_is_signed_in(client: Client, owner_client: Client) -> None:
    assert client.get("/api/v1/schema/").status_code == 401
    assert owner_client.get("/api/v1/schema/").json()["info"]["title"] == "HeyGem Studio"
    page = owner_client.get("/docs/api/")
    assert "<script>" not in page.content.decode()
    assert 'data-schema="/api/v1/schema/"' in page.content.decode()
