"""One lane of a name on a machine, whatever happened to the supervisor that started it.

A lane's first process takes a lock on a file and never lets go; its children have the lock by inheritance, and so it is
free only when the last of them is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

from django.conf import settings

from projects import storage

POLL_SECONDS = 0.1
KILL_SECONDS = 3.0


def take(lane: str, *, patience: float) -> bool:
    """Be the only lane of this name for as long as this process or a child of it lives. False: another one is."""
    descriptor = os.open(_place(lane), os.O_CREAT | os.O_RDWR, 0o600)
    deadline = time.monotonic() + patience
    while not _try(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return False
        time.sleep(POLL_SECONDS)
    os.truncate(descriptor, 0)
    os.write(descriptor, str(os.getpgid(0)).encode())
    return True


def evict(lanes: Collection[str], *, patience: float) -> None:
    """Wait until no lane has one of these names, and end by force what has not gone of itself by then."""
    deadline = time.monotonic() + patience
    for lane in lanes:
        if _becomes_free(lane, until=deadline):
            continue
        # Its lock is held, so the group that is noted there still exists and is that lane's.
        with contextlib.suppress(OSError, ValueError):
            os.killpg(int(_place(lane).read_text()), signal.SIGKILL)
        _becomes_free(lane, until=time.monotonic() + KILL_SECONDS)


def _becomes_free(lane: str, *, until: float) -> bool:
    descriptor = os.open(_place(lane), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while not _try(descriptor):
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(lane: str) -> Path:
    return storage.folder("lanes") / f"{lane}@{settings.NODE_NAME}.lock"
