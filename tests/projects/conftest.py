"""Scripted engines and what they leave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

BASE_DIR = Path(__file__).parents[2]
ENGINE = Path(__file__).with_name("scripted_engine.py")


@pytest.fixture
def engine(settings: Settings, clip_file: Path) -> Callable[[str], None]:
    """Call it with the name of a script, and the next engines follow that."""

    def follow(script: str) -> None:
        settings.ENGINE_COMMAND = [sys.executable, str(ENGINE), script, str(clip_file)]

    return follow


@pytest.fixture(scope="session")
def talking_take() -> tuple[Path, Path]:
    """The synthetic take and its second voice, made once and kept for later runs."""
    folder = BASE_DIR / "media" / "demo"
    command = [sys.executable, "-m", "lipsync.synthetic", str(folder)]
    subprocess.run(command, cwd=BASE_DIR, check=True, capture_output=True, timeout=600)
    return folder / "take.mp4", folder / "voice.wav"
