"""Wav2Lip's painter: what is heard at each frame and the face that lies there become a face that says it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Protocol

import numpy as np

from lipsync.ahead import ahead
from lipsync.analysis import Analysis
from lipsync.face_pixels import Colours, cut_square, lay_square
from lipsync.face_squares import FaceSquares
from lipsync.faces.track import IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.media import Frame
from lipsync.painting import FrameSource
from lipsync.plan import Plan
from lipsync.sound.speech_mel import SpokenRows

SIDE_PIXELS = 96


class Network(Protocol):
    """Whoever answers arrays of as many rows each, see `networks.device.Runner`. batch: how many it is asked at once"""

    batch: int

    def __call__(self, *inputs: FloatArray) -> FloatArray: ...


class SpokenMouths:
    """Paints mouths that the network makes; see `painting.Painter`. network: of `networks.wav2lip`"""

    def __init__(self, analysis: Analysis, plan: Plan, spoken: SpokenRows, network: Network) -> None:
        self._plan, self._spoken, self._network = plan, spoken, network
        self._squares, self._colours = FaceSquares(analysis.space), Colours.of(analysis.facts)

    def paint(self, reader: FrameSource, first: int, last: int) -> Generator[Frame, None, None]:
        """See `Painter`."""
        with contextlib.closing(ahead(reader.sequence(self._plan.base[first:last].tolist()))) as fetched:
            for numbers in batches(first, last, self._network.batch):
                frames = list(islice(fetched, len(numbers)))
                self._change(frames, numbers)
                yield from frames

    def _change(self, frames: list[Frame], numbers: IntArray) -> None:
        changed = np.flatnonzero(self._plan.strength[numbers] > 0)
        if not len(changed):
            return
        numbers = numbers[changed]
        base = self._plan.base[numbers].astype(np.intp)
        maps, strengths = self._squares.upright(base, SIDE_PIXELS), self._plan.strength[numbers].tolist()
        faces = [
            cut_square(frames[place], there, SIDE_PIXELS, self._colours) for place, there in zip(changed, maps, strict=True)
        ]
        made = self._network(self._spoken.at(numbers), shown(np.stack(faces))).transpose(0, 2, 3, 1)
        rest = zip(changed, made, maps, self._squares.rings(base), self._squares.units(base), strengths, strict=True)
        for place, face, there, ring, unit, strength in rest:
            lay_square(frames[place], face, there, ring, self._colours, unit=unit, strength=strength)


def shown(faces: FloatArray) -> FloatArray:
    """(n, 6, side, side): each face with its lower half black, then as it is; faces: (n, side, side, 3)"""
    halved = faces.copy()
    halved[:, faces.shape[1] // 2 :] = 0
    return np.ascontiguousarray(np.concatenate([halved, faces], axis=3).transpose(0, 3, 1, 2))


def batches(first: int, last: int, size: int) -> Iterator[IntArray]:
    """The numbers `first` to `last` - 1 in batches that end at multiples of `size`: the same ones in any range."""
    while first < last:
        end = min(last, (first // size + 1) * size)
        yield np.arange(first, end)
        first = end
