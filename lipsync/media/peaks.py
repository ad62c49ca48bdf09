"""A recording as a drawing: a file goes in, a few numbers come out, however long it is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from lipsync.media.sound import SAMPLE_RATE, FloatArray, read_sound

PEAKS = 120
FINEST_SAMPLES = SAMPLE_RATE // 100


def sound_peaks(path: Path, count: int = PEAKS) -> bytes:
    """How far the samples go in each of `count` equal parts of a sound, 0 to 255 of full scale. Raises as `read_sound`."""
    heights, width = np.zeros(0, dtype=np.float32), FINEST_SAMPLES
    rest: FloatArray = np.zeros(0, dtype=np.float32)
    for block in read_sound(path):
        samples = np.concatenate([rest, np.abs(block)])
        whole = len(samples) // width * width
        heights = np.concatenate([heights, samples[:whole].reshape(-1, width).max(axis=1)])
        rest = samples[whole:]
        # A long sound is read with longer steps, so that no more than some thousand of them are kept.
        while len(heights) > 64 * count:
            paired = len(heights) // 2 * 2
            halved = heights[:paired].reshape(-1, 2).max(axis=1)
            if paired < len(heights):
                rest = np.concatenate([np.full(width, heights[-1]), rest])
            heights, width = halved, 2 * width
    if len(rest):
        heights = np.append(heights, rest.max())
    edges = np.linspace(0, len(heights), count + 1)
    parts = [heights[int(first) : max(int(first) + 1, int(last))] for first, last in pairwise(edges)]
    return bytes(min(255, round(255 * float(part.max()))) for part in parts)
