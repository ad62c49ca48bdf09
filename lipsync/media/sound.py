"""Sound as samples: any file that ffmpeg knows goes in, 16 kHz mono comes out in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.errors import UnusableInput
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input

SAMPLE_RATE = 16_000
BLOCK_SECONDS = 20


def read_sound(path: Path) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks of mono samples at 16 kHz, full scale 1; sample 0 is the file's first instant.

    Raises UnusableInput (`no_sound`) when nothing can be decoded.
    """
    command = ffmpeg(
        *guarded_input(path),
        *("-map", "0:a:0", "-af", f"aresample={SAMPLE_RATE}:async=1:first_pts=0", "-ac", "1", "-f", "f32le", "pipe:1"),
    )
    size = BLOCK_SECONDS * SAMPLE_RATE * 4
    heard = 0
    with Tool(command, reading=True) as tool:
        while True:
            block = np.empty(size // 4, dtype=np.float32)
            samples = tool.read_into(memoryview(block.data).cast("B")) // 4
            heard += samples
            if samples:
                yield block[:samples]
            if samples < len(block):
                break
        tool.wait(timeout=60)
    if heard == 0:
        raise UnusableInput("no_sound", "There is no sound that can be decoded. Choose another recording.")
