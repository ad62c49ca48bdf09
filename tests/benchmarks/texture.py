"""What the eye notices in lips besides their shape: sharpness, and how the texture of lips and teeth flickers.

Each frame's lips are warped to one fixed shape first, so that movement is not mistaken for flicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from lipsync.faces.landmarks import LIP_OPENING, LIP_OUTLINE, LIP_SURROUND, LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.media import Frame
from lipsync.warp import Grid, fields, pick

WIDTH, HEIGHT = 96, 72
UNIT, STEP = 80.0, 4
TEETH_APERTURE_IOD = 0.08
_POINTS = np.concatenate([LIPS, LIP_SURROUND])


@dataclass(frozen=True, slots=True)
class Skin:
    """The lips of one frame in the fixed shape.

    patch: (HEIGHT, WIDTH) float32 luma; level, blue, red: mean luma and chroma of the lips; detail: log of the lips' high band;
    teeth: mean luma between the lips; teeth_detail: log of its high band
    """

    patch: FloatArray
    level: float
    blue: float
    red: float
    detail: float
    teeth: float
    teeth_detail: float


@dataclass(frozen=True, slots=True)
class FixedShape:
    """The shape that all lips are warped to. points: (n, 2) px of the patch; lips, inside: (HEIGHT, WIDTH) bool"""

    points: DoubleArray
    lips: np.ndarray
    inside: np.ndarray

    @staticmethod
    def of(landmarks: DoubleArray) -> FixedShape:
        """From landmarks (P, 2) px of a frame with an open mouth."""
        own = landmarks[_POINTS]
        corners = landmarks[LIP_OUTLINE]
        low, high = corners.min(axis=0), corners.max(axis=0)
        scale = np.array([0.8 * WIDTH, 0.7 * HEIGHT]) / (high - low)

        def place(points: DoubleArray) -> DoubleArray:
            return np.asarray((points - (low + high) / 2) * scale + [WIDTH / 2, HEIGHT / 2])

        outline, opening = np.zeros((2, HEIGHT, WIDTH), dtype=np.uint8)
        cv2.fillPoly(outline, [place(landmarks[LIP_OUTLINE]).round().astype(np.int32)], (1,))
        cv2.fillPoly(opening, [place(landmarks[LIP_OPENING]).round().astype(np.int32)], (1,))
        kernel = np.ones((3, 3), dtype=np.uint8)
        lips = (outline > 0) & (cv2.dilate(opening, kernel) == 0)
        return FixedShape(place(own), lips, cv2.erode(opening, kernel) > 0)

    def skin(self, frame: Frame, landmarks: DoubleArray) -> Skin:
        """The frame's lips in this shape; landmarks: (P, 2) px"""
        grid = Grid(WIDTH, HEIGHT, STEP)
        there = grid.lookup(fields(self.points, [landmarks[_POINTS]], grid, unit=UNIT, smoothness=1e-3)[0], 0, 0)
        patch = pick(frame.y, there).astype(np.float32)
        blue, red = (cv2.remap(plane, there / 2, None, cv2.INTER_LINEAR)[self.lips].mean() for plane in (frame.u, frame.v))
        high = cv2.Laplacian(patch, cv2.CV_32F)

        def band(where: np.ndarray) -> float:
            return float(np.log(high[where].std() + 1e-3))

        level, teeth = float(patch[self.lips].mean()), float(patch[self.inside].mean())
        return Skin(patch, level, float(blue), float(red), band(self.lips), teeth, band(self.inside))


def flicker(skins: list[Skin], opening: DoubleArray, shape: FixedShape) -> dict[str, float]:
    """Mean changes from frame to frame: `lips`, `colour` and `teeth` in grey levels, `detail` and `teeth_detail` in log units,
    `texture` in grey levels point by point.

    opening: (T,) IOD; teeth count only while the mouth is well open
    """

    def step(name: str, where: np.ndarray) -> float:
        values = np.array([getattr(skin, name) for skin in skins])
        return float(np.abs(np.diff(values))[where].mean()) if where.any() else float("nan")

    always = np.ones(len(skins) - 1, dtype=bool)
    open_wide = (opening[1:] > TEETH_APERTURE_IOD) & (opening[:-1] > TEETH_APERTURE_IOD)
    soft = [cv2.GaussianBlur(skin.patch, (0, 0), 2.0) for skin in skins]
    texture = float(np.mean([np.abs(b - a)[shape.lips].mean() for a, b in pairwise(soft)]))
    return {
        "lips": step("level", always),
        "colour": step("blue", always) + step("red", always),
        "detail": step("detail", always),
        "texture": texture,
        "teeth": step("teeth", open_wide),
        "teeth_detail": step("teeth_detail", open_wide),
    }
