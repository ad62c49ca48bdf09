"""Blinks: lids painted over the eyes of the neutral portrait."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.portrait import Portrait
from lipsync.synthetic.proportions import EYES
from lipsync.synthetic.sitter import SIZE
from lipsync.synthetic.warp import Image, Points, blend, draw_line, fill_polygon, soften, vector

CANVAS = (SIZE, SIZE)
UPPER = slice(0, 9)
LOWER = slice(9, 16)
LASH_BGR = (24, 26, 34)


class Eyes:
    """Closes the eyes of a portrait; every amount asked for is painted once and kept."""

    def __init__(self, portrait: Portrait) -> None:
        landmarks = portrait.landmarks
        self._eyes: list[tuple[Points, Points]] = []
        holes = np.zeros((SIZE, SIZE), np.float32)
        for eye in EYES:
            contour = landmarks[list(eye)]
            upper = contour[UPPER]
            lower = np.vstack([upper[:1], contour[LOWER][::-1], upper[-1:]])
            if upper[0, 0] > upper[-1, 0]:
                upper, lower = upper[::-1], lower[::-1]
            self._eyes.append((upper, lower))
            holes = np.maximum(holes, fill_polygon(contour, CANVAS))
        grown = cv2.dilate((holes > 0.3).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 15)))
        picture = np.clip(portrait.upper, 0, 255).astype(np.uint8)
        plate = soften(cv2.inpaint(picture, grown, 5, cv2.INPAINT_TELEA).astype(np.float32), 2.5)
        noise = soften(np.random.default_rng(5).standard_normal((SIZE, SIZE)).astype(np.float32), 1.1)
        self._picture = portrait.upper
        self._closed: dict[float, NDArray[np.uint8]] = {}
        self._lid: Image = plate * vector(0.94, 0.95, 0.97) + (noise * 7)[..., None]

    def canvas(self, amount: float) -> NDArray[np.uint8]:
        """A copy of the (SIZE, SIZE, 3) BGR portrait with its eyes closed by 0..1."""
        if amount not in self._closed:
            picture = self._picture
            for upper, lower in self._eyes if amount > 0.02 else ():
                picture = self._close_one(picture, upper, lower, amount)
            self._closed[amount] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
        return self._closed[amount].copy()

    def _close_one(self, picture: Image, upper: Points, lower: Points, amount: float) -> Image:
        """upper, lower: (9, 2) lids from left to right in the picture."""
        height = np.interp(upper[:, 0], lower[:, 0], lower[:, 1]) - upper[:, 1]
        lid = upper + np.column_stack([np.zeros(len(upper)), height * 0.94 * amount])
        lid_area = np.vstack([lid, (upper - (0, 5.0))[::-1]])
        picture = blend(picture, self._lid, fill_polygon(lid_area, CANVAS, blur=1.1))
        bulge = draw_line((upper + lid) / 2, CANVAS, thickness=3, blur=2.5)
        picture = picture * (1 + 0.08 * amount * bulge[..., None])
        crease = draw_line((upper - (0, 4.0))[1:-1], CANVAS, thickness=1, blur=1.1)
        picture = picture * (1 - 0.22 * crease[..., None])
        lashes = self._lashes(lid, amount)
        return blend(picture, LASH_BGR, lashes)

    @staticmethod
    def _lashes(lid: Points, amount: float) -> NDArray[np.float32]:
        """(SIZE, SIZE) mask of the lash line and of the lashes' shade under a closed lid."""
        line = draw_line(lid, CANVAS, thickness=2, blur=0.8) * 0.9
        shade = draw_line(lid + np.array([0, 2.2]), CANVAS, thickness=2, blur=1.6) * (0.45 * amount)
        return np.asarray(np.maximum(line, shade), np.float32)
