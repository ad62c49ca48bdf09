"""Lip contours: from a mouth shape to four curves on the working canvas.

Lengths are pixels of the canvas, on which the outer eye corners lie EYE_DISTANCE apart. The origin is the middle of the
closed lip line, x to the right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from lipsync.synthetic.warp import Points

EYE_DISTANCE = 150.5
CENTRE = (324.5, 369.0)
"""Where the middle of the closed lip line lies on the canvas."""
HALF_WIDTH = 47.5
OPENING = 30.0
"""Gap between the lips at aperture 1."""
JAW_DROP = 13.0
UPPER_THICKNESS = 11.0
LOWER_THICKNESS = 15.5
ALONG: NDArray[np.float64] = np.array([-1.0, -0.87, -0.68, -0.46, -0.23, 0.0, 0.23, 0.46, 0.68, 0.87, 1.0])
"""The eleven points of a contour, -1 and 1 are the corners."""


@dataclass(frozen=True, slots=True)
class MouthShape:
    """What the lips do in one frame.

    aperture: 0 closed .. 1 wide open; width: -1 narrow .. 1 spread; protrusion: 0 flat .. 1 pouted; jaw: 0 .. 1 dropped;
    closure: 1 while the lips are pressed together (p b m); tuck: 1 while the lower lip meets the upper teeth (f v).
    """

    aperture: float = 0.0
    width: float = 0.0
    protrusion: float = 0.0
    jaw: float = 0.0
    closure: float = 0.0
    tuck: float = 0.0

    @property
    def opening(self) -> float:
        """Aperture that is left once closure has done its work."""
        return self.aperture * (1 - 0.98 * self.closure)

    @property
    def half_width(self) -> float:
        """Half the distance between the mouth's corners, in pixels of the canvas."""
        spread = 0.15 * self.width if self.width > 0 else 0.10 * self.width
        return HALF_WIDTH * (1 + spread - 0.24 * self.protrusion - 0.07 * self.opening)


@dataclass(frozen=True, slots=True)
class LipCurves:
    """Four (11, 2) curves in pixels of the canvas, corner to corner, and the middle gap between the inner two."""

    upper_outer: Points
    upper_inner: Points
    lower_inner: Points
    lower_outer: Points
    gap: float


def _arch(along: NDArray[np.float64], power: float, roundness: float) -> NDArray[np.float64]:
    """1 in the middle, 0 at the corners; small roundness makes the ends steep (an O), power flattens the middle."""
    return np.asarray((1 - np.abs(along) ** power + 1e-9) ** roundness)


def _upper_profile(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thickness of the upper lip with its two peaks (Cupid's bow), 1 at the peaks."""
    body = _arch(along, 1.7, 0.85)
    bow = 0.13 * np.exp(-((along / 0.14) ** 2))
    return np.asarray(body * (1.04 - bow))


def dense(curve: Points, count: int = 61) -> Points:
    """The same contour through `count` points, rounded by a cubic spline."""
    fine = np.linspace(-1, 1, count)
    return np.asarray(CubicSpline(ALONG, curve)(fine), np.float64)


def curves(shape: MouthShape) -> LipCurves:
    """Contours of a mouth shape."""
    opening, width, pout = shape.opening, shape.width, float(np.clip(shape.protrusion, 0, 1))
    loose_pout = pout * (1 - shape.closure)
    half = shape.half_width
    corner = 1.0 + 3.0 * shape.jaw + 5.0 * opening - 2.5 * max(width, 0.0) + 1.5 * loose_pout
    upper_middle = -5.5 * opening - 1.5 * shape.tuck - 1.2 * max(width, 0.0) * (1 - shape.closure) - 1.0 * loose_pout
    lower_middle = upper_middle + OPENING * opening
    if shape.tuck > 0:
        lower_middle += shape.tuck * (upper_middle + 2.5 - lower_middle)
    roundness = 1 - 0.45 * pout - 0.22 * opening * (1 - pout)
    wave = 0.9 * (1 - opening) * np.cos(2.2 * np.pi * ALONG) * _arch(ALONG, 4.0, 1.0)
    upper_line = corner + (upper_middle - corner) * _arch(ALONG, 2.3 + 0.4 * pout, roundness) + wave
    lower_line = corner + (lower_middle - corner) * _arch(ALONG, 2.1 + 0.4 * pout, roundness) + wave
    lower_line = np.maximum(lower_line, upper_line)
    upper_thick = UPPER_THICKNESS * (1 + 0.42 * pout - 0.16 * opening - 0.22 * shape.closure)
    lower_thick = LOWER_THICKNESS * (1 + 0.22 * pout - 0.10 * opening - 0.16 * shape.closure - 0.35 * shape.tuck)
    upper_edge = upper_line - upper_thick * _upper_profile(ALONG)
    lower_edge = lower_line + lower_thick * _arch(ALONG, 2.2, 0.85)
    inner_x = ALONG * half * 0.97
    outer_x = ALONG * half

    def place(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
        return np.column_stack([x + CENTRE[0], y + CENTRE[1]])

    return LipCurves(
        place(outer_x, upper_edge),
        place(inner_x, upper_line),
        place(inner_x, lower_line),
        place(outer_x, lower_edge),
        float(lower_line[5] - upper_line[5]),
    )


NEUTRAL = MouthShape()
