"""A connection that brings a part of what it announced, and then nothing more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory

BEGUN, ANNOUNCED = b"username=olga", 1000


@pytest.fixture
def silent() -> Iterator[tuple[socket.socket, threading.Event]]:
    """The server's end of one, and whether the other end was closed in the end, so that no test waits for ever."""
    here, there = socket.socketpair()
    there.sendall(BEGUN)
    closed = threading.Event()

    def close() -> None:
        closed.set()
        there.close()

    last = threading.Timer(10, close)
    last.start()
    yield here, closed
    last.cancel()
    for end in (here, there):
        end.close()


@pytest.mark.django_db
def test_it_is_given_up(silent: tuple[socket.socket, threading.Event], monkeypatch: pytest.MonkeyPatch) -> None:
    from heygem_site import wsgi  # it looks for the folder of static files at once

    monkeypatch.setattr(wsgi, "SILENCE_SECONDS", 0.05)
    line, closed = silent
    kind = "application/x-www-form-urlencoded"
    request = RequestFactory().post("/sign-in/", BEGUN, content_type=kind, headers={"cookie": f"csrftoken={'a' * 32}"})
    told = {"CONTENT_LENGTH": str(ANNOUNCED), "wsgi.input": line.makefile("rb"), "gunicorn.socket": line}
    answered: list[str] = []

    def start(status: str, _headers: Any) -> None:
        answered.append(status)

    b"".join(wsgi.application({**request.environ, **told}, start))
    assert answered == ["403 Forbidden"]
    assert not closed.is_set()
    assert line.gettimeout() is None  # the answer may take its time
