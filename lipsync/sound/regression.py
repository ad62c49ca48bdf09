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
BLOCK_FRAMES = 1000
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
        # The weights are standardised instead of the features, which may be many.
        weights = self.weights / self.deviation[:, None]
        return np.asarray(features @ weights.astype(np.float32) + (self.bias - self.mean @ weights))

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

    mean, deviation: (d,); nodes: (k, d) float32, standardised; weights: (k, q)
    reach: squared distance at which the kernel falls to 1/e
    """

    mean: DoubleArray
    deviation: DoubleArray
    nodes: FloatArray
    weights: DoubleArray
    reach: float

    def __call__(self, features: FloatArray) -> DoubleArray:
        """(n, q) predictions for features (n, d)."""
        parts = [self._block(features[start : start + BLOCK_FRAMES]) for start in range(0, len(features), BLOCK_FRAMES)]
        return np.concatenate(parts) if parts else np.zeros((0, self.weights.shape[1]))

    def _block(self, features: FloatArray) -> DoubleArray:
        scaled = ((features - self.mean) / self.deviation).astype(np.float32)
        return np.asarray(_gaussian(_squared_distances(scaled, self.nodes), self.reach) @ self.weights)


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
    scaled = features - mean.astype(np.float32)
    scaled /= deviation.astype(np.float32)  # in place: of a long take they are what fills the memory
    bias = left.mean(axis=0) * len(left) / (len(left) + BIAS_FRAMES)
    linear = Ridge(mean, deviation, _solve(scaled, left - bias, PRIOR_FRAMES), bias)
    some = np.linspace(0, len(scaled) - 1, min(len(scaled), MOST_NODES)).astype(int)
    nodes = scaled[some]
    del scaled
    distances = _squared_distances(nodes, nodes)
    reach = KERNEL_REACH * float(np.median(distances))
    kernel = _gaussian(distances, reach)
    np.fill_diagonal(kernel, kernel.diagonal() + np.float32(KERNEL_PENALTY))
    weights = np.linalg.solve(kernel, left[some].astype(np.float32)).astype(np.float64)
    return OwnMap(gain, linear, Kernel(mean, deviation, nodes, weights, reach))


def _squared_distances(left: FloatArray, right: FloatArray) -> FloatArray:
    distances = np.asarray(left @ right.T)
    distances *= -2
    distances += (left**2).sum(axis=1)[:, None]
    distances += (right**2).sum(axis=1)[None]
    return distances


def _gaussian(distances: FloatArray, reach: float) -> FloatArray:
    """The kernel of squared distances, in their place."""
    distances /= np.float32(-reach)
    return np.asarray(np.exp(distances, out=distances))


def _solve(scaled: FloatArray | DoubleArray, targets: DoubleArray, penalty: float) -> DoubleArray:
    """Weights of a ridge; the normal equations are added up block by block, so that only one is in double precision."""
    equations = penalty * np.eye(scaled.shape[1])
    answers = np.zeros((scaled.shape[1], targets.shape[1]))
    for start in range(0, len(scaled), BLOCK_FRAMES):
        block = scaled[start : start + BLOCK_FRAMES].astype(np.float64)
        equations += block.T @ block
        answers += block.T @ targets[start : start + BLOCK_FRAMES]
    return np.asarray(np.linalg.solve(equations, answers))
