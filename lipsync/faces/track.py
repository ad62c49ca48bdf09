"""One person's face through a whole take, as the later stages read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lipsync.faces.tracker import FloatArray
from lipsync.rows import RowFile

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """The followed face over the whole take.

    rows: landmarks of every frame, (len(KEPT), 3) px each; anything where no face was found
    source: (n,) the frame whose landmarks stand for this one: itself where the face was seen, else the nearest that saw it
    seen: (n,) bool
    drift: (n, 4) float32, see `SkinDrift`
    shot: (n,) number of the camera's shot, growing from 0; nothing that runs over time crosses from one to the next
    """

    rows: RowFile
    source: IntArray
    seen: npt.NDArray[np.bool_]
    drift: FloatArray
    shot: IntArray

    def __len__(self) -> int:
        return len(self.seen)

    def points(self, numbers: IntArray) -> FloatArray:
        """(len(numbers), len(KEPT), 3) px landmarks of these frames; a frame without a face repeats its neighbour."""
        return self.rows.take(self.source[numbers])

    @property
    def coverage(self) -> float:
        """Share of frames in which the face was found."""
        return float(self.seen.mean())

    def shots(self) -> Iterator[slice]:
        """The runs of frames between cuts."""
        borders = np.concatenate([[0], np.flatnonzero(np.diff(self.shot)) + 1, [len(self.shot)]])
        yield from (slice(int(start), int(end)) for start, end in pairwise(borders))


def nearest_seen(seen: npt.NDArray[np.bool_], shot: IntArray) -> IntArray:
    """(n,) for every frame the nearest one with a face, within its shot where there is one; itself where none is at all."""
    numbers = np.arange(len(seen))
    source = numbers.copy()
    everywhere = np.flatnonzero(seen)
    for part in np.split(numbers, np.flatnonzero(np.diff(shot)) + 1):
        known = part[seen[part]] if len(part) else part
        known = known if len(known) else everywhere
        if len(known):
            after = np.searchsorted(known, part).clip(0, len(known) - 1)
            before = (after - 1).clip(0)
            nearer = np.abs(known[after] - part) <= np.abs(known[before] - part)
            source[part] = np.where(nearer, known[after], known[before])
    return source
