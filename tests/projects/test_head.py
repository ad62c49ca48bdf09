"""HEAD: the headers of GET, and no work for a body that nobody gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.test import RequestFactory

from projects import accounts
from projects.middleware import HeadMiddleware
from projects.models import RenderOutput


def ask(method: str, path: str, token: str) -> tuple[dict[str, str], bytes]:
    """Headers and body as the web server is given them; the test client would cut the body off by itself."""
    told: dict[str, str] = {}

    def begin(status: str, headers: list[tuple[str, str]], *_more: Any) -> None:
        told.update(headers, status=status)

    environ = RequestFactory(headers={"Authorization": f"Token {token}"}).generic(method, path).environ
    answer: Any = WSGIHandler()(environ, begin)
    body = b"".join(answer)
    answer.close()
    return told, body


@pytest.mark.parametrize("path", ["/sign-in/", "/api/v1/errors/", "/api/v1/outputs/{output}/download/", "/api/v1/nowhere/"])
def test_it_has_the_length_of_what_get_would_send_and_no_body(owner: User, output: RenderOutput, path: str) -> None:
    token, _row = accounts.create_token(user=owner)
    path = path.format(output=output.pk)
    (whole, body), (told, nothing) = ask("GET", path, token), ask("HEAD", path, token)
    assert (told["status"], nothing) == (whole["status"], b"")
    assert len(body) > 0
    assert told["Content-Type"] == whole["Content-Type"]
    if path != "/sign-in/":  # which has a word of its own for each reader
        assert int(told["Content-Length"]) == len(body)


def test_nothing_is_made_for_it() -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        made.append(1)
        yield b"x"

    def view(_request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(pieces())

    answer = HeadMiddleware(view)(RequestFactory().head("/"))
    assert isinstance(answer, StreamingHttpResponse)
    assert b"".join(answer) == b""  # type: ignore[arg-type]
    assert made == []
    assert b"".join(HeadMiddleware(view)(RequestFactory().get("/"))) == b"x"  # type: ignore[arg-type, call-overload]
