"""The inside of the mouth: cavity, tongue and two rows of teeth, painted rather than photographed.

Positions are pixels of the mouth's window (x right, y down), whose origin is given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.lips import JAW_DROP, LipCurves, MouthShape, dense
from lipsync.synthetic.warp import Image, blend, smooth_step, soften, vector

CAVITY_BGR = (20, 18, 34)
TONGUE_BGR = (66, 64, 118)
TOOTH_BGR = (158, 180, 190)
GUM_BGR = (84, 80, 140)
UPPER_WIDTHS_PX = (13.5, 10.5, 9.5, 7.5, 6.0)
LOWER_WIDTHS_PX = (8.5, 9.0, 9.0, 7.5, 6.0)
"""Widths from the midline outwards as seen from the front, about 1.6 pixels to a millimetre."""
UPPER_EDGE = 3.2
LOWER_EDGE = 4.5
"""Height of the cutting edges below the closed lip line while the jaw is shut."""
FINER = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A row of teeth: (height, width, 3) float32 BGR and its (height, width) matte."""

    picture: Image
    matte: NDArray[np.float32]


def _tooth_row(
    size: tuple[int, int], centre: tuple[float, float], widths: tuple[float, ...], height: float, curl: float
) -> Row:
    """Paint a row whose cutting edge lies at centre's y. height < 0: the teeth hang down from above that edge."""
    wide, high = size[0] * FINER, size[1] * FINER
    matte = np.zeros((high, wide), np.uint8)
    light = np.zeros((high, wide), np.float32)
    for side in (-1, 1):
        start = 0.0
        for place, width in enumerate(widths):
            middle = start + width / 2
            edge = centre[1] + curl * (middle / 30) ** 2 + (0.9 if place == 1 else 0.0) * np.sign(height)
            left, right = sorted((centre[0] + side * (start + 0.25), centre[0] + side * (start + width - 0.25)))
            far = edge + height
            corners = np.array([[left, far], [left, edge], [right, edge], [right, far]])
            one = np.zeros_like(matte)
            cv2.fillPoly(one, [np.round(corners * FINER).astype(np.int32)], (255,))
            radius = int(2.2 * FINER)
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
            one = np.asarray(cv2.morphologyEx(one, cv2.MORPH_OPEN, disc), np.uint8)
            across = (np.arange(wide) / FINER - centre[0] - side * middle) / (width / 2)
            bulge = (1.0 - 0.20 * np.abs(np.clip(across, -1, 1)) ** 3) * (1 - 0.10 * place)
            light = np.maximum(light, (one > 0) * bulge[None].astype(np.float32))
            matte = np.asarray(np.maximum(matte, one), np.uint8)
            start += width
    small = cv2.resize(matte.astype(np.float32) / 255, size, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(light, size, interpolation=cv2.INTER_AREA) / np.maximum(small, 0.05)
    y = np.arange(size[1], dtype=np.float32)[:, None]
    depth = (y - centre[1]) / height
    enamel = vector(*TOOTH_BGR) * (np.clip(weight, 0, 1) * (0.93 + 0.10 * smooth_step(depth / 0.35)))[..., None]
    gum = smooth_step((depth - 0.80) / 0.15) * np.ones_like(small)
    return Row(blend(np.asarray(enamel, np.float32), GUM_BGR, gum), soften(np.maximum(small, gum * (small > 0.01)), 0.5))


class Interior:
    """Paints what shows between the lips; the teeth are drawn once."""

    def __init__(self, size: tuple[int, int], centre: tuple[float, float]) -> None:
        """size: (width, height) of the window; centre: the middle of the closed lip line in it."""
        self._size = size
        self._centre = centre
        self._upper = _tooth_row(size, (centre[0], centre[1] + UPPER_EDGE), UPPER_WIDTHS_PX, -17.0, -2.5)
        self._lower = _tooth_row(size, (centre[0], centre[1] + LOWER_EDGE), LOWER_WIDTHS_PX, 15.0, -1.0)
        x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
        self._x, self._y = x - np.float32(centre[0]), y

    def paint(self, shape: MouthShape, curves: LipCurves, origin: tuple[float, float]) -> Image:
        """(height, width, 3) picture of the inside; the caller cuts it out between the lips.

        curves are on the canvas, origin is the window's corner there.
        """
        top_curve, bottom_curve = (dense(c) - origin for c in (curves.upper_inner, curves.lower_inner))
        top = np.interp(self._x[0] + self._centre[0], top_curve[:, 0], top_curve[:, 1]).astype(np.float32)[None]
        bottom = np.interp(self._x[0] + self._centre[0], bottom_curve[:, 0], bottom_curve[:, 1]).astype(np.float32)[None]
        half = np.float32(shape.half_width)
        drop = np.float32(JAW_DROP * (0.75 * shape.jaw + 0.35 * shape.opening))
        recess = np.float32(1 - 0.45 * shape.protrusion)
        sides = 1 - 0.62 * np.clip(np.abs(self._x) / (half + 1), 0, 1) ** 2.5
        inside = np.broadcast_to(vector(*CAVITY_BGR), (self._size[1], self._size[0], 3))
        rise = (self._y - (bottom - 3.0 - 0.30 * np.maximum(bottom - top, 0))) / 7.0
        width = np.clip(1 - (self._x / (half * 0.66)) ** 2, 0, 1)
        tongue = smooth_step(np.asarray(rise, np.float32)) * width
        colours = vector(*TONGUE_BGR) * (0.55 + 0.35 * np.clip(rise * 0.5, 0, 1))[..., None]
        picture = blend(inside, np.asarray(colours, np.float32), np.asarray(0.9 * tongue, np.float32))
        shift = np.array([[1, 0, 0], [0, 1, drop]], np.float32)
        lower_picture = cv2.warpAffine(self._lower.picture, shift, self._size, flags=cv2.INTER_LINEAR)
        lower_matte = cv2.warpAffine(self._lower.matte, shift, self._size, flags=cv2.INTER_LINEAR)
        lit_low = 0.66 * recess * sides * (0.75 + 0.25 * smooth_step((self._y - top - 5) / 8))
        picture = blend(picture, np.asarray(lower_picture * lit_low[..., None], np.float32), lower_matte * 0.95)
        under_lip = 0.58 + 0.42 * smooth_step((self._y - top + 1) / 6.0)
        lit = 0.95 * recess * sides * under_lip
        warm = np.power(np.maximum(lit, 1e-3)[..., None], vector(1.30, 1.15, 1.0))
        shadow = soften(self._upper.matte, 2.0) * smooth_step((self._y - self._centre[1]) / 3)
        picture = picture * (1 - 0.35 * shadow[..., None])
        return blend(picture, np.asarray(self._upper.picture * warm, np.float32), self._upper.matte)
