"""Commands before there are tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import load_command_class

from projects.management.prepared import PreparedCommand


def test_a_command_before_the_first_migration_says_what_to_run(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HEYGEM_DATA": str(tmp_path / "data")}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "setup_link"]
    done = subprocess.run(command, env=environment, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: ")
    assert "Run: python manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["bucket", "cleanup", "lanes", "password_link"])
def test_so_do_the_others_that_read_rows(name: str) -> None:
    assert isinstance(load_command_class("projects", name), PreparedCommand)
