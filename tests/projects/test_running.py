"""Who serves a data folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pytest_django import Settings

from projects import running


def test_a_copy_of_the_data_folder_has_no_server(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path / "served"
    settings.MEDIA_ROOT.mkdir()
    with running.alone("http://localhost:1"):
        found = running.current()
        assert found is not None and (found.pid, found.address) == (os.getpid(), "http://localhost:1")
        settings.MEDIA_ROOT = Path(shutil.copytree(tmp_path / "served", tmp_path / "copy"))
        assert running.current() is None


def test_a_note_of_an_earlier_version_still_counts(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    with running.alone("http://localhost:1"):
        note = tmp_path / "serve.pid"
        note.write_text(note.read_text().replace(f', "folder": "{tmp_path}"', ""))
        assert "folder" not in note.read_text()
        assert running.current() is not None
