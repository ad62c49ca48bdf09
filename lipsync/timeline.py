"""Which frame of the take lies under each frame of the result."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt


def frames_for(seconds: float, frame_rate: Fraction) -> int:
    """Number of frames that cover a voice of this length; a last part shorter than a tenth of a frame is let go."""
    return max(1, math.ceil(seconds * frame_rate - Fraction(1, 10)))


def bounce(count: int, length: int) -> npt.NDArray[np.intp]:
    """(count,) base frames: the take forwards, backwards, forwards, ... without showing an end twice.

    length: frames in the take
    """
    if length == 1:
        return np.zeros(count, dtype=np.intp)
    phase = np.arange(count) % (2 * (length - 1))
    return np.where(phase < length, phase, 2 * (length - 1) - phase).astype(np.intp)
