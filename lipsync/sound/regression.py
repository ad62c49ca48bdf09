"""Regressions from sound features to mouth parameters: a generic one, and one's own that departs from it."""

from __future__ import annotations

from dataclasses import dataclass

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
NEIGHBOURS = 15
NEAREST_REACH = 0.15
LINEAR_SHARE, KERNEL_SHARE, NEAREST_SHARE = 0.35, 0.35, 0.3
# How much bands and network count, for the kernel and for the nearest.
EMPHASIS = ((2.0, 1.5), (1.0, 1.5))


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


def fit_ridge(features: FloatArray, targets: DoubleArray, strength: float) -> Ridge:
    """Ridge whose penalty is `strength` per row of data."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - mean) / deviation
    weights = _solve(scaled, targets - targets.mean(axis=0), strength * len(scaled))
    return Ridge(mean.astype(np.float64), deviation.astype(np.float64), weights, targets.mean(axis=0))


@dataclass(frozen=True, slots=True)
class OwnMap:
    """What a speaker does: a generic answer, rescaled and corrected in two ways, mixed with the speaker's own shapes.

    One correction is linear, one a kernel ridge regression with a Gaussian kernel (Saunders, Gammerman and Vovk 1998); the
    shapes are those of the take's frames that sound most alike (k nearest neighbours).
    gain, bias: (q,); mean, deviation: (d,) float32; linear: (d, q)
    nodes: (k, d) float32 standardised frames of the take; corrections: (k, q) their kernel weights; shapes: (k, q) what
    was seen in them
    kernel_emphasis, nearest_emphasis: (d,) how much each feature counts in a distance
    reach: squared distance at which the kernel falls to 1/e; spread: the usual distance between two frames
    """

    gain: DoubleArray
    bias: DoubleArray
    mean: FloatArray
    deviation: FloatArray
    linear: DoubleArray
    nodes: FloatArray
    corrections: DoubleArray
    shapes: DoubleArray
    kernel_emphasis: FloatArray
    nearest_emphasis: FloatArray
    reach: float
    spread: float

    def __call__(self, features: FloatArray, generic: DoubleArray) -> DoubleArray:
        """(n, q) for features (n, d) and the generic answers (n, q) to them."""
        starts = range(0, len(features), BLOCK_FRAMES)
        parts = [self._block(features[start : start + BLOCK_FRAMES], generic[start : start + BLOCK_FRAMES]) for start in starts]
        return np.concatenate(parts) if parts else np.zeros_like(generic)

    def _block(self, features: FloatArray, generic: DoubleArray) -> DoubleArray:
        scaled = (features - self.mean) / self.deviation
        base = generic * self.gain + self.bias
        linear = base + scaled @ self.linear
        distances = _squared_distances(scaled * self.kernel_emphasis, self.nodes * self.kernel_emphasis)
        kernel = base + _gaussian(distances, self.reach) @ self.corrections
        distances = _squared_distances(scaled * self.nearest_emphasis, self.nodes * self.nearest_emphasis)
        nearest = self._alike(np.sqrt(np.maximum(distances, 0)))
        return np.asarray(LINEAR_SHARE * linear + KERNEL_SHARE * kernel + NEAREST_SHARE * nearest)

    def _alike(self, distances: FloatArray) -> DoubleArray:
        """(n, q) mean shape of the nearest nodes, the nearer the heavier. distances: (n, k)"""
        count = min(NEIGHBOURS, distances.shape[1])
        found = np.argpartition(distances, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(distances, found, axis=1)
        weights = np.exp(-(near - near.min(axis=1, keepdims=True)) / (NEAREST_REACH * self.spread))
        weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray((self.shapes[found] * weights[..., None]).sum(axis=1))


def fit_own(features: FloatArray, generic: DoubleArray, targets: DoubleArray, bands: int) -> OwnMap:
    """Learn a speaker from (n, d) features, (n, q) generic answers to them and (n, q) true values, both standardised.

    The linear part is maximum a posteriori: weights shrunk to the generic answer as if it rested on PRIOR_FRAMES frames.
    bands: how many of the features come from the spectrogram; the others come from the speech network
    """
    gain = ((generic * targets).sum(axis=0) + GAIN_FRAMES) / ((generic**2).sum(axis=0) + GAIN_FRAMES)
    left = targets - generic * gain
    bias = left.mean(axis=0) * len(left) / (len(left) + BIAS_FRAMES)
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = features.std(axis=0) + np.float32(SMALLEST_DEVIATION)
    scaled = features - mean
    scaled /= deviation  # in place: of a long take they are what fills the memory
    linear = _solve(scaled, left - bias, PRIOR_FRAMES)
    kernel_emphasis, nearest_emphasis = (_emphasis(features.shape[1], bands, *pair) for pair in EMPHASIS)
    some = np.linspace(0, len(scaled) - 1, min(len(scaled), MOST_NODES)).astype(int)
    nodes = scaled[some]
    del scaled
    distances = _squared_distances(nodes * kernel_emphasis, nodes * kernel_emphasis)
    reach = KERNEL_REACH * float(np.median(distances))
    kernel = _gaussian(distances, reach)
    np.fill_diagonal(kernel, kernel.diagonal() + np.float32(KERNEL_PENALTY))
    corrections = np.linalg.solve(kernel, (left[some] - bias).astype(np.float32)).astype(np.float64)
    del kernel, distances
    distances = _squared_distances(nodes * nearest_emphasis, nodes * nearest_emphasis)
    spread = float(np.sqrt(max(float(np.median(distances)), 1e-9)))
    return OwnMap(
        gain, bias, mean, deviation, linear, nodes, corrections, targets[some],
        kernel_emphasis, nearest_emphasis, reach, spread,
    )  # fmt: skip


def _emphasis(width: int, bands: int, of_bands: float, of_network: float) -> FloatArray:
    """(width,) so that a kind of features counts by its emphasis and not by their number."""
    weights = np.empty(width, dtype=np.float32)
    weights[:bands] = of_bands / np.sqrt(bands)
    weights[bands:] = of_network / np.sqrt(max(1, width - bands))
    return weights


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
