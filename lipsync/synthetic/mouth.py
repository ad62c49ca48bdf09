"""Move lips and jaw of the neutral portrait: one warp for each lip, joined at the lip line, over the mouth's inside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.interior import Interior
from lipsync.synthetic.lips import CENTRE, JAW_DROP, NEUTRAL, LipCurves, MouthShape, curves, dense
from lipsync.synthetic.portrait import Portrait
from lipsync.synthetic.studio import COLLAR_TOP
from lipsync.synthetic.warp import (
    Image,
    Points,
    border_points,
    fill_polygon,
    pixel_grid,
    resample,
    smooth_step,
    soften,
    thin_plate_field,
    vector,
)

LEFT, TOP, WIDTH, HEIGHT = 172, 272, 306, 256
"""The window of the canvas in which anything moves with the mouth, in pixels."""
TAPER = 26.0
FIXED = (2, 98, 327, 97, 326, 48, 278, 49, 279, 50, 280, 117, 346, 123, 352, 101, 330, 4)
JAW = {
    **dict.fromkeys((152, 148, 377, 199, 175), 1.0),
    **dict.fromkeys((176, 400, 200, 208, 428), 0.96),
    **dict.fromkeys((201, 421), 0.9),
    **dict.fromkeys((194, 418, 149, 378), 0.82),
    **dict.fromkeys((204, 424), 0.8),
    **dict.fromkeys((150, 379), 0.6),
    **dict.fromkeys((136, 365), 0.4),
    **dict.fromkeys((172, 397), 0.22),
    **dict.fromkeys((58, 288), 0.08),
    **dict.fromkeys((132, 361), 0.0),
}
"""How much of the jaw's drop a landmark follows: all of it at the chin, none at the ears."""


class Mouth:
    """Renders mouth shapes into a portrait; what does not depend on the shape is prepared once."""

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._size = (WIDTH, HEIGHT)
        self._origin = np.array([LEFT, TOP], np.float64)
        self._x, self._y = pixel_grid(self._size)
        inset = np.minimum.reduce([self._x, self._y, WIDTH - 1 - self._x, HEIGHT - 1 - self._y])
        self._taper = smooth_step(inset / TAPER)[..., None]
        self._interior = Interior(self._size, (CENTRE[0] - LEFT, CENTRE[1] - TOP))
        self._rest = curves(NEUTRAL)
        collar = np.column_stack([np.linspace(230, 420, 9), COLLAR_TOP + 4 + 6 * np.cos(np.linspace(-1.5, 1.5, 9))])
        landmarks = portrait.landmarks
        self._fixed = np.vstack([landmarks[list(FIXED)], collar]) - self._origin
        self._border = border_points(self._size, 6)
        self._jaw = landmarks[list(JAW)] - self._origin
        self._jaw_weights = np.array(list(JAW.values()))

    def _layer(self, picture: Image, outer: tuple[Points, Points], inner: tuple[Points, Points], drop: float) -> Image:
        """Warp one lip's picture; outer and inner are pairs of contours (now, at rest)."""
        jaw_now = self._jaw + np.column_stack([np.zeros(len(self._jaw)), self._jaw_weights * drop])
        still = np.vstack([self._fixed, self._border])
        now = np.vstack([outer[0] - self._origin, inner[0] - self._origin, jaw_now, still])
        rest = np.vstack([outer[1] - self._origin, inner[1] - self._origin, self._jaw, still])
        field = thin_plate_field(now, rest, self._size) * self._taper
        return resample(picture, self._x + field[..., 0] + LEFT, self._y + field[..., 1] + TOP, cubic=True)

    def _above_line(self, now: LipCurves) -> NDArray[np.float32]:
        """(height, width) 1 over the lip line, 0 under it: sharp between the lips, wide beside the corners."""
        line = dense((now.upper_inner + now.lower_inner) / 2) - self._origin
        first, last = now.upper_outer[0] - self._origin, now.upper_outer[-1] - self._origin
        around = [[WIDTH + 5, last[1]], [WIDTH + 5, -5], [-5, -5], [-5, first[1]]]
        mask = fill_polygon(np.vstack([[first], line, [last], around]), self._size)
        beside = smooth_step((np.abs(self._x + LEFT - CENTRE[0]) - (last[0] - first[0]) / 2 + 2) / 14)
        return np.asarray(soften(mask, 0.7) * (1 - beside) + soften(mask, 8) * beside, np.float32)

    def _seam(self, now: LipCurves, half_width: float) -> NDArray[np.float32]:
        """(height, width) darkness of the line between closed lips."""
        line = dense((now.upper_inner + now.lower_inner) / 2) - self._origin
        height = np.interp(self._x[0], line[:, 0], line[:, 1]).astype(np.float32)[None]
        ends = smooth_step((half_width + 1 - np.abs(self._x + LEFT - CENTRE[0])) / 7)
        dark = np.exp(-(((self._y - height) / 1.5) ** 2)) * ends * 0.55 * np.clip(1 - now.gap / 7, 0, 1)
        return np.asarray(dark, np.float32)

    def _pout_light(self, shape: MouthShape, now: LipCurves) -> NDArray[np.float32]:
        """(height, width) gain: pouted lips stand forward, catch light from above and throw a shadow below."""
        pout = np.float32(np.clip(shape.protrusion, 0, 1) * (1 - 0.7 * shape.closure))
        along = (self._x + LEFT - np.float32(CENTRE[0])) / np.float32(shape.half_width)
        low = np.float32(now.lower_outer[5, 1] - TOP)
        top = np.float32(now.upper_outer[5, 1] - TOP)
        under = np.exp(-(((self._y - low - 5) / 5.5) ** 2) - (along / 0.75) ** 2)
        over = np.exp(-(((self._y - top + 4) / 5) ** 2) - (along / 0.6) ** 2)
        beside = np.exp(-(((np.abs(along) - 1.22) / 0.16) ** 2) - ((self._y - (low + top) / 2) / 13) ** 2)
        return np.asarray(1 - pout * (0.20 * under - 0.06 * over + 0.16 * beside), np.float32)

    def render(self, canvas: NDArray[np.uint8], shape: MouthShape) -> None:
        """Paint the mouth and everything that moves with it into a (SIZE, SIZE, 3) BGR canvas."""
        now, rest = curves(shape), self._rest
        drop = JAW_DROP * shape.jaw
        lining = np.array([0.0, 1.6 * min(1.0, now.gap / 6) + 1.2 * shape.protrusion * (1 - shape.closure)])
        upper = self._layer(
            self._portrait.upper, (now.upper_outer, rest.upper_outer), (now.upper_inner, rest.upper_inner + lining), drop
        )
        lower = self._layer(
            self._portrait.lower, (now.lower_outer, rest.lower_outer), (now.lower_inner, rest.lower_inner - lining), drop
        )
        above = self._above_line(now)[..., None]
        window = upper * above + lower * (1 - above)
        window = window * (1 - self._seam(now, shape.half_width)[..., None] * vector(1.05, 1.1, 0.85))
        window = window * self._pout_light(shape, now)[..., None]
        if now.gap > 0.4:
            outline = np.vstack([dense(now.upper_inner), dense(now.lower_inner)[::-1]]) - self._origin
            hole = fill_polygon(outline, self._size, blur=0.8)[..., None]
            inside = self._interior.paint(shape, now, (LEFT, TOP))
            window = window + (inside - window) * hole
        canvas[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = np.clip(window + 0.5, 0, 255).astype(np.uint8)
