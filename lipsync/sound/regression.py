"""Ridge regressions from sound features to mouth parameters: a generic one, and one's own shrunk towards it."""

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
class OwnRidge:
    """A generic answer, rescaled, plus what this speaker does differently."""

    gain: DoubleArray
    residual: Ridge

    def __call__(self, features: FloatArray, generic: DoubleArray) -> DoubleArray:
        """(n, q) for features (n, d) and the generic answers (n, q) to them."""
        return generic * self.gain + self.residual(features)


def fit_own(features: FloatArray, generic: DoubleArray, targets: DoubleArray) -> OwnRidge:
    """Maximum a posteriori ridge: weights shrunk to the generic answer as if it rested on PRIOR_FRAMES frames."""
    gain = ((generic * targets).sum(axis=0) + GAIN_FRAMES) / ((generic**2).sum(axis=0) + GAIN_FRAMES)
    left = targets - generic * gain
    mean = features.mean(axis=0).astype(np.float64)
    deviation = features.std(axis=0).astype(np.float64) + SMALLEST_DEVIATION
    bias = left.mean(axis=0) * len(left) / (len(left) + BIAS_FRAMES)
    weights = _solve((features - mean) / deviation, left - bias, PRIOR_FRAMES)
    return OwnRidge(gain, Ridge(mean, deviation, weights, bias))


def _solve(scaled: DoubleArray, targets: DoubleArray, penalty: float) -> DoubleArray:
    rows, columns = scaled.shape
    if rows < columns:
        return np.asarray(scaled.T @ np.linalg.solve(scaled @ scaled.T + penalty * np.eye(rows), targets))
    return np.asarray(np.linalg.solve(scaled.T @ scaled + penalty * np.eye(columns), scaled.T @ targets))
