"""How any mouth opens, for a speaker who never does in the take: a lip model made of the mouth at rest alone.

The change of the lips with aperture and width, what the lower face does with it, and how far people open their mouths in
speech were fitted on landmarks of the GRID corpus by `lipsync.training.any_mouth`; only the rest shape is this speaker's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.lips import EXTRA_COMPONENTS, LipModel
from lipsync.mouth_space import MouthSpace
from lipsync.shapes import apertures_of_lips, widths_of_lips

WEIGHTS = Path(__file__).parent / "weights" / "any_mouth.npz"
QUANTILES = np.linspace(0, 1, 101)
LITTLE_MOVEMENT_IOD = 0.05


def hardly_moves(space: MouthSpace) -> bool:
    """Whether the take shows too little of the mouth's range to be asked for more than it has."""
    opening = space.opening[space.weight > 0, 0]
    return len(opening) > 0 and movement(opening) < LITTLE_MOVEMENT_IOD


def movement(apertures: DoubleArray | FloatArray) -> float:
    """How far the lips open and close, IOD, without the rarest frames. apertures: (m,) IOD, at least one"""
    low, high = np.percentile(apertures, [2, 98])
    return float(high - low)


def opening_terms(opening: DoubleArray) -> DoubleArray:
    """(n, 5) of (n, 2): change of aperture and width from the mouth at rest, their squares and product."""
    aperture, width = opening.T
    return np.stack([aperture, width, aperture**2, aperture * width, width**2], axis=1)


def open_model(rest: DoubleArray) -> tuple[LipModel, DoubleArray]:
    """The lips of somebody of whom only the mouth at rest is known, and how far they are taken to move.

    rest: (len(LIPS), 3) IOD, own frame. The second is (101, 2 + EXTRA_COMPONENTS): quantiles of aperture and width, IOD,
    in the place of the take's own values.
    """
    weights = _weights()
    centre = np.array([apertures_of_lips(rest[None])[0], widths_of_lips(rest[None])[0]])
    opening = np.maximum(centre + weights["range"], [0.0, 0.5 * centre[1]])
    mean = np.concatenate([rest.reshape(1, -1), weights["mean"]])
    nothing = np.zeros((EXTRA_COMPONENTS, rest.size))
    model = LipModel(centre, np.ones(2), opening.min(axis=0), opening.max(axis=0), mean, nothing)
    return model, np.concatenate([opening, np.zeros((len(opening), EXTRA_COMPONENTS))], axis=1)


def with_any_follow(space: MouthSpace) -> MouthSpace:
    """The same space with a lower face that follows the lips as anybody's does: a still take cannot teach it."""
    weights = _weights()
    return replace(space, model=replace(space.model, components=weights["components"], follow=weights["follow"]))


@cache
def _weights() -> dict[str, npt.NDArray[np.float64]]:
    with np.load(WEIGHTS) as stored:
        found = {name: stored[name].astype(np.float64) for name in ("mean", "components", "follow", "range")}
    if found["mean"].shape[1] != 3 * len(LIPS):
        raise ValueError(f"{WEIGHTS.name} was fitted on other lip points; run lipsync.training.any_mouth again")
    return found
