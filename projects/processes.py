"""Starting and ending processes so that none is left: a session of its own, death with the parent, the whole family."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import psutil

POLL_SECONDS = 0.05
KILL_SECONDS = 3.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    niceness: int = 0,
    limits: Mapping[int, int] | None = None,
    at_our_death: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own. It receives the signal `at_our_death` when this process dies.

    limits: of `resource.setrlimit`, lowered to what we may give away ourselves
    """
    return subprocess.Popen(
        list(command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=dict(env),
        start_new_session=True,
        preexec_fn=partial(_in_the_child, niceness, limits or {}, at_our_death),
    )


def end(
    process: subprocess.Popen[bytes],
    *,
    grace: float,
    first: Iterable[psutil.Process] = (),
    family: Iterable[psutil.Process] = (),
) -> None:
    """End a process started here and everything below it: politely, then by force after `grace` seconds.

    first: members that are ended by force before the others are asked
    family: members known from before; those that are found now are added
    """
    members = {*family, *descendants(process.pid)}
    deadline = time.monotonic() + grace
    for member in first:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    _signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=grace)
    # Members may outlive their parent for a good reason, e.g. a worker that gives its job back.
    remaining = _outliving(members, until=deadline) + descendants(process.pid)
    _signal_group(process.pid, signal.SIGKILL)
    kill_all(remaining)
    process.wait()


def kill_all(family: Iterable[psutil.Process]) -> None:
    """End processes by force and wait until they are gone."""
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()  # compares the start time first: a reused number is spared
    _outliving(family, until=time.monotonic() + KILL_SECONDS)


def descendants(pid: int) -> list[psutil.Process]:
    """Everything that a process started and what those started."""
    try:
        family: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return family


def adopt_orphans() -> None:
    """Have processes whose parent dies become children of this one, so that they can be found and ended."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parents() -> None:
    """Have every process that this one and its children fork from now on receive SIGTERM when its parent dies."""
    if LIBC is None:
        return
    parent = os.getpid()

    def remember() -> None:
        nonlocal parent
        parent = os.getpid()

    def bind() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between, and nobody would tell any more
            os.kill(os.getpid(), signal.SIGTERM)

    os.register_at_fork(before=remember, after_in_child=bind)


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _outliving(family: Iterable[psutil.Process], *, until: float) -> list[psutil.Process]:
    """Wait for processes to end; those that still run at `until` on the monotonic clock."""
    remaining = [member for member in family if is_alive(member)]
    while remaining and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        remaining = [member for member in remaining if is_alive(member)]
    return remaining


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _in_the_child(niceness: int, limits: Mapping[int, int], at_parents_death: signal.Signals) -> None:
    """Between fork and exec."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, at_parents_death)
    if niceness:
        os.nice(niceness)
    for kind, wanted in limits.items():
        most = resource.getrlimit(kind)[1]
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))
