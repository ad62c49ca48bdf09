"""A studio in this process, over a line that counts what passes and fails when a test says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from pytest_django import Settings

from heygem_client import Project, Studio
from projects import accounts, rendering
from projects import engine as engine_module

ENGINE = Path(__file__).parents[1] / "projects" / "scripted_engine.py"
Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


@dataclass
class Line(httpx.BaseTransport):
    """Every request that passed, as method and path, and the faults that the next matching requests meet."""

    passed: list[tuple[str, str]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    faults: list[tuple[str, str, Fault]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = httpx.WSGITransport(app=get_wsgi_application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.passed.append((request.method, request.url.path))
        self.requests.append(request)
        for fault in self.faults:
            method, part, meets = fault
            if method == request.method and part in request.url.path:
                self.faults.remove(fault)
                return meets(request, lambda: self._server.handle_request(request))
        return self._server.handle_request(request)

    def count(self, method: str, part: str) -> int:
        """How many such requests have passed."""
        return sum(method == said and part in path for said, path in self.passed)

    def forget(self) -> None:
        """Count from here on."""
        self.passed.clear()
        self.requests.clear()


def never_arrives(_request: httpx.Request, _ask: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("refused")


def answer_is_lost(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    ask().read()
    raise httpx.ReadError("reset", request=request)


def turned_away(status: int, **headers: str) -> Fault:
    return lambda _request, _ask: httpx.Response(status, headers=headers, json={"code": "busy", "message": "Come back later."})


@pytest.fixture
def line(db: None) -> Iterator[Line]:
    """Its requests live in the test's own transaction, and must not close the database."""
    ends = (signals.request_started, signals.request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield Line()
    for signal in ends:
        signal.connect(close_old_connections)


@pytest.fixture
def token(owner: User) -> str:
    return accounts.create_token(user=owner)[0]


@pytest.fixture
def studio(line: Line, token: str) -> Iterator[Studio]:
    with Studio("http://localhost", token, transport=line, patience=30.0) as studio:
        yield studio


@pytest.fixture
def home(studio: Studio) -> Project:
    return studio.project()


@pytest.fixture
def engine(settings: Settings, clip_file: Path) -> Iterator[Callable[[str], None]]:
    """Call it with the name of a script, and the next engines follow that."""

    def follow(script: str) -> None:
        settings.ENGINE_COMMAND = [sys.executable, str(ENGINE), script, str(clip_file)]

    yield follow
    engine_module.end_kept()


@pytest.fixture
def pauses(studio: Studio) -> list[float]:
    """Time does not pass while the client rests: how long each rest would have been."""
    rested: list[float] = []
    studio.connection.rest = rested.append
    return rested


@pytest.fixture
def works_meanwhile(studio: Studio, engine: Callable[[str], None]) -> None:
    """While the client rests, a worker renders what waits."""
    engine("succeed")
    studio.connection.rest = lambda _seconds: rendering.run_next() and None
