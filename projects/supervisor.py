"""Keeps the web server and the lanes running, speaks for the lanes in the database, and ends all without a remainder."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType

import psutil
from django.db import DatabaseError, close_old_connections, connections
from django_q.status import Stat
from redis import RedisError

from projects import cleanup, lane_locks, lanes, processes, turns, wakeups
from projects.cleanup import SWEEP_SECONDS
from projects.members import LaneMember, Member
from projects.models import Kind, Lane
from projects.models.lanes import RENDERING

TICK_SECONDS = 0.5
LOOK_SECONDS = 2.0
BEAT_SECONDS = 5.0
EVICTION_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Supervisor:
    """Some members, and what is due for them. Call `tick` twice a second or so."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.lanes = [member for member in members if isinstance(member, LaneMember)]
        self._due = dict.fromkeys((self._look, self._beat, self._sweep), 0.0)

    def start(self) -> None:
        """Start every member, once no lane of an earlier supervisor is left, and put right what that one left lying."""
        lane_locks.evict([member.lane.name for member in self.lanes], patience=EVICTION_SECONDS)
        processes.adopt_orphans()
        for member in self.members:
            member.start()
        if self.lanes:
            _carefully(cleanup.run_due)

    def tick(self) -> None:
        """Restart what is not well, and do what is due."""
        for member in self.members:
            before = member.process
            member.tend()
            if member.process is not None and member.process is not before and isinstance(member, LaneMember):
                self._due[self._sweep] = 0.0  # what it had in hand, or was woken for, waits
        self._bury_orphans()
        if not self.lanes:
            return
        for duty, seconds in ((self._look, LOOK_SECONDS), (self._beat, BEAT_SECONDS), (self._sweep, SWEEP_SECONDS)):
            if time.monotonic() >= self._due[duty]:
                self._due[duty] = time.monotonic() + seconds
                _carefully(duty)

    def stop(self) -> None:
        """End every member and every process below this one. A render that runs goes back to the queue."""
        enders = [threading.Thread(target=_end, args=[member]) for member in self.members]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        for member in self.lanes:
            _carefully(partial(lanes.leave, member.lane))
            wakeups.clear(member.lane.queue)
        processes.kill_all(processes.descendants(os.getpid()))

    def _look(self) -> None:
        """See how each lane is: what its sentinel says, what it has in hand, and whether it idles beside work."""
        stats = _stats()
        rows = {row.name: row for row in Lane.objects.here()}
        idle = set(Lane.objects.here().idle().values_list("name", flat=True))
        waits = turns.anything_due()
        for member in self.lanes:
            name = member.lane.name
            member.busy = name in rows and rows[name].claim is not None
            member.beside_work(waits and name in idle and member.lane.kind in RENDERING)
            if stats is None or member.process is None:
                member.hear_nothing()
            else:
                member.hear(stats.get(member.process.pid))

    def _beat(self) -> None:
        """Tell everybody which lanes are well."""
        well = {member.lane: member.process.pid for member in self.lanes if member.process and not member.trouble()}
        lanes.beat(well)

    def _sweep(self) -> None:
        """Have the housekeeping lane put things right; do it here where it does not, or where there is none."""
        if lanes.working(Kind.IO).exists() and cleanup.was_run_lately():
            wakeups.send_sweep()
        else:
            cleanup.run_due()

    def _bury_orphans(self) -> None:
        """Wait for adopted processes that have ended, so that they do not stay as zombies."""
        ours = {member.process.pid for member in self.members if member.process is not None}
        for child in psutil.Process().children():
            if child.pid not in ours and not processes.is_alive(child):
                with contextlib.suppress(ChildProcessError):  # waited for already
                    os.waitpid(child.pid, os.WNOHANG)


def supervise(members: Sequence[Member], *, on_ready: Callable[[], None], is_ready: Callable[[], bool]) -> None:
    """Run the members until SIGINT, SIGTERM or SIGHUP, then end every process below this one; a second one does so at once."""
    stop = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            for process in processes.descendants(os.getpid()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hear)
    supervisor = Supervisor(members)
    announced = False
    try:
        supervisor.start()
        while not stop.wait(TICK_SECONDS):
            supervisor.tick()
            if not announced and is_ready():
                announced = True
                on_ready()
    finally:
        supervisor.stop()


def _carefully(duty: Callable[[], object]) -> None:
    """Do what can be done again later, should the database, the queue or the disk not answer now."""
    close_old_connections()
    try:
        duty()
    except (DatabaseError, RedisError, OSError):
        logger.exception("the supervisor could not do what was due and tries again")


def _end(member: Member) -> None:
    try:
        member.stop()
    finally:
        connections.close_all()


def _stats() -> dict[int, Stat] | None:
    """What the sentinels of this machine said last, by the number of each lane's first process; None: nobody can say."""
    try:
        return {stat.pid: stat for stat in Stat.get_all() if stat.host == socket.gethostname()}
    except (RedisError, DatabaseError, OSError):
        logger.warning("the lanes' sentinels cannot be heard", exc_info=True)
        return None
