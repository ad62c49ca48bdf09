"""The engine's process: a request goes in, its events come out. The process lives on for the next request, warm.

It runs in a session of its own, within limits, with a bare environment that holds no secret, and dies with the worker. A
request that is left before its end takes the process with it, and so does one after which it cannot be trusted any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import resource
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psutil
from django.conf import settings

from projects import processes, storage

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES")
PASSED_ON_PREFIXES = ("LIPSYNC_", "OMP_", "OPENBLAS_", "MKL_")
GRACE_SECONDS = 3.0
FAMILY_SECONDS = 2.0
PING_SECONDS = 10.0
LOG_TAIL_BYTES = 8000
LONGEST_LINE_BYTES = 2**20
READER_SECONDS = 2.0
NICENESS = 5  # pages stay quick while a render uses every core
NICENESS_APART = 15  # and renders, while something is done that nobody waits for
LARGEST_FILE_BYTES = 64 * 2**30
MOST_OPEN_FILES = 4096

Event = dict[str, Any]
# After these a process may lack what it had, or its graphics card.
SPOILT = ("out_of_memory", "gpu_lost")
ENDED: Event = {"event": "ended"}


class Engine:
    """One request to an engine process, which is started where none waits; `end_kept` ends the one that waits.

    apart: to a process of its own, which runs after all others and may be broken off without loss for the renders that follow
    """

    def __init__(self, *, request: Mapping[str, Any], scratch: Path, apart: bool = False) -> None:
        self._request = {**request, "scratch": str(scratch)}
        self._apart = apart
        self._last: Event | None = None

    def __enter__(self) -> Engine:
        self._served = _Process(NICENESS_APART) if self._apart else _take_kept() or _Process()
        self._served.ask(self._request)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if not self._apart and self._last is not None and _is_sound_after(self._last) and not self._served.is_spent():
            self._served.loaded |= _loaded_for(self._request) if self._last["event"] == "done" else set()
            _keep(self._served)
        else:
            self._served.end()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that answers."""
        return self._served.process

    def next_event(self, timeout: float) -> Event | None:
        """The next event, None when there was none in time. The last one is `done`, `error`, or `ended` from a dead process."""
        event = self._served.next_event(timeout)
        if event is not None and event["event"] in ("done", "error"):
            self._last = event
        return event

    def log_tail(self) -> str:
        """The end of what the engine wrote to its standard error during this request."""
        return self._served.log_tail()


class _Process:
    """An engine process, asked one thing after another."""

    def __init__(self, niceness: int = NICENESS) -> None:
        self.command, self.owner = list(settings.ENGINE_COMMAND), os.getpid()
        # Nameless, and emptied with each request: the process only ever appends to it.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives
        fcntl.fcntl(self._log, fcntl.F_SETFL, fcntl.fcntl(self._log, fcntl.F_GETFL) | os.O_APPEND)
        self.process = processes.start(
            self.command,
            cwd=settings.BASE_DIR,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            niceness=niceness,
            limits=_limits(),
        )
        self._events: queue.Queue[Event] = queue.Queue()
        self._asked, self._request = 0, ""
        self.loaded = set[str]()
        self._family: set[psutil.Process] = set()
        self._looked = 0.0
        self._reader = threading.Thread(target=self._read, args=[self.process.stdout], daemon=True)
        self._reader.start()

    def ask(self, request: Mapping[str, Any]) -> None:
        """Begin a request; the one before must have ended."""
        self._asked += 1
        self._request = str(request.get("id") or uuid.uuid4().hex)
        os.ftruncate(self._log.fileno(), 0)
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):  # it is dead; the reader says so
                self.process.stdin.write(json.dumps({**request, "id": self._request}).encode() + b"\n")
                self.process.stdin.flush()

    def answers(self) -> bool:
        """Whether it is alive and listens."""
        self.ask({"verb": "ping"})
        self._asked -= 1
        deadline = time.monotonic() + PING_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            event = self.next_event(left)
            if event is not None and event["event"] in ("done", "error", "ended"):
                return bool(event["event"] == "done")
        return False

    def is_spent(self) -> bool:
        """Whether it has served long enough, or has grown too large."""
        try:
            size = psutil.Process(self.process.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return True
        return bool(self._asked >= settings.ENGINE_REQUESTS or size > settings.ENGINE_MEMORY_BYTES)

    def next_event(self, timeout: float) -> Event | None:
        """The next event of the request at hand, None when there was none in time, `ENDED` when the process is dead."""
        self._remember_family()
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                # Its pipe may stay open in a program that it left behind, so the pipe's end is no proof of life.
                return None if self.process.poll() is None else ENDED
            if event.get("id", self._request) == self._request:
                return event

    def log_tail(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), LOG_TAIL_BYTES, max(0, size - LOG_TAIL_BYTES))
        return tail.decode(errors="replace").strip()

    def end(self) -> None:
        """End it with all that it started."""
        processes.end(self.process, grace=GRACE_SECONDS, family=self._family)
        # Closing a pipe waits for whoever reads it, and a program that the engine left behind may keep it open for ever:
        # then its reader is left alone with it and ends when that program does.
        self._reader.join(timeout=READER_SECONDS)
        for pipe, busy in ((self.process.stdin, False), (self.process.stdout, self._reader.is_alive()), (self._log, False)):
            if pipe is not None and not busy:
                with contextlib.suppress(OSError):  # bytes nobody will read any more
                    pipe.close()

    def _remember_family(self) -> None:
        """Note what the engine has started: should it be killed, nobody could tell any more."""
        now = time.monotonic()
        if now - self._looked >= FAMILY_SECONDS:
            self._looked = now
            self._family = {one for one in self._family if processes.is_alive(one)} | set(
                processes.descendants(self.process.pid)
            )

    def _read(self, stdout: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under us while stopping
            while line := stdout.readline(LONGEST_LINE_BYTES):
                self._events.put(_parsed(line))
        self._events.put(ENDED)


_kept: _Process | None = None


def loaded() -> list[str]:
    """What the process that waits for the next request has loaded, by the names of engines and enhancers."""
    return sorted(_kept.loaded) if _kept is not None and _kept.owner == os.getpid() else []


def end_kept() -> None:
    """End the process that waits for the next request, if there is one."""
    process = _taken()
    if process is not None:
        process.end()


def clean_environment() -> dict[str, str]:
    """What the engine may know of our environment: no key, no database, no token."""
    kept = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)}
    own = {"TMPDIR": str(storage.folder(storage.SCRATCH)), "LIPSYNC_WEIGHTS": str(settings.WEIGHTS_ROOT)}
    return kept | own | {"PYTHONUNBUFFERED": "1"}


def _take_kept() -> _Process | None:
    """The process that waits, if it is of use."""
    process = _taken()
    if process is None:
        return None
    if process.command == list(settings.ENGINE_COMMAND) and process.answers():
        return process
    process.end()
    return None


def _taken() -> _Process | None:
    global _kept
    process, _kept = _kept, None
    return process if process is not None and process.owner == os.getpid() else None  # a forked child must not end its parent's


def _keep(process: _Process) -> None:
    global _kept
    _kept = process


def _is_sound_after(last: Event) -> bool:
    """Whether a process can be trusted after this end of a request; after a fault of its own it may be in any state."""
    return last["event"] == "done" or (last.get("family") != "bug" and last.get("code") not in SPOILT)


def _loaded_for(request: Mapping[str, Any]) -> set[str]:
    options = request.get("options", {}) if request.get("verb") == "render" else {}
    return {name for name in (options.get("engine"), options.get("enhancer")) if name}


def _limits() -> dict[int, int]:
    """What the process and all that it starts may use. Memory counts by what is written to, not by addresses: the landmark
    models and the linear algebra libraries reserve many times of what they use."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: MOST_OPEN_FILES, resource.RLIMIT_FSIZE: LARGEST_FILE_BYTES}
    if settings.ENGINE_MEMORY_LIMIT_BYTES:
        limits[resource.RLIMIT_DATA] = settings.ENGINE_MEMORY_LIMIT_BYTES
    return limits


def _parsed(line: bytes) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if isinstance(event, dict) and isinstance(event.get("event"), str):
        return event
    return {"event": "log", "level": "debug", "message": line.decode(errors="replace").strip()}
