"""Smooth warps through control points: pairs of points in, displacement fields out.

Points are (n, 2) float64 pixel positions (x, y). A field is (height, width, 2) float32 and says, for every pixel of the
result, how far away its colour lies in the source (backward warping).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.warp import Grid, fields

Points = NDArray[np.float64]
Field = NDArray[np.float32]
Image = NDArray[np.float32]

RADIUS_PX = 100.0
"""Length that control points are divided by before solving; keeps the system well conditioned."""


def thin_plate_field(target: Points, source: Points, size: tuple[int, int], *, step: int = 6, stiffness: float = 1e-3) -> Field:
    """Thin-plate spline that carries each `target` point back to its `source` point.

    size: (width, height) of the field in pixels; step: pixels between the nodes at which the spline is evaluated, linear
    between them: it is smooth, so nothing is lost.
    """
    grid = Grid(*size, step)
    return grid.spread(fields(target, [source], grid, unit=RADIUS_PX, smoothness=2 * stiffness)[0])


def vector(*values: float) -> NDArray[np.float32]:
    """A colour or a gain for each of the channels blue, green, red."""
    return np.array(values, np.float32)


def resample(
    picture: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32], *, cubic: bool = False
) -> NDArray[np.float32]:
    """The picture's colours at positions x, y (two (height, width) arrays); mirrored beyond its edges."""
    method = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    return np.asarray(cv2.remap(picture, x, y, method, borderMode=cv2.BORDER_REFLECT_101), np.float32)


def pixel_grid(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y of every pixel, two (height, width) arrays; size is (width, height)."""
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    return x, y


def border_points(size: tuple[int, int], count: int = 6) -> Points:
    """Points around the edge of a window of size (width, height), to pin it."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    along = np.linspace(0, 1, count)
    edges = [np.column_stack([along * right, np.full(count, y)]) for y in (0.0, bottom)]
    edges += [np.column_stack([np.full(count - 2, x), along[1:-1] * bottom]) for x in (0.0, right)]
    return np.vstack(edges)


def fill_polygon(points: Points, size: tuple[int, int], *, blur: float = 0.0) -> NDArray[np.float32]:
    """Anti-aliased (height, width) mask 0..1 of a polygon; blur is the Gaussian's sigma in pixels."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    result = mask.astype(np.float32) / 255
    return soften(result, blur) if blur > 0 else result


def draw_line(
    points: Points, size: tuple[int, int], *, thickness: int, blur: float, closed: bool = False
) -> NDArray[np.float32]:
    """Soft (height, width) mask 0..1 of a line through points."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.polylines(mask, [np.round(points * 16).astype(np.int32)], closed, (255,), thickness, cv2.LINE_AA, 4)
    return soften(mask.astype(np.float32) / 255, blur)


def soften(image: NDArray[np.float32], sigma: float, sigma_y: float | None = None) -> NDArray[np.float32]:
    """Gaussian low-pass, sigma in pixels (sigma_y: another one down the picture)."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sigma, sigmaY=sigma if sigma_y is None else sigma_y), np.float32)


def smooth_step(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below 0, 1 above 1, with a cubic between."""
    clipped = np.clip(value, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float32)


def blend(below: Image, above: Image | tuple[float, float, float], alpha: NDArray[np.float32]) -> Image:
    """Lay `above` (a picture or one BGR colour) over `below` where alpha (height, width) says so."""
    top = np.asarray(above, np.float32)
    return np.asarray(below + (top - below) * alpha[..., None], np.float32)
