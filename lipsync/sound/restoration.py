"""Giving a predicted mouth back the range that a real one has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from lipsync.faces.pose import DoubleArray

SHARE_MAPPED = 0.85
QUANTILES = np.linspace(0, 1, 101)
SMOOTHING_SECONDS = 0.016
FEWEST_SPEAKING_FRAMES = 50
LARGEST_GAIN = 1.5


def as_lively(values: DoubleArray, speaking: npt.NDArray[np.bool_], held_out: DoubleArray) -> DoubleArray:
    """Another voice or microphone moves the prediction less than the take's own sound did: make up for it, within bounds."""
    if speaking.sum() < FEWEST_SPEAKING_FRAMES:
        return values
    mean = values[speaking].mean(axis=0)
    gain = np.clip(held_out.std(axis=0) / (values[speaking].std(axis=0) + 1e-6), 1.0, LARGEST_GAIN)
    return np.asarray(mean + (values - mean) * gain)


def restore_range(values: DoubleArray, predicted: DoubleArray, true: DoubleArray) -> DoubleArray:
    """Regression is too timid: map its distribution onto the speaker's own, mostly."""
    mapped = np.interp(values, np.quantile(predicted, QUANTILES), np.quantile(true, QUANTILES))
    return np.asarray(SHARE_MAPPED * mapped + (1 - SHARE_MAPPED) * values)


def smooth(values: DoubleArray, times: DoubleArray) -> DoubleArray:
    """Take the last jitter out of (n, q) values at evenly spaced times (n,), seconds."""
    if len(times) < 2:
        return values
    sigma = SMOOTHING_SECONDS / float(times[1] - times[0])
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="nearest"))
