"""A plan becomes video, ten seconds at a time: each segment is rendered on its own and kept until all are joined.

A segment's bytes depend on the clip, the plan and the encoding alone: not on who renders it, on which machine, or after
which other segment. So it can be resumed after a fault and spread over processes. Its name carries the digest of all
it depends on, and a file beside it the digest of its content.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from lipsync import store
from lipsync.analysis import Analysis, load
from lipsync.errors import EnvironmentFault, ToolFailed, UnusableInput
from lipsync.layers import Wish, paint
from lipsync.media import Encoding, FrameReader, FrameWriter
from lipsync.plan import BLOCK_FRAMES, Plan, wishes
from lipsync.version import engine_digest, file_digest

SEGMENT_SECONDS = 10
FRAMES_AHEAD = 3
LARGEST_WORKER_COUNT = 8
CORES_PER_WORKER = 2  # one for the picture, one for ffmpeg on both sides of it
PLAN = "plan.npz"
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
    name = digest.hexdigest()[:24]
    length = max(1, round(SEGMENT_SECONDS * analysis.facts.frame_rate / BLOCK_FRAMES)) * BLOCK_FRAMES
    return [
        Segment(first, min(len(plan), first + length), folder / f"{name}-{first:07d}.mp4")
        for first in range(0, len(plan), length)
    ]


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
        for segment in missing:
            render_segment(clip, analysis, plan, segment, encoding, counter.step)
        return
    store.save(segments[0].path.parent / PLAN, plan)
    _spread(clip, analysis.folder, missing, encoding, count, counter)


def render_segment(
    clip: Path, analysis: Analysis, plan: Plan, segment: Segment, encoding: Encoding, step: Callable[[], None]
) -> None:
    """Render one segment to its file; `step` is called after every frame."""
    base = plan.base[segment.first : segment.last].tolist()
    frames = FrameReader(clip, analysis.facts).sequence(base)
    with FrameWriter(segment.path, analysis.facts, sound=None, encoding=encoding) as writer:
        with contextlib.closing(ahead(frames)) as fetched:
            for frame, wish in zip(fetched, _wishes(analysis, plan, segment), strict=True):
                paint(frame, wish)
                writer.write(frame)
                step()
        writer.finish()
    part = segment.proof.with_suffix(".part")
    part.write_text(file_digest(segment.path))
    part.replace(segment.proof)


def _wishes(analysis: Analysis, plan: Plan, segment: Segment) -> Iterator[Wish]:
    return wishes(analysis.space, analysis.bank, analysis.predictor, plan, segment.first, segment.last)


def render_request(request: dict[str, Any], step: Callable[[], None]) -> None:
    """Render one segment as another process asks for it, see `_Worker`."""
    folder = Path(request["analysis"])
    analysis = load(folder, verified=False)
    if not isinstance(analysis, Analysis):
        raise EnvironmentFault("cache_unreadable", f"The analysis in {folder} cannot be read. Start the render again.")
    segment = Segment(request["first"], request["last"], Path(request["path"]))
    plan = store.load(segment.path.parent / PLAN, Plan)
    render_segment(Path(request["clip"]), analysis, plan, segment, Encoding(**request["encoding"]), step)


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
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
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
            "clip": str(clip),
            "analysis": str(folder),
            "path": str(segment.path),
            "first": segment.first,
            "last": segment.last,
            "encoding": asdict(encoding),
        }
        for segment in reversed(segments)
    ]
    workers = [_Worker(events) for _ in range(count)]
    try:
        for worker in workers:
            worker.ask(waiting.pop())
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
        return kinds[event["family"]](event["code"], event["message"], at=event.get("at"))
    if event["event"] == "ended":
        return ToolFailed("worker_died", "A process that rendered part of the video ended. Start the render again.")
    return RuntimeError(event.get("traceback") or event.get("message"))


def _workers_for_this_machine() -> int:
    return max(1, min(LARGEST_WORKER_COUNT, len(os.sched_getaffinity(0)) // CORES_PER_WORKER))
