"""Faces as networks want them: cut out of a frame as red, green and blue, and laid back over it sample by sample.

The way back is the way there reversed, with the clip's own matrix and range; what is left of an error is slow in space and is
taken out along the mask's edge (`layers.lay_over`). Samples outside the mask stay the camera's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import Box, FloatArray, mapped_square
from lipsync.layers import COARSE, Overlay, lay_over, mask_box, soft_mask
from lipsync.media import ClipFacts, Frame

# Shares of red and blue in luma, by ffmpeg's names of the matrices (ITU-T H.273).
_SHARES = {
    "bt709": (0.2126, 0.0722),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),
}
# What a clip that does not say has: players go by its size.
LARGEST_STANDARD_HEIGHT, LARGEST_STANDARD_WIDTH = 576, 1024
SMALLEST_BOX_PIXELS = 8
# Where a square is so much finer than the picture, it is blurred first, or single samples of it would flicker.
FINER = 1.2


@dataclass(frozen=True, slots=True)
class Colours:
    """How a clip's samples are red, green and blue. red, blue: their shares in luma"""

    red: float
    blue: float
    full_range: bool

    @classmethod
    def of(cls, facts: ClipFacts) -> Self:
        """Those of a clip."""
        large = facts.height > LARGEST_STANDARD_HEIGHT or facts.width > LARGEST_STANDARD_WIDTH
        usual = "bt709" if large else "smpte170m"
        return cls(*_SHARES.get(facts.colour.get("colorspace", usual), _SHARES[usual]), facts.full_range)

    def to_bgr(self, y: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
        """(h, w, 3) float32, 0 to 1, blue first, of planes of the same size, grey levels."""
        low, light, colour = self._levels
        luma, cb, cr = (y - low) / light, (u - 128) / colour, (v - 128) / colour
        red = luma + 2 * (1 - self.red) * cr
        blue = luma + 2 * (1 - self.blue) * cb
        green = (luma - self.red * red - self.blue * blue) / (1 - self.red - self.blue)
        return np.asarray(np.clip(np.stack([blue, green, red], axis=-1), 0, 1), dtype=np.float32)

    def to_planes(self, bgr: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The reverse of `to_bgr`."""
        low, light, colour = self._levels
        blue, green, red = np.moveaxis(bgr, -1, 0)
        luma = self.red * red + self.blue * blue + (1 - self.red - self.blue) * green
        cb, cr = (blue - luma) / (2 * (1 - self.blue)), (red - luma) / (2 * (1 - self.red))
        y, u, v = (np.asarray(plane, dtype=np.float32) for plane in (luma * light + low, cb * colour + 128, cr * colour + 128))
        return y, u, v

    @property
    def _levels(self) -> tuple[float, float, float]:
        return (0.0, 255.0, 255.0) if self.full_range else (16.0, 219.0, 224.0)


def cut_square(frame: Frame, there: DoubleArray, side: int, colours: Colours) -> FloatArray:
    """(side, side, 3) float32, 0 to 1, blue first. there: (2, 3) map from pixels of the square to those of the frame"""
    planes = mapped_square(frame, there, side)
    u, v = planes[side:].reshape(2, side // 2, side // 2).astype(np.float32)
    large = (np.asarray(cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.float32) for plane in (u, v))
    return colours.to_bgr(planes[:side].astype(np.float32), *large)


def lay_square(
    frame: Frame, picture: FloatArray, there: DoubleArray, ring: DoubleArray, colours: Colours, *, unit: float, strength: float
) -> None:
    """Lay a square picture, as from `cut_square`, over the frame inside the soft outline.

    ring: (n, 2) px; unit: px per IOD; strength: 0 leaves the frame as it is
    """
    box = mask_box(frame, ring, unit)
    if min(box.right - box.left, box.bottom - box.top) < SMALLEST_BOX_PIXELS:
        return
    finer = 1 / float(np.sqrt(abs(np.linalg.det(there[:, :2]))))
    if finer > FINER:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), finer / 2), dtype=np.float32)
    y, u, v = (_placed(plane, there, box, shrink) for plane, shrink in zip(colours.to_planes(picture), (1, 2, 2), strict=True))
    slow = np.zeros(((box.bottom - box.top) // COARSE, (box.right - box.left) // COARSE, 3), dtype=np.float32)
    lay_over(frame, box, Overlay(y, u, v, slow), soft_mask(box, ring, unit), unit=unit, strength=strength)


def _placed(plane: FloatArray, there: DoubleArray, box: Box, shrink: int) -> FloatArray:
    """The square's plane over the box, at 1 / shrink of its size."""
    turn = np.linalg.inv(there[:, :2])
    corner = np.array([box.left, box.top]) + (shrink - 1) / 2 - there[:, 2]
    back = np.column_stack([turn * shrink, turn @ corner])
    size = ((box.right - box.left) // shrink, (box.bottom - box.top) // shrink)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)
