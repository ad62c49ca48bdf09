"""Frames in and out through ffmpeg pipes, as the camera's own YUV samples.

Nothing is converted to RGB on the way: what is not touched leaves as it came. A clip's frames lie on a grid, frame k at
`k / frame_rate` after the first picture; any frame can be asked for by its number.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from lipsync.errors import EnvironmentFault, ToolFailed, UnusableInput
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input
from lipsync.media.probe import ClipFacts

UInt8Array = npt.NDArray[np.uint8]

# A seek lands on a key frame and decodes from there; this much is decoded and dropped so that the grid's phase is exact.
PRE_ROLL_SECONDS = 2
# Frames can only be played backwards from memory: so many bytes of them at a time.
BACKWARD_BYTES = 48 * 2**20
STALL_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, 8 bit, 4:2:0.

    data: (height * width * 3 / 2,) uint8, planes one after the other; the views below write through
    y: (height, width); u, v: (height / 2, width / 2)
    """

    data: UInt8Array
    width: int
    height: int

    @property
    def y(self) -> UInt8Array:
        """Luma."""
        return self.data[: self.width * self.height].reshape(self.height, self.width)

    @property
    def u(self) -> UInt8Array:
        """Blue-difference chroma."""
        return self._chroma(0)

    @property
    def v(self) -> UInt8Array:
        """Red-difference chroma."""
        return self._chroma(1)

    @property
    def stacked(self) -> UInt8Array:
        """(height * 3 / 2, width), the layout that OpenCV calls I420."""
        return self.data.reshape(self.height * 3 // 2, self.width)

    def _chroma(self, index: int) -> UInt8Array:
        size = self.width * self.height // 4
        start = self.width * self.height + index * size
        return self.data[start : start + size].reshape(self.height // 2, self.width // 2)


def even_size(facts: ClipFacts) -> tuple[int, int]:
    """Width and height worked at: 4:2:0 needs both even, so an odd last column or row is dropped."""
    return facts.width // 2 * 2, facts.height // 2 * 2


class FrameReader:
    """Decodes a clip's frames, upright, at its constant rate."""

    def __init__(self, path: Path, facts: ClipFacts) -> None:
        self.path = path
        self.facts = facts
        self.width, self.height = even_size(facts)

    def forward(self, first: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames `first`, `first + 1`, ... up to `count` of them or the clip's end.

        Raises UnusableInput (`not_a_video`) when not even one frame can be decoded from the start.
        """
        size = self.width * self.height * 3 // 2
        got = 0
        with Tool(self._command(first, count), stdout=subprocess.PIPE) as tool:
            while count is None or got < count:
                data = np.empty(size, dtype=np.uint8)
                if tool.read_into(memoryview(data.data)) < size:
                    break
                got += 1
                yield Frame(data, self.width, self.height)
            if got == 0 and first == 0:
                raise UnusableInput(
                    "not_a_video", "No picture of the clip can be decoded. Export it again as mp4."
                )

    def sequence(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Frames in the order asked for; steps of +1 and -1 stream, anything else starts anew."""
        for first, count, step in _runs(numbers):
            if step > 0:
                yield from self._exactly(first, count)
            else:
                yield from self._backward(first, count)

    def _backward(self, first: int, count: int) -> Iterator[Frame]:
        chunk = max(1, BACKWARD_BYTES // (self.width * self.height * 3 // 2))
        while count > 0:
            take = min(chunk, count)
            yield from reversed(list(self._exactly(first - take + 1, take)))
            first -= take
            count -= take

    def _exactly(self, first: int, count: int) -> Iterator[Frame]:
        """Like `forward`, but repeats the last frame where a damaged clip gives fewer than it did before."""
        got, last = 0, None
        for last in self.forward(first, count):
            got += 1
            yield last
        while got < count:
            if last is None:
                raise UnusableInput(
                    "damaged_video",
                    f"The clip cannot be decoded from frame {first} on. Export it again as mp4.",
                    at=float(first / self.facts.frame_rate),
                )
            got += 1
            yield Frame(last.data.copy(), last.width, last.height)

    def _command(self, first: int, count: int | None) -> list[str]:
        rate, facts = self.facts.frame_rate, self.facts
        start = facts.file_start + facts.video_start
        skipped = max(0, first - math.ceil(PRE_ROLL_SECONDS * rate))
        # Time stamps stay those of the file, so that the grid is the same wherever decoding starts.
        grid = f"fps=fps={rate}:start_time={start + float(skipped / rate):.6f}:round=near"
        # Half a frame early, so that rounding never drops the first frame wanted.
        seek = facts.video_start + float((skipped - Fraction(1, 2)) / rate)
        chain = [grid, f"trim=start_frame={first - skipped}", f"crop={self.width}:{self.height}:0:0"]
        pixel_format = "yuvj420p" if facts.full_range else "yuv420p"
        return ffmpeg(
            "-copyts",
            *(("-ss", f"{seek:.6f}") if skipped > 0 else ()),
            *guarded_input(self.path),
            *("-map", "0:v:0", "-vf", ",".join(chain), "-fps_mode", "passthrough"),
            *(("-frames:v", str(count)) if count is not None else ()),
            *("-pix_fmt", pixel_format, "-f", "rawvideo", "pipe:1"),
        )


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """(first, count, step) of maximal runs with step +1 or -1."""
    wanted = list(numbers)
    start = 0
    while start < len(wanted):
        end, step = start + 1, 0
        for here, there in pairwise(wanted[start:]):
            if there - here not in (1, -1) or (step and there - here != step):
                break
            step = there - here
            end += 1
        yield wanted[start], end - start, step or 1
        start = end


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the picture is encoded. quality: x264's constant rate factor; preset: x264's speed preset"""

    quality: int = 18
    preset: str = "veryfast"


class FrameWriter:
    """Encodes frames to h264 in mp4 and adds the new sound; the file gets its name only when it is complete."""

    def __init__(
        self, output: Path, facts: ClipFacts, *, sound: Path | None, seconds: float | None = None, encoding: Encoding | None = None
    ) -> None:
        self.output = output
        self.part = output.with_name(f".{output.name}.part")
        self.frames = 0
        self._size = even_size(facts)
        self._command = self._build(facts, sound, seconds, encoding or Encoding())

    def _build(self, facts: ClipFacts, sound: Path | None, seconds: float | None, encoding: Encoding) -> list[str]:
        width, height = self._size
        pixel_format = "yuvj420p" if facts.full_range else "yuv420p"
        tags = [part for name, value in facts.colour.items() for part in (f"-{name}", value)]
        if facts.full_range:
            tags += ["-color_range", "pc"]
        aspect = facts.sample_aspect
        raw = ("-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}", "-r", str(facts.frame_rate))
        command = ["-y", *raw, "-thread_queue_size", "8", "-i", "pipe:0"]
        if sound is not None:
            command += [*guarded_input(sound), "-map", "0:v:0", "-map", "1:a:0"]
            command += ["-af", "aresample=48000:async=1:first_pts=0", "-c:a", "aac", "-b:a", "192k"]
            if seconds is not None:
                command += ["-t", f"{seconds:.6f}"]
        command += ["-vf", f"setsar={aspect.numerator}/{aspect.denominator}", "-fps_mode", "passthrough"]
        command += ["-c:v", "libx264", "-preset", encoding.preset, "-crf", str(encoding.quality), "-pix_fmt", pixel_format]
        command += [*tags, "-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4", f"file:{self.part}"]
        return ffmpeg(*command)

    def __enter__(self) -> Self:
        try:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            self.part.touch()
        except OSError as error:
            raise EnvironmentFault(
                "not_writable",
                f"Nothing can be written to {self.output.parent} ({error.strerror}). Choose another folder or change its permissions.",
            ) from error
        self._tool = Tool(self._command, stdin=subprocess.PIPE)
        return self

    def write(self, frame: Frame) -> None:
        """Encode one more frame. Raises EnvironmentFault (`no_space`, `encoder_failed`)."""
        pipe = self._tool.process.stdin
        if pipe is None:
            raise ValueError("the writer is not open")
        try:
            data = memoryview(frame.data.data)
            while data:
                data = data[pipe.write(data) :]
        except BrokenPipeError as error:
            raise self._failure() from error
        self.frames += 1

    def finish(self) -> None:
        """Close the file and give it its name. Raises EnvironmentFault (`no_space`, `encoder_failed`)."""
        if self._tool.process.stdin is not None:
            self._tool.process.stdin.close()
        if self._tool.wait(timeout=STALL_SECONDS) != 0:
            raise self._failure()
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self.output)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._tool.__exit__(kind, error, trace)
        self.part.unlink(missing_ok=True)

    def _failure(self) -> EnvironmentFault:
        log = self._tool.log()
        if "No space left" in log:
            return EnvironmentFault("no_space", f"The disk with {self.output.parent} is full. Free some room and try again.")
        return ToolFailed("encoder_failed", "The video could not be encoded. See the log for what ffmpeg said.", log=log)
