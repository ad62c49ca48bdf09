"""A speaker's lips in a few numbers, and back: aperture, width, and what these two leave unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.faces.landmarks import BRIDGE, CHIN_TIP, LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.mouth_space import MouthSpace, apertures, widths

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


def measures(space: MouthSpace) -> DoubleArray:
    """(n, MEASURES) aperture, width and drop of the chin in every frame of the take, IOD."""
    shapes = space.shapes.astype(np.float64)
    chin = shapes[:, CHIN_TIP, 1].mean(axis=1) - shapes[:, BRIDGE, 1].mean(axis=1)
    return np.stack([apertures(shapes), widths(shapes), chin], axis=1)


def lip_model(space: MouthSpace) -> tuple[LipModel, DoubleArray]:
    """The speaker's model and (n, EXTRA_COMPONENTS) the extra coordinates of every frame of the take."""
    opening = measures(space)[:, :2]
    usable = space.weight > 0
    known = opening[usable]
    lips = space.shapes[:, LIPS].astype(np.float64).reshape(len(opening), -1)
    centre, deviation = known.mean(axis=0), known.std(axis=0) + 1e-6
    terms = _quadratic((opening - centre) / deviation)
    penalty = _RIDGE * len(known) * np.diag([0.0, 1, 1, 1, 1, 1])
    mean = np.linalg.solve(terms[usable].T @ terms[usable] + penalty, terms[usable].T @ lips[usable])
    left = lips - terms @ mean
    covariance = left[usable].T @ left[usable] / len(known) + 1e-10 * np.eye(left.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    largest = np.argsort(values)[::-1][:EXTRA_COMPONENTS]
    spread = np.sqrt(values[largest])
    extra = (vectors[:, largest] * spread).T
    coordinates = left @ vectors[:, largest] / spread
    return LipModel(centre, deviation, known.min(axis=0), known.max(axis=0), mean, extra), coordinates


def _quadratic(opening: DoubleArray) -> DoubleArray:
    a, w = opening.T
    return np.stack([np.ones_like(a), a, w, a * a, a * w, w * w], axis=1)
