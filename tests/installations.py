"""Whole installations that tests start, each in a data folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from django.conf import settings

START_SECONDS = 120.0
STOP_SECONDS = 35.0  # what an ended installation may take at most, on a machine with much else to do


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """A data folder with its command line."""

    def __init__(self, folder: Path, tables: Path | None = None) -> None:
        """tables: a database to start from, instead of none"""
        self.folder = folder
        if tables is not None:
            shutil.copy(tables, folder / "db.sqlite3")
        self.port = free_port()
        self.environment = {**os.environ, "HEYGEM_DATA": str(folder), "PORT": str(self.port)}
        self.environment.pop("HOST", None)

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=settings.BASE_DIR, env=self.environment, capture_output=True, text=True, timeout=START_SECONDS
        )

    def processes(self) -> list[psutil.Process]:
        """Every process that works on this data folder, engines and what they start included."""
        found = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
                places = environment.get("HEYGEM_DATA", ""), environment.get("TMPDIR", "")
                if any(place.startswith(str(self.folder)) for place in places) and process.is_running():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def answer(self, path: str = "/sign-in/") -> int:
        """The status of a page."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=START_SECONDS) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def served(installation: Installation, command: str = "serve") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run it in the foreground; yields the process and what it said until it was ready."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", command],
        cwd=settings.BASE_DIR,
        env=installation.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ready."):
            break
    assert "Ready." in said, said
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=STOP_SECONDS)
