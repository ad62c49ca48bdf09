"""Warping pictures so that points meet points: thin-plate splines on a coarse grid (Bookstein 1989)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.media.frames import UInt8Array


def displacement(
    target: DoubleArray, source: DoubleArray, width: int, height: int, *, unit: float, smoothness: float, grid: int
) -> FloatArray:
    """(height, width, 2) float32: how far from each pixel of the result its colour lies in the source, px.

    target, source: (n, 2) px, points that should meet, the target's from the result's upper left corner
    unit: px per spline unit; smoothness: 0 meets every point exactly; grid: nodes per side
    """
    centre = target.mean(axis=0)
    nodes = (target - centre) / unit
    count = len(nodes)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bend(nodes, nodes)
    system[np.arange(count), np.arange(count)] = smoothness
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = nodes
    system[count + 1 :, :count] = nodes.T
    wanted = np.zeros((count + 3, 2))
    wanted[:count] = source - target
    weights = np.linalg.solve(system, wanted).astype(np.float32)
    across, down = np.meshgrid(np.linspace(0, width - 1, grid), np.linspace(0, height - 1, grid))
    places = ((np.stack([across.ravel(), down.ravel()], axis=1) - centre) / unit).astype(np.float32)
    coarse = _bend(places, nodes.astype(np.float32)) @ weights[:count] + weights[count] + places @ weights[count + 1 :]
    stretch = np.array([[(width - 1) / (grid - 1), 0, 0], [0, (height - 1) / (grid - 1), 0]], dtype=np.float32)
    field = coarse.reshape(grid, grid, 2).astype(np.float32)
    return np.asarray(
        cv2.warpAffine(field, stretch, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.float32,
    )


def half_size(field: FloatArray) -> FloatArray:
    """The same displacement for planes of half the size, such as 4:2:0 chroma; sides must be even."""
    height, width = field.shape[:2]
    small = cv2.resize(field, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(0.5), dtype=np.float32)


def sample(plane: UInt8Array, field: FloatArray, left: float, top: float) -> UInt8Array:
    """The plane's values at every pixel moved by `field`, cubic, (h, w) uint8; left, top: where the result lies in it."""
    height, width = field.shape[:2]
    across = field[..., 0] + (np.arange(width, dtype=np.float32) + np.float32(left))
    down = field[..., 1] + (np.arange(height, dtype=np.float32) + np.float32(top))[:, None]
    return np.asarray(cv2.remap(plane, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _bend(places: npt.NDArray[Any], nodes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    squared = (places**2).sum(axis=1)[:, None] + (nodes**2).sum(axis=1)[None] - 2 * places @ nodes.T
    np.maximum(squared, 1e-10, out=squared)
    return np.asarray(squared * np.log(squared))
