"""Frames out of a clip through an ffmpeg pipe, as the camera's own YUV samples.

Nothing is converted to RGB on the way: what is not touched leaves as it came. A clip's frames lie on a grid, frame k at
`k / frame_rate` after the first picture; any frame can be asked for by its number.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from lipsync.errors import UnusableInput
from lipsync.machine import writing_to
from lipsync.media.colour import conversion, pixel_format
from lipsync.media.facts import ClipFacts, even_size
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input
from lipsync.media.timing import PICTURE, UNINDEXED, key_frame_times

UInt8Array = npt.NDArray[np.uint8]

# A seek lands on a key frame and decodes from there; this much is decoded and dropped for filters that look around.
PRE_ROLL_SECONDS = 0.25
# In formats without an index a seek may land anywhere: key frames are looked up and decoding begins well before one.
UNINDEXED_PRE_ROLL_SECONDS = 1.0
# Frames can only be played backwards from a store: so many bytes of it at a time, on disk. Every process that renders has
# its own. Half of it decodes the frames before each piece so often that 1080p costs 1.4 times the CPU.
BACKWARD_BYTES = 256 * 2**20
TICKS = 10**9
# Fixed, so that what a damaged file decodes to does not depend on the machine.
THREADS = 2


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


class FrameReader:
    """Decodes a clip's frames, upright, at its constant rate.

    spool: folder where frames played backwards wait, up to BACKWARD_BYTES; the one for temporary files when not said
    """

    def __init__(self, path: Path, facts: ClipFacts, *, spool: Path | None = None) -> None:
        self.path = path
        self.facts = facts
        self._spool_folder = spool or Path(tempfile.gettempdir())
        self.width, self.height = even_size(facts)
        self._keys: list[float] | None = None

    def forward(self, first: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames `first`, `first + 1`, ... up to `count` of them or the clip's end.

        Raises UnusableInput (`not_a_video`) when not even one frame can be decoded from the start, ToolFailed (`decoder_died`).
        """
        size = self.width * self.height * 3 // 2
        got = 0
        with Tool(self._command(first, count), reading=True) as tool:
            while count is None or got < count:
                data = np.empty(size, dtype=np.uint8)
                if tool.read_into(memoryview(data.data)) < size:
                    tool.check_end()
                    break
                got += 1
                yield Frame(data, self.width, self.height)
            if got == 0 and first == 0:
                raise UnusableInput("not_a_video", "No picture of the clip can be decoded. Export it again as mp4.")

    def sequence(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Frames in the order asked for; steps of +1 and -1 stream, anything else starts anew."""
        for first, count, step in _runs(numbers):
            if step > 0:
                yield from self._exactly(first, count)
            else:
                yield from self._backward(first, count)

    def _backward(self, first: int, count: int) -> Iterator[Frame]:
        """Runs of frames are decoded forwards into a file without a name and taken from its end."""
        size = self.width * self.height * 3 // 2
        longest = max(1, BACKWARD_BYTES // size)
        while count > 0:
            take = min(longest, count)
            with self._spool() as spool:
                for frame in self._exactly(first - take + 1, take):
                    self._keep(frame, spool)
                for place in range(take - 1, -1, -1):
                    data = np.empty(size, dtype=np.uint8)
                    os.preadv(spool.fileno(), [data.data], place * size)
                    yield Frame(data, self.width, self.height)
            first -= take
            count -= take

    def _spool(self) -> IO[bytes]:
        with writing_to(self._spool_folder):
            return tempfile.TemporaryFile(buffering=0, dir=self._spool_folder)

    def _keep(self, frame: Frame, spool: IO[bytes]) -> None:
        with writing_to(self._spool_folder):
            data = memoryview(frame.data.data)
            while data:
                data = data[spool.write(data) :]

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
        facts, target = self.facts, pixel_format(self.facts)
        seek = self._seek(first)
        chain = [*self._on_grid(first, from_start=not seek)]
        if (self.width, self.height) != (facts.width, facts.height):
            chain.append(f"crop={self.width}:{self.height}:0:0")
        chain += conversion(facts)
        # Samples that need no conversion keep the decoder's own name of their format, so that none is put in.
        output = facts.pixel_format if facts.pixel_format in ("yuv420p", "yuvj420p") and not facts.hdr else target
        return ffmpeg(
            *("-filter_threads", str(THREADS), "-copyts", "-threads", str(THREADS)),
            *seek,
            *guarded_input(self.path),
            *("-map", f"0:{PICTURE}", "-vf", ",".join(chain), "-fps_mode", "passthrough"),
            *(("-frames:v", str(count)) if count is not None else ()),
            *("-pix_fmt", output, "-f", "rawvideo", "pipe:1"),
        )

    def _on_grid(self, first: int, *, from_start: bool) -> Iterator[str]:
        """Filters that put pictures on the clip's grid and let them through from frame `first` on.

        Every timestamp is compared with the grid's own beginning, never with where decoding began, so a frame is the
        same picture wherever reading starts: the last that begins less than half a frame after the frame's own time.
        """
        facts = self.facts
        if facts.interlaced:
            yield f"bwdif=mode=send_frame:parity={facts.field_order}:deint=all"
        # Where only every n-th picture is used, none of them may lie half way between two places of the grid.
        early = (1 - Fraction(1, facts.picture_step)) / (2 * facts.frame_rate)
        start = facts.first_timestamp - float(early)
        yield f"settb=1/{TICKS}"
        yield f"setpts=PTS-({round(start * TICKS)})"
        yield f"fps=fps={facts.frame_rate}:round=near" + (":start_time=0" if from_start else "")
        if first > 0:
            yield f"trim=start_pts={first}"

    def _seek(self, first: int) -> tuple[str, ...]:
        """Options that begin decoding at a key frame some frames before the one wanted, or at the clip's start."""
        facts = self.facts
        wanted = facts.video_start + float(first / facts.frame_rate) - max(PRE_ROLL_SECONDS, 4 / float(facts.frame_rate))
        if facts.container in UNINDEXED:
            keys = [time for time in self._key_frames() if time - facts.file_start <= wanted]
            wanted = keys[-1] - facts.file_start - UNINDEXED_PRE_ROLL_SECONDS if keys else 0.0
        return ("-noaccurate_seek", "-ss", f"{wanted:.6f}") if wanted > facts.video_start else ()

    def _key_frames(self) -> list[float]:
        if self._keys is None:
            self._keys = key_frame_times(self.path)
        return self._keys


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """(first, count, step) of maximal runs with step +1 or -1."""
    wanted = list(numbers)
    start = 0
    while start < len(wanted):
        end, steps = start + 1, [1, -1]
        while end < len(wanted) and (step := wanted[end] - wanted[end - 1]) in steps:
            steps = [step]
            end += 1
        yield wanted[start], end - start, steps[0]
        start = end
