"""Scripted engines and what they leave."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from projects import engine as engine_module
from projects import rendering
from tests.demo_take import demo_take

ENGINE = Path(__file__).with_name("scripted_engine.py")


@pytest.fixture(autouse=True)
def no_engine_left() -> Iterator[None]:
    """No process waits for the requests of another test."""
    yield
    engine_module.end_kept()


@pytest.fixture
def engine(settings: Settings, clip_file: Path) -> Callable[[str], None]:
    """Call it with the name of a script, and the next engines follow that."""

    def follow(script: str) -> None:
        settings.ENGINE_COMMAND = [sys.executable, str(ENGINE), script, str(clip_file)]

    return follow


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats and polls at a tenth of their usual pace."""
    monkeypatch.setattr(rendering, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(rendering, "PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr(rendering, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(engine_module, "FAMILY_SECONDS", 0.05)


@pytest.fixture(scope="session")
def talking_take() -> tuple[Path, Path]:
    """The synthetic take and its second voice, made once and kept for later runs."""
    take = demo_take()
    return take.clip, take.voice
