"""Restores painted mouths: faces go through GFPGAN, and of what it changes the lower face is laid over them.

A network that looks at single pictures flickers. What it changes in a frame is therefore averaged with what it changes in the
frames beside it, wherever these look the same there (Tomasi and Manduchi 1998, in time).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.analysis import Analysis
from lipsync.face_pixels import Colours, cut_square, lay_square
from lipsync.face_squares import FaceSquares
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.media import Frame
from lipsync.painting import FrameSource, Painter
from lipsync.plan import Plan
from lipsync.speaking import Network, batches

SIDE_PIXELS = 512
# Shares of the frames beside one that looks the same; where they differ by so much, 1 being white, little is left of them.
BESIDE_SHARE, UNLIKE = 0.5, 0.06
ALIKE_SIGMA_PIXELS = 4.0


@dataclass(frozen=True, slots=True)
class _Restored:
    """A painted frame, its aligned face, and what the network changes in it; None where nothing was painted."""

    frame: Frame
    there: DoubleArray
    face: FloatArray | None
    change: FloatArray | None


class RestoredMouths:
    """Restores what another painter painted; see `painting.Painter`. network: of `networks.gfpgan`"""

    def __init__(self, painter: Painter, analysis: Analysis, plan: Plan, network: Network) -> None:
        self._painter, self._plan, self._network = painter, plan, network
        self._squares, self._colours = FaceSquares(analysis.space), Colours.of(analysis.facts)

    def paint(self, reader: FrameSource, first: int, last: int) -> Generator[Frame, None, None]:
        """See `Painter`. One frame more on either side is painted, for what is averaged."""
        low, high = max(0, first - 1), min(len(self._plan), last + 1)
        with contextlib.closing(self._painter.paint(reader, low, high)) as painted:
            before: _Restored | None = None
            here: _Restored | None = None
            numbers = iter(range(low, high))
            for after in self._restored(painted, low, high):
                if here is not None and (number := next(numbers)) >= first:
                    yield self._finished(number, here, before, after)
                before, here = here, after
            if here is not None and high == last:
                yield self._finished(last - 1, here, before, None)

    def _restored(self, painted: Iterator[Frame], low: int, high: int) -> Iterator[_Restored]:
        for numbers in batches(low, high, self._network.batch):
            frames = [next(painted) for _ in numbers]
            maps = self._squares.aligned(self._plan.base[numbers].astype(np.intp))
            changed = np.flatnonzero(self._plan.strength[numbers] > 0).tolist()
            faces = {place: cut_square(frames[place], maps[place], SIDE_PIXELS, self._colours) for place in changed}
            changes = dict(zip(changed, self._changes(list(faces.values())), strict=True))
            for place, frame in enumerate(frames):
                yield _Restored(frame, maps[place], faces.get(place), changes.get(place))

    def _changes(self, faces: list[FloatArray]) -> list[FloatArray]:
        if not faces:
            return []
        asked = np.stack(faces)[..., ::-1].transpose(0, 3, 1, 2) * 2 - 1
        made = (self._network(np.ascontiguousarray(asked)).clip(-1, 1) + 1) / 2
        return [answer - face for answer, face in zip(made.transpose(0, 2, 3, 1)[..., ::-1], faces, strict=True)]

    def _finished(self, number: int, here: _Restored, before: _Restored | None, after: _Restored | None) -> Frame:
        if here.face is not None and here.change is not None:
            change, weight = here.change.copy(), np.ones_like(here.face[..., :1])
            for other in (before, after):
                if other is not None and other.face is not None and other.change is not None:
                    share = _alike(here.face, other.face)
                    change += share * other.change
                    weight += share
            base = self._plan.base[number : number + 1].astype(np.intp)
            (ring,), (unit,) = self._squares.rings(base), self._squares.units(base)
            strength = float(self._plan.strength[number])
            picture = here.face + change / weight
            lay_square(here.frame, picture, here.there, ring, self._colours, unit=unit, strength=strength)
        return here.frame


def _alike(one: FloatArray, other: FloatArray) -> FloatArray:
    """(h, w, 1) how much a frame beside counts, by how much it looks the same there."""
    apart = cv2.GaussianBlur(np.abs(one - other).mean(axis=2), (0, 0), ALIKE_SIGMA_PIXELS)
    return np.asarray(BESIDE_SHARE * np.exp(-((apart / UNLIKE) ** 2)), dtype=np.float32)[..., None]
