"""One installation on one machine: who serves this data folder, and how to end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from django.conf import settings

from projects import processes, storage

CONNECT_SECONDS = 0.3
AFTERLIFE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running `serve`. born: the process's start time, which tells it from a later one with the same number

    folder: the data folder that it serves, which tells it from that of a folder that this one is a copy of
    """

    pid: int
    born: float
    address: str
    folder: str = ""

    def process(self) -> psutil.Process | None:
        """The process, if it still is that one."""
        try:
            process = psutil.Process(self.pid)
            return process if process.create_time() == self.born and processes.is_alive(process) else None
        except psutil.NoSuchProcess:
            return None


def public_address() -> str:
    """What the addresses of pages begin with, for those who read them outside a browser."""
    server = current()
    return settings.PUBLIC_URL or (server.address if server else f"http://localhost:{os.environ.get('PORT') or 7860}")


def current() -> Server | None:
    """The server of this data folder, if one runs."""
    try:
        server = Server(**json.loads(_note().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    is_of_a_copy = server.folder not in ("", str(settings.MEDIA_ROOT))
    return server if not is_of_a_copy and server.process() is not None else None


@contextmanager
def alone(address: str) -> Iterator[bool]:
    """Be the only server of this data folder while the block runs. Yields False when another one is."""
    with _locked(_note().with_suffix(".lock")) as ours:
        if not ours:
            yield False
            return
        server = Server(os.getpid(), psutil.Process().create_time(), address, str(settings.MEDIA_ROOT))
        _note().write_text(json.dumps(asdict(server)))
        try:
            yield True
        finally:
            _note().unlink(missing_ok=True)


@contextmanager
def only_lanes() -> Iterator[bool]:
    """Be the only supervisor of this machine's lanes while the block runs. Yields False when another one is."""
    with _locked(storage.folder("lanes") / f"{settings.NODE_NAME}.lock") as ours:
        yield ours


@contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Hold a lock while the block runs. Yields False when another process holds it."""
    descriptor = os.open(place, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def stop(server: Server, *, patience: float) -> bool:
    """End a server with everything below it. True: it went politely; False: it had to be killed."""
    process = server.process()
    if process is None:
        return True
    family = processes.descendants(server.pid)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not processes.is_alive(process):
            return True
        time.sleep(0.1)
    processes.kill_all([process, *family])
    return False


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the server."""
    local = ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - compared with, not listened on
    return f"http://{'localhost' if host in local else host}:{port}"


def port_is_free(host: str, port: int) -> bool:
    """Whether a server can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def becomes_free(host: str, port: int) -> bool:
    """Whether a server can listen there, soon at least where one of ours was killed and its web server still ends."""
    deadline = time.monotonic() + (AFTERLIFE_SECONDS if _note().exists() else 0)
    while not port_is_free(host, port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def answers(host: str, port: int) -> bool:
    """Whether something listens there."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not listened on
    try:
        socket.create_connection((target, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _note() -> Path:
    return Path(settings.MEDIA_ROOT) / "serve.pid"
