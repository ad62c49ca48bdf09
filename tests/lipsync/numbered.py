"""Videos whose every picture carries its number in black and white blocks, which survive any codec, range and curve."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.media import Frame, FrameReader

ACROSS, DOWN = 4, 3
WIDTH, HEIGHT = 128, 96
BLACK, WHITE = 40, 200


def numbered_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """(height * 3 / 2, width) uint8, 4:2:0: the bits of `number`, least first, in a grid of blocks with a tint."""
    bits = (number >> np.arange(ACROSS * DOWN) & 1).reshape(DOWN, ACROSS)
    rows, columns = np.arange(height) * DOWN // height, np.arange(width) * ACROSS // width
    luma = np.where(bits[rows][:, columns], WHITE, BLACK)
    blue, red = np.full((height // 4, width), 108), np.full((height // 4, width), 128)
    return np.concatenate([luma, blue, red]).astype(np.uint8)


def numbered_clip(
    path: Path, *options: str | Path, frames: int = 40, rate: str = "25", width: int = WIDTH, height: int = HEIGHT
) -> Path:
    """A video of pictures 0, 1, ..., encoded with ffmpeg's options."""
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", rate, "-i", "pipe:0")
    command = ["ffmpeg", "-y", "-v", "error", *raw, *map(str, options), str(path)]
    data = b"".join(numbered_picture(number, width, height).tobytes() for number in range(frames))
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return path


def number_of(frame: Frame) -> int:
    """The number that a picture carries."""
    high, wide = frame.height // DOWN, frame.width // ACROSS
    blocks = frame.y[: high * DOWN, : wide * ACROSS].reshape(DOWN, high, ACROSS, wide)
    middle = blocks[:, high // 4 : -high // 4, :, wide // 4 : -wide // 4].mean(axis=(1, 3))
    return int(((middle > (BLACK + WHITE) / 2).ravel() << np.arange(ACROSS * DOWN)).sum())


def numbers(frames: Iterable[Frame]) -> list[int]:
    """The numbers of pictures in order."""
    return [number_of(frame) for frame in frames]


def assert_ranges_alone_are_the_same(reader: FrameReader, starts: Iterable[int], length: int = 3) -> list[int]:
    """Frames read from any start are, to the byte, those read from the clip's beginning, whose numbers are returned."""
    whole = list(reader.forward())
    for first in starts:
        alone = [frame.data.tobytes() for frame in reader.forward(first, length)]
        assert alone == [frame.data.tobytes() for frame in whole[first : first + length]], f"frames from {first} on differ"
    return numbers(whole)
