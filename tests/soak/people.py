"""Somebody who uses an installation over its API with a token."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

ANSWER_SECONDS = 30.0
PATIENCE_SECONDS = 180.0
RETRY_SECONDS = 0.2


class UnansweredError(Exception):
    """Nobody answered, or the server said that it is its own fault: what was asked for may have been done or not."""


class Person:
    """Has a token and a project."""

    def __init__(self, *, port: int, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1"
        self._token = token
        self.unanswered = 0
        self.project = str(self.insist("POST", "/projects/", {"name": "Soak"})["id"])
        self.speaker = str(self.insist("POST", "/speakers/", {"project": self.project, "name": "Ada", "consent": "true"})["id"])

    def add_clip(self, path: Path) -> str:
        """Upload a clip; its id."""
        return str(self.insist("POST", "/clips/", {"speaker": self.speaker, "file": path})["id"])

    def add_track(self, path: Path) -> str:
        """Upload a voice; its id."""
        return str(self.insist("POST", "/tracks/", {"project": self.project, "file": path})["id"])

    def offer_track(self, path: Path) -> str:
        """Upload a voice, without asking twice; its id. Raises UnansweredError."""
        return str(json.loads(self._ask("POST", "/tracks/", {"project": self.project, "file": path}, str(uuid.uuid4())))["id"])

    def submit(self, *, clip: str, track: str) -> str:
        """Ask for a render; its id. Asks again under the same key until there is an answer."""
        return str(self.insist("POST", "/jobs/", {"clip": clip, "track": track})["id"])

    def cancel(self, job: str) -> None:
        """Ask for a render to stop."""
        self.insist("POST", f"/jobs/{job}/cancel/", {})

    def job(self, job: str) -> dict[str, Any]:
        """A render as it stands."""
        return self.insist("GET", f"/jobs/{job}/")

    def video(self, job: str) -> bytes:
        """A finished video's bytes."""
        return self._ask("GET", f"/outputs/{job}/download/", None, "")

    def insist(self, method: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer, asked for until it comes."""
        key = str(uuid.uuid4())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return dict(json.loads(self._ask(method, path, fields, key)))
            except UnansweredError:
                self.unanswered += 1
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def _ask(self, method: str, path: str, fields: dict[str, Any] | None, key: str) -> bytes:
        body = (
            encode_multipart(BOUNDARY, {name: _field(value) for name, value in fields.items()}) if fields is not None else None
        )
        headers = {"Authorization": f"Token {self._token}"}
        if body is not None:
            headers |= {"Content-Type": MULTIPART_CONTENT, "Idempotency-Key": key}
        request = urllib.request.Request(self._base + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            if error.code < 500:
                raise AssertionError(f"{method} {path}: {error.code} {said}") from error
            raise UnansweredError(f"{error.code} {said}") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnansweredError(str(error)) from error


def _field(value: Any) -> Any:
    return SimpleUploadedFile(value.name, value.read_bytes()) if isinstance(value, Path) else value
