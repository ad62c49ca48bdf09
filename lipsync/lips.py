"""A speaker's lips in a few numbers, and back: aperture, width, and what these two leave unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.faces.landmarks import LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.faces.track import IntArray
from lipsync.mouth_space import MouthSpace
from lipsync.shapes import BLOCK_FRAMES

EXTRA_COMPONENTS = 6
MEASURES = 3
_RIDGE = 0.003


@dataclass(frozen=True, slots=True)
class LipModel:
    """The speaker's mean lips for every aperture and width, plus components of what varies besides.

    centre, deviation: (2,) aperture and width over the take, IOD
    lowest, highest: (2,) range over the take, IOD
    mean: (6, len(LIPS) * 3) coefficients of 1, a, w, a^2, a w, w^2
    extra: (EXTRA_COMPONENTS, len(LIPS) * 3), of unit variance over the take
    """

    centre: DoubleArray
    deviation: DoubleArray
    lowest: DoubleArray
    highest: DoubleArray
    mean: DoubleArray
    extra: DoubleArray

    def lips(self, aperture: DoubleArray, width: DoubleArray, extra: DoubleArray) -> DoubleArray:
        """(n, len(LIPS), 3) of aperture (n,) and width (n,) in IOD and extra (n, EXTRA_COMPONENTS)."""
        opening = np.clip(np.stack([aperture, width], axis=1), self.lowest, self.highest)
        flat = _quadratic((opening - self.centre) / self.deviation) @ self.mean + extra @ self.extra
        return np.asarray(flat.reshape(len(flat), -1, 3))

    def extras(self, opening: DoubleArray, lips: DoubleArray) -> DoubleArray:
        """(n, EXTRA_COMPONENTS) coordinates of lips (n, len(LIPS) * 3) at aperture and width (n, 2)."""
        left = lips - _quadratic((opening - self.centre) / self.deviation) @ self.mean
        return np.asarray(left @ (self.extra / (self.extra**2).sum(axis=1, keepdims=True)).T)


def lip_model(space: MouthSpace) -> LipModel:
    """The speaker's model, from the frames in which the mouth is well seen."""
    some = space.usable()
    known, lips = space.opening[some, :2].astype(np.float64), lips_of(space, some)
    centre, deviation = known.mean(axis=0), known.std(axis=0) + 1e-6
    terms = _quadratic((known - centre) / deviation)
    penalty = _RIDGE * len(known) * np.diag([0.0, 1, 1, 1, 1, 1])
    mean = np.linalg.solve(terms.T @ terms + penalty, terms.T @ lips)
    left = lips - terms @ mean
    covariance = left.T @ left / len(known) + 1e-10 * np.eye(left.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    largest = np.argsort(values)[::-1][:EXTRA_COMPONENTS]
    extra = (vectors[:, largest] * np.sqrt(values[largest])).T
    every = space.opening[space.weight > 0, :2].astype(np.float64)
    return LipModel(centre, deviation, every.min(axis=0), every.max(axis=0), mean, extra)


def lips_of(space: MouthSpace, numbers: IntArray) -> DoubleArray:
    """(m, len(LIPS) * 3) the take's own lips in these frames."""
    lips = np.empty((len(numbers), len(LIPS) * 3))
    for start in range(0, len(numbers), BLOCK_FRAMES):
        part = slice(start, start + BLOCK_FRAMES)
        lips[part] = space.shapes[numbers[part]][:, LIPS].reshape(len(numbers[part]), -1)
    return lips


def _quadratic(opening: DoubleArray) -> DoubleArray:
    a, w = opening.T
    return np.stack([np.ones_like(a), a, w, a * a, a * w, w * w], axis=1)
