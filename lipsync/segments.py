"""A plan becomes video, ten seconds at a time: each segment is rendered on its own and kept until all are joined.

A segment's bytes depend on the clip, the plan and the encoding alone: not on who renders it, on which machine, or after
which other segment. So it can be resumed after a fault and spread over processes. Its name carries the digest of all
it depends on, and a file beside it the digest of its content.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from lipsync import store
from lipsync.analysis import Analysis, load
from lipsync.errors import EnvironmentFault, ToolFailed, UnusableInput
from lipsync.keeping import PLAN_LENGTH, Hold, lock_of
from lipsync.layers import Wish, paint
from lipsync.machine import starting, writing_to
from lipsync.media import Encoding, Frame, FrameReader, FrameWriter
from lipsync.plan import BLOCK_FRAMES, Plan, Wishes
from lipsync.version import engine_digest, file_digest

SEGMENT_SECONDS = 10
FRAMES_AHEAD = 3
LARGEST_WORKER_COUNT = 8
CORES_PER_WORKER = 2  # one for the picture, one for ffmpeg on both sides of it
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Segment:
    """Output frames `first` to `last` - 1 and the file that holds them."""

    first: int
    last: int
    path: Path

    @property
    def proof(self) -> Path:
        """The file with the digest of a finished segment."""
        return self.path.with_suffix(".sha256")

    @property
    def plan(self) -> Path:
        """The file with the plan, one for all segments of it: renders that share a folder differ in its name."""
        return self.path.with_name(f"{self.path.stem.rpartition('-')[0]}.npz")

    def done(self) -> bool:
        """Whether the segment is there and whole."""
        try:
            return self.proof.read_text() == file_digest(self.path)
        except OSError:
            return False


def cut(clip: Path, analysis: Analysis, plan: Plan, encoding: Encoding, folder: Path) -> list[Segment]:
    """The segments of a plan, named by all that their content depends on."""
    digest = hashlib.sha256(f"{engine_digest()} {analysis.folder.name} {clip.stat().st_size} {asdict(encoding)}".encode())
    for part in (plan.base, plan.mouth.values, plan.mouth.still, plan.strength, plan.mouths, plan.shares, plan.synthetic):
        digest.update(part.tobytes())
    name = digest.hexdigest()[:PLAN_LENGTH]
    length = max(1, round(SEGMENT_SECONDS * analysis.facts.frame_rate / BLOCK_FRAMES)) * BLOCK_FRAMES
    return [
        Segment(first, min(len(plan), first + length), folder / f"{name}-{first:07d}.mp4")
        for first in range(0, len(plan), length)
    ]


@contextmanager
def held(segments: list[Segment]) -> Iterator[None]:
    """Let nobody else render these segments while the block runs; they are removed when it ends well, kept otherwise.

    Raises EnvironmentFault (`not_writable`, `no_space`).
    """
    plan = segments[0].plan
    with Hold(plan) as hold:
        with writing_to(plan.parent):
            plan.parent.mkdir(parents=True, exist_ok=True)
            hold.take(fcntl.LOCK_EX)
        yield
        for path in (*(file for segment in segments for file in (segment.proof, segment.path)), plan, lock_of(plan)):
            with contextlib.suppress(OSError):  # the video is whole; a file left over is no reason to refuse it
                path.unlink(missing_ok=True)


def render_all(
    clip: Path,
    analysis: Analysis,
    plan: Plan,
    segments: list[Segment],
    encoding: Encoding,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    """Render the segments that are not there yet. Raises LipsyncError as rendering one does."""
    missing = [segment for segment in segments if not segment.done()]
    counter = _Counter(len(plan), len(plan) - sum(segment.last - segment.first for segment in missing), progress)
    count = min(workers or _workers_for_this_machine(), len(missing))
    if count <= 1:
        renderer = Renderer(clip, analysis, plan, encoding, segments[0].path.parent)
        for run in _runs(missing):
            renderer.render(run, counter.step)
        return
    _save_plan(plan, segments[0].plan)
    _spread(clip, analysis.folder, missing, encoding, count, counter)


def _runs(segments: list[Segment]) -> list[list[Segment]]:
    """The longest runs of segments that follow one another."""
    runs: list[list[Segment]] = []
    for segment in segments:
        if runs and runs[-1][-1].last == segment.first:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


class Renderer:
    """Renders segments of one plan; what they have in common is worked out once.

    spool: folder where frames wait that are played backwards
    """

    def __init__(self, clip: Path, analysis: Analysis, plan: Plan, encoding: Encoding, spool: Path) -> None:
        self._facts, self._plan, self._encoding = analysis.facts, plan, encoding
        self._reader = FrameReader(clip, analysis.facts, spool=spool)
        self._wishes = Wishes(analysis.space, analysis.bank, analysis.predictor, plan)

    def render(self, run: list[Segment], step: Callable[[], None]) -> None:
        """Render segments that follow one another, each to its file; `step` is called after every frame.

        Their frames are decoded in one go: whoever begins in the middle decodes from the key frame before, often ten seconds.
        """
        first, last = run[0].first, run[-1].last
        frames = self._reader.sequence(self._plan.base[first:last].tolist())
        with contextlib.closing(ahead(frames)) as fetched:
            wished = zip(fetched, self._wishes.of(first, last), strict=True)
            for segment in run:
                self._write(segment, itertools.islice(wished, segment.last - segment.first), step)

    def _write(self, segment: Segment, wished: Iterator[tuple[Frame, Wish]], step: Callable[[], None]) -> None:
        with FrameWriter(segment.path, self._facts, sound=None, encoding=self._encoding) as writer:
            for frame, wish in wished:
                paint(frame, wish)
                writer.write(frame)
                step()
            writer.finish()
        part = segment.proof.with_suffix(".part")
        with writing_to(part.parent):
            part.write_text(file_digest(segment.path))
            part.replace(segment.proof)


def render_request(request: dict[str, Any], step: Callable[[], None]) -> None:
    """Render one segment as another process asks for it, see `_Worker`."""
    segment = Segment(request["first"], request["last"], Path(request["path"]))
    folder, clip = Path(request["analysis"]), Path(request["clip"])
    _renderer(clip, folder, segment.plan, Encoding(**request["encoding"])).render([segment], step)


@functools.lru_cache(maxsize=1)
def _renderer(clip: Path, folder: Path, plan: Path, encoding: Encoding) -> Renderer:
    """What the last segment was rendered with, if the next is of the same plan: its name says what is in it."""
    analysis = load(folder, verified=False)
    if not isinstance(analysis, Analysis):
        raise EnvironmentFault("cache_unreadable", f"The analysis in {folder} cannot be read. Start the render again.")
    return Renderer(clip, analysis, store.load(plan, Plan), encoding, plan.parent)


def _save_plan(plan: Plan, path: Path) -> None:
    part = path.with_suffix(".part")
    with writing_to(path.parent):
        store.save(part, plan)
        part.replace(path)


def ahead(items: Iterator[Item], depth: int = FRAMES_AHEAD) -> Generator[Item, None, None]:
    """The same items, fetched in a thread of their own, at most `depth` in advance."""
    waiting: queue.SimpleQueue[tuple[Item | None, BaseException | None]] = queue.SimpleQueue()
    room, stopped = threading.Semaphore(depth), threading.Event()

    def fetch() -> None:
        try:
            for item in items:
                room.acquire()
                if stopped.is_set():
                    break
                waiting.put((item, None))
            waiting.put((None, StopIteration()))
        except BaseException as error:  # handed over to whoever waits for the item
            waiting.put((None, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            room.release()
            yield cast(Item, item)
    finally:
        stopped.set()
        room.release()
        thread.join()


@dataclass(slots=True)
class _Counter:
    """Frames done over all segments."""

    total: int
    done: int
    progress: Callable[[int, int], None]

    def step(self) -> None:
        self.done += 1
        self.progress(self.done, self.total)


class _Worker:
    """An engine process that renders segments, one at a time. It ends when its input is closed, also by our death."""

    def __init__(self, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]) -> None:
        command = [sys.executable, "-m", "lipsync.process"]
        home = Path(__file__).parents[1]
        with starting(Path(command[0]).name):
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=home)
        self.counted = 0
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def ask(self, request: dict[str, Any]) -> None:
        """Give it a segment to render."""
        self.counted = 0
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it is gone; the listener says so
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()

    def end(self) -> None:
        """Stop it at once."""
        self.process.kill()
        self.process.wait()

    def _listen(self, events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]) -> None:
        for line in self.process.stdout or ():
            events.put((self, json.loads(line)))
        events.put((self, {"event": "ended"}))


def _spread(clip: Path, folder: Path, segments: list[Segment], encoding: Encoding, count: int, counter: _Counter) -> None:
    """Have so many processes render the segments, each asking for the next as it is done."""
    events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    waiting = [
        {
            "id": str(segment.first),
            "verb": "segment",
            "clip": str(clip.absolute()),
            "analysis": str(folder.absolute()),
            "path": str(segment.path.absolute()),
            "first": segment.first,
            "last": segment.last,
            "encoding": asdict(encoding),
        }
        for segment in reversed(segments)
    ]
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            workers.append(_Worker(events))
            workers[-1].ask(waiting.pop())
        left = len(segments)
        while left:
            worker, event = events.get()
            if event["event"] == "progress":
                for _ in range(event["done"] - worker.counted):
                    counter.step()
                worker.counted = event["done"]
            elif event["event"] == "done":
                left -= 1
                if waiting:
                    worker.ask(waiting.pop())
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
