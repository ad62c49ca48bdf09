"""How far a take's own sound lies from its picture, and whether it is this mouth's sound at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.sound.features import SoundFeatures

# From features (n, d) to a mouth (n, MEASURES), such as `generic.Generic`.
Answer = Callable[[FloatArray], DoubleArray]

LARGEST_OFFSET_SECONDS = 0.4
STEP_SECONDS = 0.02
PEAK_WIDTH_SECONDS = 0.12
MEASURE_WEIGHTS = np.array([1.0, 0.3, 0.5])
CLEAR_MARGIN = 0.2
# Below what the estimate can tell and viewers can see (ITU-R BT.1359-1); the camera's own timing is kept.
UNNOTICED_SECONDS = 0.08


@dataclass(frozen=True, slots=True)
class Offset:
    """seconds: the picture at t shows the sound at t + seconds; margin: height of the peak over the rest, about 0 to 1"""

    seconds: float
    margin: float

    @property
    def trusted(self) -> bool:
        """Whether this is the sound of this mouth beyond doubt."""
        return self.margin >= CLEAR_MARGIN

    @property
    def kept(self) -> float:
        """The part of the offset that a render reproduces: an offset nobody sees is the camera's own timing."""
        return self.seconds if abs(self.seconds) <= UNNOTICED_SECONDS else 0.0


def estimate_offset(sound: SoundFeatures, times: DoubleArray, measures: DoubleArray, generic: Answer) -> Offset:
    """Slide the sound along the picture until a generic prediction fits the mouth best.

    times: (n,) seconds of the frames in the sound; measures: (n, MEASURES) standardised
    """
    offsets = np.arange(-LARGEST_OFFSET_SECONDS, LARGEST_OFFSET_SECONDS + 1e-9, STEP_SECONDS)
    fits = np.array([agreement(generic(sound.at(times + offset)), measures) for offset in offsets])
    best = int(fits.argmax())
    away = np.abs(offsets - offsets[best]) > PEAK_WIDTH_SECONDS + 1e-9
    return Offset(float(offsets[best] + _vertex(fits, best) * STEP_SECONDS), float(fits[best] - fits[away].max()))


def agreement(predicted: DoubleArray, measures: DoubleArray) -> float:
    """How alike two (n, MEASURES) courses of the mouth are: weighted correlations, 1.8 at most."""
    centred = predicted - predicted.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0) * np.linalg.norm(measures - measures.mean(axis=0), axis=0) + 1e-9
    return float(((centred * measures).sum(axis=0) / norms) @ MEASURE_WEIGHTS)


def _vertex(values: DoubleArray, best: int) -> float:
    """Where between the grid's steps the parabola through the peak has its top, -0.5 to 0.5 steps."""
    if best in (0, len(values) - 1):
        return 0.0
    before, here, after = values[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
