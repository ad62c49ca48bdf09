"""Small pictures of a few frames of a take, spread over it: frames go by, pictures for the card's strip stay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.media import ClipFacts, Frame, FrameReader

Picture = npt.NDArray[np.uint8]

STRIP_WIDTH = 1920
SPACE = 8
TALLEST = 340
FEWEST, MOST = 6, 10
# Weights of red and blue in luma: ITU-R BT.601 and BT.709. Untagged pictures of this height and more are taken for the latter.
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
HIGH_DEFINITION_LINES = 720
# A seek decodes from a key frame before it on, about this much; a pass over a shorter take is cheaper.
SECONDS_PER_SEEK = 6


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of the take, small. number: of the frame; picture: (h, w, 3) uint8 RGB; scale: its px per px of the frame"""

    number: int
    picture: Picture
    scale: tuple[float, float]


class MomentKeeper:
    """Keeps the moments while the take streams by: offer every frame before anything is painted into it.

    numbers: the frames that are wanted, in the middle of equal shares of the part; about a megabyte is kept in all
    """

    def __init__(self, facts: ClipFacts, part: range) -> None:
        aspect = facts.width * float(facts.sample_aspect) / facts.height
        fitting = (count for count in range(FEWEST, MOST) if tile_width(count) / aspect <= TALLEST)
        count = min(next(fitting, MOST), max(1, len(part)))
        width = tile_width(max(count, FEWEST))
        self.numbers = [part.start + int((place + 0.5) * len(part) / count) for place in range(count)]
        self.moments: list[Moment] = []
        self._size = (width, max(2, round(width / aspect)))
        self._facts = facts

    def offer(self, number: int, frame: Frame) -> None:
        """Keep the frame if it is wanted. Frames come in their order."""
        if len(self.moments) < len(self.numbers) and number == self.numbers[len(self.moments)]:
            scale = (self._size[0] / frame.width, self._size[1] / frame.height)
            self.moments.append(Moment(number, _small_rgb(frame, self._size, self._facts), scale))

    def read(self, path: Path) -> None:
        """Fetch the frames from the clip, for want of a pass to join.

        Raises UnusableInput as `FrameReader`.
        """
        reader, count = FrameReader(path, self._facts), self.numbers[-1] + 1
        if count > SECONDS_PER_SEEK * self._facts.frame_rate * len(self.numbers):
            frames = zip(self.numbers, reader.sequence(self.numbers), strict=True)
        else:
            frames = zip(range(count), reader.forward(0, count), strict=False)
        for number, frame in frames:
            self.offer(number, frame)


def tile_width(count: int) -> int:
    """Width in px of each of so many pictures in a row."""
    return (STRIP_WIDTH - (count - 1) * SPACE) // count


def _small_rgb(frame: Frame, size: tuple[int, int], facts: ClipFacts) -> Picture:
    y, u, v = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32) for plane in (frame.y, frame.u, frame.v)
    )
    matrix = facts.colour.get("colorspace", "bt709" if facts.height >= HIGH_DEFINITION_LINES else "")
    red, blue = BT709 if matrix == "bt709" else BT601
    if not facts.full_range:
        y, u, v = (y - 16) * (255 / 219), (u - 128) * (255 / 224) + 128, (v - 128) * (255 / 224) + 128
    r = y + (v - 128) * (2 - 2 * red)
    b = y + (u - 128) * (2 - 2 * blue)
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.asarray(np.clip(np.stack([r, g, b], axis=2) + 0.5, 0, 255), dtype=np.uint8)
