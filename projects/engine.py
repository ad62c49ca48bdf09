"""The engine's process: a request goes in, its events come out, and it is gone for certain when the context is left.

It runs in a session of its own, with a bare environment that holds no secret, and dies with the worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psutil
from django.conf import settings

from projects import processes

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES")
PASSED_ON_PREFIXES = ("LIPSYNC_", "OMP_", "OPENBLAS_", "MKL_")
GRACE_SECONDS = 3.0
FAMILY_SECONDS = 2.0
LOG_TAIL_BYTES = 8000
LONGEST_LINE_BYTES = 2**20
READER_SECONDS = 2.0
NICENESS = 5  # pages stay quick while a render uses every core

Event = dict[str, Any]
ENDED: Event = {"event": "ended"}


class Engine:
    """One engine process with one request."""

    def __init__(self, *, request: Mapping[str, Any], scratch: Path) -> None:
        self._request = json.dumps(dict(request)).encode() + b"\n"
        self._scratch = scratch
        self._events: queue.Queue[Event] = queue.Queue()
        self._log_path = scratch / "engine.log"
        self._family: set[psutil.Process] = set()
        self._looked = 0.0

    def __enter__(self) -> Engine:
        with self._log_path.open("wb") as log:
            self.process = processes.start(
                settings.ENGINE_COMMAND,
                cwd=settings.BASE_DIR,
                env=clean_environment(self._scratch),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                niceness=NICENESS,
            )
        self._reader = threading.Thread(target=self._read, args=[self.process.stdout], daemon=True)
        self._reader.start()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):  # it died at once; the reader says so
                self.process.stdin.write(self._request)
                self.process.stdin.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        processes.end(self.process, grace=GRACE_SECONDS, family=self._family)
        # Closing a pipe waits for whoever reads it, and a program that the engine left behind may keep it open for ever:
        # then its reader is left alone with it and ends when that program does.
        self._reader.join(timeout=READER_SECONDS)
        for pipe, busy in ((self.process.stdin, False), (self.process.stdout, self._reader.is_alive())):
            if pipe is not None and not busy:
                with contextlib.suppress(OSError):  # bytes nobody will read any more
                    pipe.close()

    def next_event(self, timeout: float) -> Event | None:
        """The next event, None when there was none in time. `{"event": "ended"}` is the last one."""
        self._remember_family()
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            # Its pipe may stay open in a program that it left behind, so the pipe's end is no proof of life.
            return None if self.process.poll() is None else ENDED

    def log_tail(self) -> str:
        """The end of what the engine wrote to its standard error."""
        try:
            return self._log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""

    def _remember_family(self) -> None:
        """Note what the engine has started: should it be killed, nobody could tell any more."""
        now = time.monotonic()
        if now - self._looked >= FAMILY_SECONDS:
            self._looked = now
            self._family |= set(processes.descendants(self.process.pid))

    def _read(self, stdout: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under us while stopping
            while line := stdout.readline(LONGEST_LINE_BYTES):
                self._events.put(_parsed(line))
        self._events.put(ENDED)


def clean_environment(scratch: Path) -> dict[str, str]:
    """What the engine may know of our environment: no key, no database, no token."""
    kept = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)}
    return kept | {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}


def _parsed(line: bytes) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if isinstance(event, dict) and isinstance(event.get("event"), str):
        return event
    return {"event": "log", "level": "debug", "message": line.decode(errors="replace").strip()}
