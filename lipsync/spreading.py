"""The segments of a plan over several processes: those that the render starts, and other engines that have nothing to do.

The render goes through its segments from the front, whoever helps from the far end. A segment's lock says that somebody is
at it, and a dead holder's lock is gone with it; so nobody needs to be told what anybody else does.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from lipsync import store
from lipsync.analysis import Analysis, load
from lipsync.errors import EnvironmentFault, ToolFailed, UnusableInput
from lipsync.keeping import Hold
from lipsync.machine import starting, writing_to
from lipsync.media import Encoding
from lipsync.painting import Painter
from lipsync.plan import Plan
from lipsync.segments import Renderer, Segment, Tally, runs_of

LARGEST_WORKER_COUNT = 8
CORES_PER_WORKER = 2  # one for the picture, one for ffmpeg on both sides of it


@dataclass(frozen=True, slots=True)
class Task:
    """All that whoever helps with a render must know.

    analysis: its folder; segments: the whole plan's; measured: see `segments.Renderer`
    """

    clip: Path
    analysis: Path
    encoding: Encoding
    segments: list[Segment]
    measured: bool = False

    @property
    def path(self) -> Path:
        """The file that says so, beside the plan; it goes when the render is done."""
        return self.segments[0].task

    def save(self, plan: Plan) -> None:
        """Put the plan and the file there. Raises EnvironmentFault (`not_writable`, `no_space`)."""
        text = json.dumps(
            {
                "clip": str(self.clip.absolute()),
                "analysis": str(self.analysis.absolute()),
                "encoding": asdict(self.encoding),
                "measured": self.measured,
                "segments": [[segment.first, segment.last, segment.path.name] for segment in self.segments],
            }
        )
        with writing_to(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(self.segments[0].plan, lambda part: store.save(part, plan))
            _write_whole(self.path, lambda part: part.write_text(text))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The task in this file. Raises FileNotFoundError when its render is done."""
        told: dict[str, Any] = json.loads(path.read_text())
        segments = [Segment(first, last, path.with_name(name)) for first, last, name in told["segments"]]
        return cls(Path(told["clip"]), Path(told["analysis"]), Encoding(**told["encoding"]), segments, told["measured"])


def render_all(
    task: Task,
    analysis: Analysis,
    plan: Plan,
    workers: int,
    tally: Tally,
    *,
    shared: bool = False,
    painter: Painter | None = None,
) -> None:
    """Render the segments that are not there yet; workers: see `RenderOptions`.

    shared: let other engines help, see `assist`; painter: of another engine, which then paints alone, in this process
    Raises LipsyncError as rendering one does.
    """
    missing = []
    for segment in task.segments:
        if segment.done():
            tally.found(segment)
        else:
            missing.append(segment)
    count = min(workers or _workers_for_this_machine(), len(missing)) if painter is None else 1
    if shared or count > 1:
        task.save(plan)
    if count <= 1:
        renderer = Renderer(task.clip, analysis, plan, task.encoding, task.path.parent, painter, measured=task.measured)
        for run in runs_of(missing):
            renderer.render(run, tally)
        return
    _spread(task, missing, count, tally)


def assist(path: Path, step: Callable[[], None] = lambda: None) -> int:
    """Render segments of somebody else's render, from the far end, until there is none that nobody has. Returns how many.

    path: of the task; `step` is called after every frame. Ends quietly when the render ends meanwhile.
    """
    made = 0
    with contextlib.suppress(FileNotFoundError):  # it is done, and its folder may be gone with it
        task = Task.load(path)
        for segment in reversed(task.segments):
            with Hold(segment.path) as hold:
                if hold.tried(fcntl.LOCK_EX) and not segment.done() and path.exists():
                    _renderer_of(task).render_one(segment, step)
                    made += 1
    return made


def render_request(request: dict[str, Any], step: Callable[[], None]) -> None:
    """Render one segment as another process asks for it, see `_Worker`."""
    task = Task.load(Path(request["task"]))
    segment = next(segment for segment in task.segments if segment.first == request["first"])
    _renderer_of(task).render([segment], Tally(segment.last - segment.first, 1, lambda done, total: step()))


def _renderer_of(task: Task) -> Renderer:
    return _renderer(task.clip, task.analysis, task.segments[0].plan, task.encoding, task.measured)


@functools.lru_cache(maxsize=1)
def _renderer(clip: Path, folder: Path, plan: Path, encoding: Encoding, measured: bool) -> Renderer:
    """What the last segment was rendered with, if the next is of the same plan: its name says what is in it."""
    analysis = load(folder, verified=False)
    if not isinstance(analysis, Analysis):
        raise EnvironmentFault("cache_unreadable", f"The analysis in {folder} cannot be read. Start the render again.")
    return Renderer(clip, analysis, store.load(plan, Plan), encoding, plan.parent, measured=measured)


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_suffix(f"{path.suffix}.part")
    write(part)
    part.replace(path)


class _Worker:
    """An engine process that renders segments, one at a time. It ends when its input is closed, also by our death."""

    def __init__(self, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]) -> None:
        command = [sys.executable, "-m", "lipsync.process"]
        home = Path(__file__).parents[1]
        with starting(Path(command[0]).name):
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=home)
        self._segment: Segment | None = None
        self._counted = 0
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def ask(self, task: Task, segment: Segment) -> None:
        """Give it a segment to render."""
        self._segment, self._counted = segment, 0
        request: dict[str, Any] = {"id": str(segment.first), "verb": "segment", "task": str(task.path.absolute())}
        request |= {"first": segment.first, "last": segment.last}
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it is gone; the listener says so
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()

    def count(self, done: int, tally: Tally) -> None:
        """So many frames of its segment are done."""
        for _ in range(done - self._counted):
            tally.step()
        self._counted = max(self._counted, done)

    def finished(self, tally: Tally) -> None:
        """Its segment is done, perhaps by somebody else."""
        if self._segment is not None:
            self.count(self._segment.last - self._segment.first, tally)
        tally.made()

    def end(self) -> None:
        """Stop it at once."""
        self.process.kill()
        self.process.wait()

    def _listen(self, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]) -> None:
        for line in self.process.stdout or ():
            events.put((self, json.loads(line)))
        events.put((self, {"event": "ended"}))


def _spread(task: Task, segments: list[Segment], count: int, tally: Tally) -> None:
    """Have so many processes render the segments, each asking for the next as it is done."""
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    waiting = segments[::-1]
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            workers.append(_Worker(events))
            workers[-1].ask(task, waiting.pop())
        left = len(segments)
        while left:
            worker, event = events.get()
            if event["event"] == "progress":
                worker.count(event["done"], tally)
            elif event["event"] == "done":
                worker.finished(tally)
                left -= 1
                if waiting:
                    worker.ask(task, waiting.pop())
            elif event["event"] in ("error", "ended"):
                raise _as_error(event)
    finally:
        for worker in workers:
            worker.end()


def _as_error(event: dict[str, Any]) -> Exception:
    """What a worker reports, as the error it met."""
    kinds = {"input": UnusableInput, "environment": EnvironmentFault}
    if event.get("family") in kinds:
        return kinds[event["family"]](event["code"], event["message"], at=event.get("at"), log=event.get("log", ""))
    if event["event"] == "ended":
        return ToolFailed("worker_died", "A process that rendered part of the video ended. Start the render again.")
    return RuntimeError(event.get("traceback") or event.get("message"))


def _workers_for_this_machine() -> int:
    return max(1, min(LARGEST_WORKER_COUNT, len(os.sched_getaffinity(0)) // CORES_PER_WORKER))
