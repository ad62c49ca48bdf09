"""Which process of an installation does what. Told by the process tree, command lines and sessions, and only here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")
QUEUE_COMMANDS = frozenset({"qcluster", "lane"})  # of manage.py
MEDIA_TOOLS = frozenset({"ffmpeg", "ffprobe"})  # what workers and engines start for a moment


class Role(StrEnum):
    """What a process is there for."""

    SUPERVISOR = "supervisor"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"
    WORKER = "worker"
    MESSENGER = "messenger"  # the queue library's pusher or monitor
    ENGINE = "engine"
    WEB = "web"


def of_folder(folder: Path) -> list[psutil.Process]:
    """Every process that works on this data folder, engines and what they start included."""
    found = []
    for process in psutil.process_iter():
        environment = _ask(process.environ, {})
        places = environment.get("HEYGEM_DATA", ""), environment.get("TMPDIR", "")
        if any(place.startswith(str(folder)) for place in places) and alive(process):
            found.append(process)
    return found


def by_role(found: Iterable[psutil.Process]) -> dict[Role, list[psutil.Process]]:
    """The processes of an installation, each role's oldest first. Orphans and what a tool starts have no role."""
    processes = sorted(found, key=_age)
    words = {process.pid: _ask(process.cmdline, []) for process in processes}
    parents = {process.pid: _ask(process.ppid, 0) for process in processes}
    queue = {pid for pid, command in words.items() if QUEUE_COMMANDS & set(command)}
    roles: dict[Role, list[psutil.Process]] = {role: [] for role in Role}
    roles[Role.SUPERVISOR] = [each for each in processes if "serve" in words[each.pid] and parents[each.pid] not in queue]
    roles[Role.WEB] = [each for each in processes if any(word.endswith("gunicorn") for word in words[each.pid])]
    # Each cluster is started in a session of its own; what it forks keeps command line and session.
    roles[Role.CLUSTER] = [each for each in processes if each.pid in queue and _session(each.pid) == each.pid]
    roles[Role.SENTINEL] = _children(processes, parents, roles[Role.CLUSTER], among=queue)
    for sentinel in roles[Role.SENTINEL]:
        family = _children(processes, parents, [sentinel], among=queue)
        driving = [each for each in family if _engines(processes, parents, each, queue)]
        worker = (driving or family)[:1]  # an idle one is known by its age: the library starts it first
        roles[Role.WORKER] += worker
        roles[Role.MESSENGER] += [each for each in family if each not in worker]
        roles[Role.ENGINE] += [engine for each in worker for engine in _engines(processes, parents, each, queue)]
    return roles


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that is dead and not yet waited for does not."""
    return bool(_ask(process.is_running, False)) and _ask(process.status, psutil.STATUS_ZOMBIE) != psutil.STATUS_ZOMBIE


def names(process: psutil.Process, word: str) -> bool:
    """Whether a process's command line or temporary folder has this word in it, e.g. a job's id."""
    places = [*_ask(process.cmdline, []), _ask(process.environ, {}).get("TMPDIR", "")]
    return any(word in place for place in places)


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """A process and everything below it."""
    return [process, *_ask(lambda: process.children(recursive=True), [])]


def _engines(
    processes: list[psutil.Process], parents: dict[int, int], worker: psutil.Process, queue: set[int]
) -> list[psutil.Process]:
    programs = {each.pid for each in processes} - queue
    children = _children(processes, parents, [worker], among=programs)
    return [each for each in children if _ask(each.name, "") not in MEDIA_TOOLS]


def _children(
    processes: list[psutil.Process], parents: dict[int, int], of: list[psutil.Process], *, among: set[int]
) -> list[psutil.Process]:
    above = {process.pid for process in of}
    return [each for each in processes if each.pid in among and parents[each.pid] in above]


def _age(process: psutil.Process) -> tuple[float, int]:
    return _ask(process.create_time, 0.0), process.pid


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _ask(question: Callable[[], Answer], otherwise: Answer) -> Answer:
    """What a process says, or something else when it is gone."""
    try:
        return question()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return otherwise
