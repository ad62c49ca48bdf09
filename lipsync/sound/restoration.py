"""Giving a predicted mouth back the range that a real one has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from lipsync.faces.pose import DoubleArray

QUANTILES = np.linspace(0, 1, 101)
# Below the first of these quantiles of the answers lips are near closed, above the second they move freely.
WALL_QUANTILES = (0.2, 0.6)
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
    """Regression is too timid: give its answers the mean and the spread of what the speaker does, within its bounds.

    predicted: answers for the frames of which `true` is known. Linear, so that how answers go with the truth stays as it is.
    """
    gain = true.std() / (predicted.std() + 1e-9)
    linear = true.mean() + gain * (values - predicted.mean())
    return np.asarray(np.clip(linear, true.min(), true.max()))


def restore_opening(values: DoubleArray, predicted: DoubleArray, true: DoubleArray) -> DoubleArray:
    """The same for the aperture. Where lips meet, quantiles are mapped onto quantiles: closed lips are closed."""
    mapped = np.interp(values, np.quantile(predicted, QUANTILES), np.quantile(true, QUANTILES))
    lowest, highest = np.quantile(predicted, WALL_QUANTILES)
    free = np.clip((values - lowest) / (highest - lowest + 1e-9), 0, 1)
    return np.asarray(free * restore_range(values, predicted, true) + (1 - free) * mapped)


def smooth(values: DoubleArray, times: DoubleArray) -> DoubleArray:
    """Take the last jitter out of (n, q) values at evenly spaced times (n,), seconds."""
    if len(times) < 2:
        return values
    sigma = SMOOTHING_SECONDS / float(times[1] - times[0])
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="nearest"))
