"""Warping pictures so that points meet points: thin-plate splines on a coarse grid (Bookstein 1989).

A field is solved at nodes some pixels apart and spread between them, so that its cost hardly grows with the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.media.frames import UInt8Array


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes over a rectangle, one ring of them outside it.

    width, height: px of the rectangle; step: px between nodes; for planes of half or quarter size multiples of 2 or 4.
    Node (i, j) lies at `places`: in the middle of cell (i - 1, j - 1), where resizing a picture by the whole number `step`
    wants it, at full size and at those alike.
    """

    width: int
    height: int
    step: int

    @staticmethod
    def over(width: int, height: int, step: float, shrink: int) -> Grid:
        """With nodes about `step` px apart, shared by pictures down to 1 / shrink the size."""
        return Grid(width, height, max(1, round(step / shrink)) * shrink)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        return -(-self.height // self.step) + 2, -(-self.width // self.step) + 2

    @property
    def places(self) -> FloatArray:
        """(rows, columns, 2) px of the nodes, x and y, from the rectangle's upper left pixel."""
        rows, columns = self.shape
        nodes = np.empty((rows, columns, 2), dtype=np.float32)
        nodes[..., 0] = (np.arange(columns, dtype=np.float32) - 0.5) * self.step - 0.5
        nodes[..., 1] = ((np.arange(rows, dtype=np.float32) - 0.5) * self.step - 0.5)[:, None]
        return nodes

    def spread(self, nodes: FloatArray, shrink: int = 1) -> FloatArray:
        """(height, width, ...) values between the nodes, bilinear; shrink: for a picture of 1 / shrink the size."""
        step, rows, columns = self.step // shrink, *self.shape
        large = cv2.resize(nodes, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
        return np.asarray(large[step : step + self.height // shrink, step : step + self.width // shrink], dtype=np.float32)

    def lookup(self, field: FloatArray, left: float, top: float, shrink: int = 1) -> FloatArray:
        """(height, width, 2) float32, or 1 / shrink of that size: where each pixel's value lies in a plane, for `pick`.

        field: (rows, columns, 2) px at full size; left, top: where the rectangle's upper left pixel lies, px at full size
        """
        there = self.places + field + np.array([left, top], dtype=np.float32)
        if shrink > 1:
            there = (there - np.float32(shrink - 1) / 2) / np.float32(shrink)
        return self.spread(there, shrink)

    def around(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> tuple[Grid, tuple[int, int]]:
        """The smaller grid on whose pixels the nodes in these rows and columns have an effect, and the cell it begins at.

        Its nodes are those of this grid from that cell's number on.
        """
        first = (max(0, int(rows[0]) - 2), max(0, int(columns[0]) - 2))
        bottom = min(self.height, (int(rows[-1]) + 1) * self.step)
        right = min(self.width, (int(columns[-1]) + 1) * self.step)
        return Grid(right - first[1] * self.step, bottom - first[0] * self.step, self.step), first


def pick(plane: UInt8Array, lookup: FloatArray) -> UInt8Array:
    """The plane's values at the places of `Grid.lookup`, cubic, uint8; beyond its edges the edge goes on."""
    return np.asarray(cv2.remap(plane, lookup, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)  # type: ignore[call-overload]


def fields(
    target: DoubleArray, sources: Sequence[DoubleArray], grid: Grid, *, unit: float, smoothness: float | DoubleArray
) -> list[FloatArray]:
    """For each of the sources (rows, columns, 2) float32: how far from each node its colour lies in the source, px.

    target, sources: (n, 2) px, points that should meet, the target's from the rectangle's upper left pixel. All sources
    share one linear system. unit: px per spline unit; smoothness: 0 meets every point exactly; (n,) for each point its own
    """
    apart = np.concatenate([source - target for source in sources], axis=1)
    whole = spline(target, apart, grid.places.reshape(-1, 2), unit, smoothness).reshape(*grid.shape, len(sources), 2)
    return [np.ascontiguousarray(whole[:, :, place]) for place in range(len(sources))]


def spline(
    points: DoubleArray, values: DoubleArray, places: npt.NDArray[Any], unit: float, smoothness: float | DoubleArray
) -> FloatArray:
    """(m, k) float32 values at `places` (m, 2) of the spline that has `values` (n, k) at `points` (n, 2)."""
    centre = points.mean(axis=0)
    nodes = (points - centre) / unit
    count = len(nodes)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bend(nodes, nodes)
    system[np.arange(count), np.arange(count)] = smoothness
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = nodes
    system[count + 1 :, :count] = nodes.T
    wanted = np.zeros((count + 3, values.shape[1]))
    wanted[:count] = values
    weights = np.linalg.solve(system, wanted).astype(np.float32)
    there = ((places - centre) / unit).astype(np.float32)
    found = _bend(there, nodes.astype(np.float32)) @ weights[:count] + weights[count] + there @ weights[count + 1 :]
    return np.asarray(found, dtype=np.float32)


def _bend(places: npt.NDArray[Any], nodes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    squared = (places**2).sum(axis=1)[:, None] + (nodes**2).sum(axis=1)[None] - 2 * places @ nodes.T
    np.maximum(squared, 1e-10, out=squared)
    bent = np.log(squared)
    bent *= squared
    return np.asarray(bent)
