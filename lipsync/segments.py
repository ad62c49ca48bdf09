"""A plan becomes video, ten seconds at a time: each segment is rendered on its own and kept until all are joined.

A segment's bytes depend on the clip, the plan and the encoding alone: not on who renders it, on which machine, or after
which other segment. So it can be resumed after a fault and spread over processes (`spreading.py`). Its name carries the digest
of all it depends on, and a file beside it the digest of its content; whoever renders it holds its lock meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lipsync.analysis import Analysis
from lipsync.errors import EnvironmentFault
from lipsync.keeping import PLAN_LENGTH, Hold, lock_of
from lipsync.machine import writing_to
from lipsync.media import Encoding, Frame, FrameReader, FrameWriter
from lipsync.painting import BorrowedMouths, Painter
from lipsync.plan import BLOCK_FRAMES, Plan
from lipsync.sampling import Sampler
from lipsync.version import engine_digest, file_digest

SEGMENT_SECONDS = 10
# Nobody takes longer over ten seconds of video; whoever holds a segment for longer is stopped, not busy.
LONGEST_WAIT_SECONDS, POLL_SECONDS = 120.0, 0.05


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
    def samples(self) -> Path:
        """The file with what was noted of its frames where the render is measured, see `sampling.Samples`."""
        return self.path.with_suffix(".npz")

    @property
    def plan(self) -> Path:
        """The file with the plan, one for all segments of it: renders that share a folder differ in its name."""
        return self.path.with_name(f"{self.path.stem.rpartition('-')[0]}.npz")

    @property
    def task(self) -> Path:
        """The file from which others know what there is to render, see `spreading.Task`."""
        return self.plan.with_suffix(".json")

    def done(self) -> bool:
        """Whether the segment is there and whole."""
        try:
            return self.proof.read_text() == file_digest(self.path)
        except OSError:
            return False


def cut(
    clip: Path, analysis: Analysis, plan: Plan, encoding: Encoding, folder: Path, *, painted_with: str = ""
) -> list[Segment]:
    """The segments of a plan, named by all that their content depends on.

    painted_with: what the painter adds to that, see `Painter`
    """
    named = f"{engine_digest()} {analysis.folder.name} {clip.stat().st_size} {asdict(encoding)} {painted_with}"
    digest = hashlib.sha256(named.encode())
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
    """Let nobody else make a video of these segments while the block runs; they are removed when it ends well, kept otherwise.

    Raises EnvironmentFault (`not_writable`, `no_space`).
    """
    plan = segments[0].plan
    with Hold(plan) as hold:
        with writing_to(plan.parent):
            plan.parent.mkdir(parents=True, exist_ok=True)
            hold.take(fcntl.LOCK_EX)
        yield
        # First what says that there is work: whoever helps must not take a segment that is gone for one that is missing.
        files = ((part.proof, part.path, part.samples, lock_of(part.path)) for part in segments)
        for path in (segments[0].task, plan, *itertools.chain.from_iterable(files), lock_of(plan)):
            with contextlib.suppress(OSError):  # the video is whole; a file left over is no reason to refuse it
                path.unlink(missing_ok=True)


@contextmanager
def alone_with(segment: Segment) -> Iterator[None]:
    """Let nobody else render this segment while the block runs; whoever does is waited for.

    Raises EnvironmentFault (`segment_busy`).
    """
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    with Hold(segment.path) as hold:
        while not hold.tried(fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EnvironmentFault(
                    "segment_busy",
                    "Another process has held a part of this video for minutes. End it, then start the render again.",
                )
            time.sleep(POLL_SECONDS)
        yield


@dataclass(slots=True)
class Tally:
    """Frames and segments done, by whomever; `progress` and `tell` are called with what is done and how much there is."""

    frames: int
    segments: int
    progress: Callable[[int, int], None]
    tell: Callable[[int, int], None] = lambda done, total: None
    frames_done: int = 0
    segments_done: int = 0

    def step(self) -> None:
        """One frame more."""
        self.frames_done += 1
        self.progress(self.frames_done, self.frames)

    def found(self, segment: Segment) -> None:
        """A segment that somebody else has rendered."""
        self.frames_done += segment.last - segment.first
        self.progress(self.frames_done, self.frames)
        self.made()

    def made(self) -> None:
        """One segment more."""
        self.segments_done += 1
        self.tell(self.segments_done, self.segments)


class Renderer:
    """Renders segments of one plan; what they have in common is worked out once.

    spool: folder where frames wait that are played backwards; painter: who paints the frames, else borrowed mouths
    measured: leave samples of the frames beside each segment
    """

    def __init__(
        self,
        clip: Path,
        analysis: Analysis,
        plan: Plan,
        encoding: Encoding,
        spool: Path,
        painter: Painter | None = None,
        *,
        measured: bool = False,
    ) -> None:
        self._facts, self._encoding = analysis.facts, encoding
        self._sampler = Sampler(analysis, plan) if measured else None
        reader = FrameReader(clip, analysis.facts, spool=spool)
        self._source = self._sampler.source(reader) if self._sampler else reader
        self._painter = painter or BorrowedMouths(analysis, plan)

    def render(self, run: list[Segment], tally: Tally) -> None:
        """Render segments that follow one another, each to its file, but those that somebody else renders meanwhile."""
        while run:
            run = run[self._until_met(run, tally) :]

    def render_one(self, segment: Segment, step: Callable[[], None]) -> None:
        """Render a segment that nobody else is rendering; `step` is called after every frame."""
        with self._painted([segment]) as painted:
            self._write(segment, painted, step)

    def _until_met(self, run: list[Segment], tally: Tally) -> int:
        """Render until one is met that is done. Returns how many are done then.

        Their frames are decoded in one go: whoever begins in the middle decodes from the key frame before, often ten seconds.
        """
        with self._painted(run) as painted:
            for number, segment in enumerate(run):
                with alone_with(segment):
                    if segment.done():
                        tally.found(segment)
                        return number + 1
                    self._write(segment, itertools.islice(painted, segment.last - segment.first), tally.step)
                tally.made()
        return len(run)

    @contextmanager
    def _painted(self, run: list[Segment]) -> Iterator[Iterator[Frame]]:
        with contextlib.closing(self._painter.paint(self._source, run[0].first, run[-1].last)) as painted:
            yield painted

    def _write(self, segment: Segment, painted: Iterator[Frame], step: Callable[[], None]) -> None:
        if self._sampler:
            self._sampler.restart()
        with FrameWriter(segment.path, self._facts, sound=None, encoding=self._encoding) as writer:
            for number, frame in enumerate(painted, segment.first):
                if self._sampler:
                    self._sampler.see(number, frame)
                writer.write(frame)
                step()
            writer.finish()
        if self._sampler:
            self._sampler.taken().save(segment.samples)
        part = segment.proof.with_suffix(".part")
        with writing_to(part.parent):
            part.write_text(file_digest(segment.path))
            part.replace(segment.proof)


def runs_of(segments: list[Segment]) -> list[list[Segment]]:
    """The longest runs of segments that follow one another."""
    runs: list[list[Segment]] = []
    for segment in segments:
        if runs and runs[-1][-1].last == segment.first:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs
