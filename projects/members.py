"""The programs that a supervisor keeps running: the web server, and one queue worker for each lane."""

from __future__ import annotations

import logging
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from subprocess import Popen

import psutil
from django.conf import settings
from django.db import DatabaseError
from django_q.status import Stat

from projects import lanes, processes, wakeups
from projects.lanes import Wanted

STEADY_SECONDS = 10
LONGEST_PAUSE_SECONDS = 30
LONGEST_PAUSE_AFTER_WORK_SECONDS = 4  # what waits for a lane that could work is served within 20 s
STOP_GRACE_SECONDS = 25.0
START_GRACE = timedelta(seconds=60)
SILENT_AFTER = timedelta(seconds=15)
STUCK_AFTER = timedelta(seconds=60)
WEB_WORKERS = 2
WEB_THREADS = 8

logger = logging.getLogger(__name__)


class Member:
    """One program that is kept running."""

    at_our_death: Signals = SIGTERM

    def __init__(self, name: str, command: list[str], *, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.command = command
        self.env = {**os.environ, **(env or {})}
        self.process: Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0
        self._not_before = 0.0

    def start(self) -> None:
        """Start it."""
        death = self.at_our_death
        self.process = processes.start(self.command, cwd=settings.BASE_DIR, env=self.env, at_our_death=death)
        self._started = time.monotonic()
        logger.info("%s started as process %s", self.name, self.process.pid)

    def stop(self) -> None:
        """End it with everything it started."""
        if self.process is not None:
            processes.end(self.process, grace=STOP_GRACE_SECONDS)
            logger.info("%s stopped", self.name)
        self.process = None

    def trouble(self) -> str:
        """Why it must be started anew; nothing while it is well."""
        return "" if self.process is not None and self.process.poll() is None else "has ended"

    def has_lived(self, span: timedelta) -> bool:
        """Whether it was started at least this long ago."""
        return time.monotonic() - self._started > span.total_seconds()

    def tend(self) -> None:
        """Restart it when it is not well, at growing intervals if that keeps happening."""
        now = time.monotonic()
        if self.process is not None and (trouble := self.trouble()):
            logger.error("%s %s and is restarted", self.name, trouble)
            self._pause = self._next_pause(now)
            self.stop()
            self._not_before = time.monotonic() + self._pause
        if self.process is None and time.monotonic() >= self._not_before:
            try:
                self.start()
            except OSError:  # e.g. no memory at this moment
                logger.exception("%s could not be started and is tried again", self.name)
                self._not_before = now + LONGEST_PAUSE_SECONDS

    def has_come_up(self) -> bool:
        """Whether it once did what it is for since it was started."""
        return self.has_lived(timedelta(seconds=STEADY_SECONDS))

    def _next_pause(self, now: float) -> float:
        """Seconds until the next start: none after a steady life, else twice as long as the last time, up to half a minute
        for what does not even come up, which starting again will hardly mend."""
        if now - self._started > STEADY_SECONDS:
            return 0.0
        longest = LONGEST_PAUSE_AFTER_WORK_SECONDS if self.has_come_up() else LONGEST_PAUSE_SECONDS
        return min(max(1.0, self._pause * 2), longest)


class LaneMember(Member):
    """The queue worker of one lane.

    The queue library survives the death of one of its own processes in appearance only: its queue's lock dies with it.
    So a lane is well only while all of them are those that it began with, and while its sentinel says so once a second.

    busy: whether it has a job in hand; a lane that has lost a helper only finishes that first
    """

    # Its first process would wait for the running render without limit; its children hear of its death and end politely.
    at_our_death = SIGKILL

    def __init__(self, lane: Wanted) -> None:
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "lane"]
        super().__init__(f"lane {lane.name}", command, env=lane.environment)
        self.lane = lane
        self.busy = False
        self._forget()

    def _forget(self) -> None:
        self._first: Stat | None = None
        self._vital: list[psutil.Process] = []
        self._helpers: list[psutil.Process] = []
        self._replaced = False
        self._heard = time.monotonic() + (START_GRACE - SILENT_AFTER).total_seconds()
        self._idle_beside_work: float | None = None

    def start(self) -> None:
        """Start it, with empty hands and an empty queue."""
        self._forget()
        wakeups.clear(self.lane.queue)
        super().start()
        if self.process is not None:
            try:
                lanes.enter(self.lane, self.process.pid)
            except DatabaseError:
                logger.exception("%s could not be entered; the next beat tries again", self.name)

    def stop(self) -> None:
        """End it; a render that runs goes back to the queue.

        The queue library's own stop waits for the running task without limit, and locks up when all of its processes
        hear the signal at once. So its two guards are ended first; then only the worker itself is asked.
        """
        if self.process is not None:
            processes.end(self.process, grace=STOP_GRACE_SECONDS, first=_guards(self.process.pid))
            logger.info("%s stopped", self.name)
            try:
                lanes.let_go(self.lane.name)
            except DatabaseError:
                logger.exception("what %s had in hand waits for the end of its lease", self.name)
        self.process = None

    def hear(self, stat: Stat | None) -> None:
        """Take what its sentinel says; None when it says nothing."""
        if stat is None or self.process is None:
            return
        self._heard = max(self._heard, time.monotonic())
        if not (stat.workers and stat.monitor and stat.pusher):
            return  # it is still starting
        if self._first is None:
            self._first = stat
            self._vital = _running(self.process.pid, stat.sentinel, *stat.workers)
            self._helpers = _running(stat.monitor, stat.pusher)
        self._replaced = stat.reincarnations > 0
        if stat.workers != self._first.workers:
            self._vital = []

    def has_come_up(self) -> bool:
        """Whether all of its processes were there at once."""
        return self._first is not None

    def hear_nothing(self) -> None:
        """Nobody can be heard at present; that is no fault of the lane's."""
        self._heard = max(self._heard, time.monotonic())

    def beside_work(self, waits: bool) -> None:
        """Note whether work waits that this lane might do, while it does nothing."""
        if not waits:
            self._idle_beside_work = None
        elif self._idle_beside_work is None:
            self._idle_beside_work = time.monotonic()

    def trouble(self) -> str:
        """Why it must be started anew; nothing while it is well."""
        now = time.monotonic()
        if ended := super().trouble():
            return ended
        if self._first is not None and not _all_live(self._vital):
            return "has lost a process"
        if now - self._heard > SILENT_AFTER.total_seconds():
            return f"has said nothing for {SILENT_AFTER.total_seconds():.0f} s"
        if self._idle_beside_work is not None and now - self._idle_beside_work > STUCK_AFTER.total_seconds():
            return "takes no work"
        if self._first is not None and not self.busy and (self._replaced or not _all_live(self._helpers)):
            return "has lost a helper"
        return ""


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


def _running(*pids: int) -> list[psutil.Process]:
    """Processes by their numbers; nothing when one of them is gone already."""
    try:
        return [psutil.Process(pid) for pid in pids]
    except psutil.NoSuchProcess:
        return []


def _all_live(family: list[psutil.Process]) -> bool:
    return bool(family) and all(map(processes.is_alive, family))


def _guards(pid: int) -> list[psutil.Process]:
    """A cluster's first process and its child, which watch over the rest."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children()]
    except psutil.NoSuchProcess:
        return []
