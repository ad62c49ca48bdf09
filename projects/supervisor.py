"""Keeps the web server and the worker running, each in a session of its own, and ends them without a remainder."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models import Q
from django.db.models.functions import Now

from projects import cleanup, processes
from projects.models import RenderJob, Status
from projects.wakeups import QUEUE

TICK_SECONDS = 0.5
SWEEP_SECONDS = 15
FILE_SWEEP_SECONDS = 600
STUCK_AFTER = timedelta(seconds=60)
STEADY_SECONDS = 60
LONGEST_PAUSE_SECONDS = 30
STOP_GRACE_SECONDS = 6.0
WEB_WORKERS = 2
WEB_THREADS = 8

logger = logging.getLogger(__name__)


class Member:
    """One program that is kept running."""

    def __init__(self, name: str, command: list[str], *, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.command = command
        self.env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0
        self._not_before = 0.0

    def start(self) -> None:
        """Start it."""
        self.process = processes.start(self.command, cwd=settings.BASE_DIR, env=self.env)
        self._started = time.monotonic()
        logger.info("%s started as process %s", self.name, self.process.pid)

    def stop(self) -> None:
        """End it with everything it started."""
        if self.process is not None:
            processes.end(self.process, grace=STOP_GRACE_SECONDS)
            logger.info("%s stopped", self.name)
        self.process = None

    def is_well(self) -> bool:
        """Whether it runs as it should."""
        return self.process is not None and self.process.poll() is None

    def has_lived(self, span: timedelta) -> bool:
        """Whether it was started at least this long ago."""
        return time.monotonic() - self._started > span.total_seconds()

    def tend(self) -> None:
        """Restart it when it is not well, at growing intervals if that keeps happening."""
        now = time.monotonic()
        if self.process is not None and not self.is_well():
            logger.error("%s is not well and is restarted", self.name)
            lived = now - self._started
            self._pause = 0.0 if lived > STEADY_SECONDS else min(max(1.0, self._pause * 2), LONGEST_PAUSE_SECONDS)
            self.stop()
            self._not_before = time.monotonic() + self._pause
        if self.process is None and time.monotonic() >= self._not_before:
            try:
                self.start()
            except OSError:  # e.g. no memory at this moment
                logger.exception("%s could not be started and is tried again", self.name)
                self._not_before = now + LONGEST_PAUSE_SECONDS


class Cluster(Member):
    """A queue worker. It is only well while every one of its processes lives: the queue library survives the death of
    one of them in appearance only (its queue's lock dies with it)."""

    def __init__(self, queue: str = QUEUE) -> None:
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "qcluster"]
        super().__init__(f"worker for {queue}", command, env={"Q_CLUSTER_NAME": queue})
        self._known: set[psutil.Process] = set()

    def start(self) -> None:
        """Start it."""
        self._known = set()
        super().start()

    def stop(self) -> None:
        """End it; a render that runs goes back to the queue.

        The queue library's own stop waits for the running task without limit, and locks up when all of its processes
        hear the signal at once. So its two guards are ended first; then only the worker itself is asked.
        """
        if self.process is not None:
            processes.end(self.process, grace=STOP_GRACE_SECONDS, first=_guards(self.process.pid))
            logger.info("%s stopped", self.name)
        self.process = None

    def is_well(self) -> bool:
        """Whether it runs and none of its processes has vanished."""
        if self.process is None or not super().is_well():
            return False
        self._known |= _two_generations(self.process.pid)
        return all(processes.is_alive(member) for member in self._known)


def web_server(host: str, port: int) -> Member:
    """The web server."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = {
        "--bind": address,
        "--worker-class": "gthread",
        "--workers": str(WEB_WORKERS),
        "--threads": str(WEB_THREADS),
        "--timeout": "120",
        "--graceful-timeout": "3",
        "--keep-alive": "30",
        "--log-level": "warning",
    }
    words = [word for option in options.items() for word in option]
    return Member("web server", [sys.executable, "-m", "gunicorn", *words, "heygem_site.wsgi:application"])


def supervise(members: list[Member], *, on_ready: Callable[[], None], is_ready: Callable[[], bool]) -> None:
    """Run the members until SIGINT, SIGTERM or SIGHUP, then end every process below this one."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: stop.set())
    processes.adopt_orphans()
    announced = False
    next_sweep = next_file_sweep = 0.0
    try:
        for member in members:
            member.start()
        while not stop.wait(TICK_SECONDS):
            for member in members:
                member.tend()
            _bury_orphans(members)
            if not announced and is_ready():
                announced = True
                on_ready()
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP_SECONDS
                files_too = time.monotonic() >= next_file_sweep
                if files_too:
                    next_file_sweep = time.monotonic() + FILE_SWEEP_SECONDS
                _sweep(members, files_too=files_too)
    finally:
        enders = [threading.Thread(target=member.stop) for member in members]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        processes.kill_all(processes.descendants(os.getpid()))


def work_waits_in_vain() -> bool:
    """Whether a job has been claimable for a while though no worker is busy: the worker is stuck."""
    if RenderJob.objects.filter(status=Status.RUNNING, lease_until__gte=Now()).exists():
        return False
    long_ago = Now() - STUCK_AFTER
    if RenderJob.objects.filter(Q(started_at__gte=long_ago) | Q(finished_at__gte=long_ago)).exists():
        return False  # it is between two jobs
    return RenderJob.objects.claimable_since(long_ago).filter(created_by__queue__paused_at=None).exists()


def _sweep(members: list[Member], *, files_too: bool) -> None:
    close_old_connections()
    try:
        cleanup.sweep()
        if files_too:
            cleanup.remove_orphan_files()
            cleanup.remove_orphan_analyses()
            cleanup.remove_old_segments()
        stuck = work_waits_in_vain()
    except (DatabaseError, OSError):
        logger.exception("the sweep failed and is tried again")
        return
    for member in members:
        if stuck and isinstance(member, Cluster) and member.has_lived(STUCK_AFTER):
            logger.error("%s takes no work and is restarted", member.name)
            member.stop()


def _two_generations(pid: int) -> set[psutil.Process]:
    """A process's children and theirs: the queue library's own processes, not the programs that tasks start."""
    found: set[psutil.Process] = set()
    try:
        for child in psutil.Process(pid).children():
            found |= {child, *child.children()}
    except psutil.NoSuchProcess:
        pass  # seen by the caller's own check
    return found


def _guards(pid: int) -> list[psutil.Process]:
    """A cluster's first process and its child, which watch over the rest."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children()]
    except psutil.NoSuchProcess:
        return []


def _bury_orphans(members: list[Member]) -> None:
    """Wait for adopted processes that have ended, so that they do not stay as zombies."""
    ours = {member.process.pid for member in members if member.process is not None}
    for child in psutil.Process().children():
        if child.pid not in ours and not processes.is_alive(child):
            with contextlib.suppress(ChildProcessError):  # waited for already
                os.waitpid(child.pid, os.WNOHANG)
