"""Regressions from sound features to mouth parameters: a generic one, and one's own that departs from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray

# How much imaginary data the generic answer is worth, in frames of own data.
PRIOR_FRAMES = 1000.0
GAIN_FRAMES = 100.0
BIAS_FRAMES = 75.0
# A feature that hardly varies in a short take must not be blown up by standardising it.
SMALLEST_DEVIATION = 0.05
# The kernel regression's own memory: at most so many frames, spread over the take.
MOST_NODES = 2000
KERNEL_PENALTY = 0.5
KERNEL_REACH = 2.0


@dataclass(frozen=True, slots=True)
class Ridge:
    """A linear map of standardised features (Hoerl and Kennard 1970). mean, deviation: (d,); weights: (d, q); bias: (q,)"""

    mean: DoubleArray
    deviation: DoubleArray
    weights: DoubleArray
    bias: DoubleArray

    def __call__(self, features: FloatArray) -> DoubleArray:
        """(n, q) predictions for features (n, d)."""
        return np.asarray((features - self.mean) / self.deviation @ self.weights + self.bias)

    def save(self, path: Path) -> None:
        """Write the map in single precision."""
        np.savez(
            path,
            mean=self.mean.astype(np.float32),
            deviation=self.deviation.astype(np.float32),
            weights=self.weights.astype(np.float32),
            bias=self.bias.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as stored:
            parts = {name: stored[name].astype(np.float64) for name in ("mean", "deviation", "weights", "bias")}
        return cls(**parts)


def fit_ridge(features: FloatArray, targets: DoubleArray, strength: float) -> Ridge:
    """Ridge whose penalty is `strength` per row of data."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - mean) / deviation
    weights = _solve(scaled, targets - targets.mean(axis=0), strength * len(scaled))
    return Ridge(mean.astype(np.float64), deviation.astype(np.float64), weights, targets.mean(axis=0))


@dataclass(frozen=True, slots=True)
class Kernel:
    """Kernel ridge regression with a Gaussian kernel (Saunders, Gammerman and Vovk 1998).

    mean, deviation: (d,); nodes: (k, d) standardised; weights: (k, q); reach: squared distance at which the kernel falls to 1/e
    """

    mean: DoubleArray
    deviation: DoubleArray
    nodes: DoubleArray
    weights: DoubleArray
    reach: float

    def __call__(self, features: FloatArray) -> DoubleArray:
        """(n, q) predictions for features (n, d)."""
        scaled = (features - self.mean) / self.deviation
        return np.asarray(np.exp(-_squared_distances(scaled, self.nodes) / self.reach) @ self.weights)


@dataclass(frozen=True, slots=True)
class OwnMap:
    """A generic answer, rescaled, plus what this speaker does differently: the mean of a linear and a kernel regression."""

    gain: DoubleArray
    linear: Ridge
    kernel: Kernel

    def __call__(self, features: FloatArray, generic: DoubleArray) -> DoubleArray:
        """(n, q) for features (n, d) and the generic answers (n, q) to them."""
        return np.asarray(generic * self.gain + 0.5 * self.linear(features) + 0.5 * self.kernel(features))


def fit_own(features: FloatArray, generic: DoubleArray, targets: DoubleArray) -> OwnMap:
    """Learn a speaker from (n, d) features, (n, q) generic answers to them and (n, q) true values, both standardised.

    The linear part is maximum a posteriori: weights shrunk to the generic answer as if it rested on PRIOR_FRAMES frames.
    """
    gain = ((generic * targets).sum(axis=0) + GAIN_FRAMES) / ((generic**2).sum(axis=0) + GAIN_FRAMES)
    left = targets - generic * gain
    mean = features.mean(axis=0).astype(np.float64)
    deviation = features.std(axis=0).astype(np.float64) + SMALLEST_DEVIATION
    scaled = (features - mean) / deviation
    bias = left.mean(axis=0) * len(left) / (len(left) + BIAS_FRAMES)
    linear = Ridge(mean, deviation, _solve(scaled, left - bias, PRIOR_FRAMES), bias)
    some = np.linspace(0, len(scaled) - 1, min(len(scaled), MOST_NODES)).astype(int)
    nodes = scaled[some]
    distances = _squared_distances(nodes, nodes)
    reach = KERNEL_REACH * float(np.median(distances))
    kernel = np.exp(-distances / reach)
    weights = np.linalg.solve(kernel + KERNEL_PENALTY * np.eye(len(nodes)), left[some])
    return OwnMap(gain, linear, Kernel(mean, deviation, nodes, weights, reach))


def _squared_distances(left: DoubleArray, right: DoubleArray) -> DoubleArray:
    return np.asarray((left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T)


def _solve(scaled: DoubleArray, targets: DoubleArray, penalty: float) -> DoubleArray:
    rows, columns = scaled.shape
    if rows < columns:
        return np.asarray(scaled.T @ np.linalg.solve(scaled @ scaled.T + penalty * np.eye(rows), targets))
    return np.asarray(np.linalg.solve(scaled.T @ scaled + penalty * np.eye(columns), scaled.T @ targets))
