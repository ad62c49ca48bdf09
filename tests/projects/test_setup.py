"""`requirements/setup.sh`: what is there is not installed again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

LINES = 100_000  # far more than a pipe holds: whoever writes them into one notices that its reader has gone


def program(folder: Path, name: str, script: str) -> Path:
    """A program of this name that does this."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs of a machine that has everything, and many libraries; what is to be installed is noted."""
    for name in ("ffmpeg", "ffprobe", "espeak-ng", "python"):
        program(tmp_path / "bin", name, "exit 0")
    program(tmp_path / ".venv" / "bin", "python", "exit 0")
    program(tmp_path / "bin", "ls", "exit 0")
    program(tmp_path / "bin", "apt-get", f'echo "$@" >> {tmp_path}/installed')
    program(tmp_path / "bin", "sudo", "exit 0")
    names = "libGL.so.1\\nlibgthread-2.0.so.0"
    program(tmp_path / "bin", "ldconfig", f"printf '{names}\\n'; seq {LINES}")
    (tmp_path / "requirements").mkdir()
    shutil.copy(Path(settings.BASE_DIR) / "requirements" / "setup.sh", tmp_path / "requirements")
    (tmp_path / "requirements" / "base.txt").touch()
    return tmp_path


def set_up(machine: Path) -> str:
    """What is told to be missing or installed."""
    environment = {"PATH": f"{machine}/bin:/usr/bin:/bin", "PYTHON": str(machine / "bin" / "python")}
    done = subprocess.run(
        ["bash", machine / "requirements" / "setup.sh", "base"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_machine_that_has_everything_gets_nothing(machine: Path) -> None:
    assert "system packages" not in set_up(machine)
    assert not (machine / "installed").exists()


def test_what_is_missing_is_installed(machine: Path) -> None:
    program(machine / "bin", "ldconfig", f"echo libGL.so.1; seq {LINES}")
    assert "Installing system packages: libglib2.0-0\n" in set_up(machine)
    assert "libglib2.0-0" in (machine / "installed").read_text()
