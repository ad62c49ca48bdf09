"""Other voices, rooms and microphones out of the network's inputs: what it learns shall not depend on them."""

from __future__ import annotations

import numpy as np

from lipsync.faces.tracker import FloatArray
from lipsync.sound.network import BANDS


def augmented(x: FloatArray, random: np.random.Generator, *, gentle: bool = False) -> FloatArray:
    """Inputs (n, INPUTS) with bands shifted and stretched, tilted, noisy, missing; unless gentle also blurred and with gaps."""
    if random.random() < (0.7 if gentle else 0.6):
        x = warped(x, float(random.uniform(0.9, 1.1)), float(random.uniform(-1.5, 1.5)))
    if not gentle and random.random() < 0.4:
        x[:, 1 : BANDS - 1] = 0.5 * x[:, 1 : BANDS - 1] + 0.25 * (x[:, : BANDS - 2] + x[:, 2:BANDS])
    tilt = random.normal(0, 0.2 if gentle else 0.25, 5)
    x[:, :BANDS] += np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 5), tilt).astype(np.float32)
    x += random.standard_normal(x.shape, dtype=np.float32) * np.float32(random.uniform(0, 0.3 if gentle else 0.35))
    if random.random() < (0.4 if gentle else 0.3):
        first = int(random.integers(0, BANDS - 6))
        x[:, first : first + int(random.integers(2, 7))] = 0
    if not gentle and random.random() < 0.2:
        first = int(random.integers(0, len(x) - 12))
        x[first : first + int(random.integers(3, 12)), :BANDS] = 0
    return x


def warped(x: FloatArray, stretch: float, shift: float) -> FloatArray:
    """The same with the bands moved, as a longer or shorter vocal tract moves them."""
    places = np.clip(np.arange(BANDS) * stretch + shift, 0, BANDS - 1)
    low = places.astype(np.intp)
    share = (places - low).astype(np.float32)
    bands = x[:, low] * (1 - share) + x[:, np.minimum(low + 1, BANDS - 1)] * share
    return np.concatenate([bands, x[:, BANDS:]], axis=1)
