"""Faces in one picture: where they are, and the landmarks of one of them.

A tracker keeps nothing from frame to frame. Whoever follows a person (`follower.py`) gives it the region where the face
should be, so that one tracker serves any number of people and can never wander from one to another by itself.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import EYE_CORNERS
from lipsync.media.frames import Frame

FloatArray = npt.NDArray[np.float32]
PixelArray = npt.NDArray[np.uint8]

# A window for pictures of the face reaches this far around it, in face sizes.
WINDOW_MARGIN = 0.55


@dataclass(frozen=True, slots=True)
class Region:
    """Where a face is: a square around brows and chin. x, y: its centre, size: its side, px; angle: of the eyes, radians"""

    x: float
    y: float
    size: float
    angle: float

    @classmethod
    def around(cls, points: FloatArray) -> Self:
        """The region of a face given by its landmarks, (len(KEPT), 3) px."""
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        across = points[EYE_CORNERS[1], :2] - points[EYE_CORNERS[0], :2]
        middle = (low + high) / 2
        return cls(float(middle[0]), float(middle[1]), float((high - low).max()), math.atan2(across[1], across[0]))

    def overlap(self, other: Region) -> float:
        """Intersection over union of both squares, taken as upright."""
        half = (self.size + other.size) / 2
        side = min(self.size, other.size)
        wide = min(half - abs(self.x - other.x), side)
        high = min(half - abs(self.y - other.y), side)
        shared = max(0.0, wide) * max(0.0, high)
        return shared / (self.size**2 + other.size**2 - shared)

    def distance(self, other: Region) -> float:
        """Between the centres, in sizes of the larger one."""
        return math.hypot(self.x - other.x, self.y - other.y) / max(self.size, other.size)


class Tracker(ABC):
    """What every tracker offers. Use as a context manager; the methods may be called on any frame in any order."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Load the models."""

    @abstractmethod
    def __exit__(self, *unused: object) -> None:
        """Free the models."""

    @abstractmethod
    def find(self, frame: Frame, area: Region | None = None) -> list[Region]:
        """Faces in the picture, or in a square part of it, largest first. What is found need not be a face: `fit` decides.

        area: may reach beyond the picture, which makes faces that fill it easier to find
        """

    @abstractmethod
    def fit(self, frame: Frame, region: Region) -> FloatArray | None:
        """Landmarks of the face in this region; None: there is none.

        region: may be off by a quarter of its size, as the face's region in the frame before is
        Returns (len(KEPT), 3) float32 in px of the frame, z growing away from the camera.
        """

    def largest(self, frame: Frame) -> FloatArray | None:
        """Landmarks of the largest face in the picture, as `fit` gives them; None: there is none."""
        for region in self.find(frame):
            points = self.fit(frame, region)
            if points is not None:
                return points
        return None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in px: left, top inclusive; right, bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def turned_square(frame: Frame, region: Region, side: int) -> tuple[PixelArray, npt.NDArray[np.float64]]:
    """The region's pixels upright, side x side, as planes that OpenCV calls I420; black outside the picture.

    side: even. Returns (side * 3 / 2, side) uint8 and the (2, 3) map from pixels of the square to those of the frame.
    """
    step = region.size / side
    cosine, sine = math.cos(region.angle) * step, math.sin(region.angle) * step
    turn = np.array([[cosine, -sine], [sine, cosine]])
    start = np.array([region.x, region.y]) - turn @ np.full(2, (side - 1) / 2)
    there = np.column_stack([turn, start])
    return mapped_square(frame, there, side), there


def mapped_square(frame: Frame, there: npt.NDArray[np.float64], side: int) -> PixelArray:
    """(side * 3 / 2, side) uint8, the frame's pixels where the (2, 3) map `there` says, as planes that OpenCV calls I420.

    side: even; black outside the picture
    """
    turn, start = there[:, :2], there[:, 2]
    # Chroma samples lie between two luma samples each way.
    there_half = np.column_stack([turn, (turn @ np.full(2, 0.5) + start - 0.5) / 2])
    planes = np.empty((side * 3 // 2, side), dtype=np.uint8)
    planes[:side] = _turned(frame.y, there, side, 16)
    chroma = planes[side:].reshape(2, side // 2, side // 2)
    chroma[0] = _turned(frame.u, there_half, side // 2, 128)
    chroma[1] = _turned(frame.v, there_half, side // 2, 128)
    return planes


def _turned(plane: PixelArray, there: npt.NDArray[np.float64], side: int, outside: int) -> PixelArray:
    """side x side px of one plane, sampled where the (2, 3) map `there` says."""
    there = there.copy()
    step = float(np.hypot(there[0, 0], there[1, 0]))
    if step >= 2:
        # Bilinear sampling looks at four neighbours only; a large face is first averaged down around its place.
        factor = int(step)
        corners = there @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]], dtype=np.float64)
        low = np.clip(np.floor(corners.min(axis=1)).astype(int) - factor, 0, None)
        high = np.clip(np.ceil(corners.max(axis=1)).astype(int) + factor, 0, [plane.shape[1], plane.shape[0]])
        part = plane[low[1] : high[1], low[0] : high[0]]
        if min(part.shape) < factor:
            return np.full((side, side), outside, dtype=np.uint8)
        rows, columns = part.shape[0] // factor, part.shape[1] // factor
        part = part[: rows * factor, : columns * factor]
        plane = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        there[:, 2] = (there[:, 2] - low - (factor - 1) / 2) / factor
        there[:, :2] /= factor
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    outer = (float(outside),)
    result = cv2.warpAffine(plane, there, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=outer)
    return np.asarray(result, dtype=np.uint8)


def window_rgb(frame: Frame, window: Box, scale: float) -> PixelArray:
    """The window's pixels as RGB, scaled, (height, width, 3) of even size; the window's edges must be even."""
    width = max(2, round((window.right - window.left) * scale / 2) * 2)
    height = max(2, round((window.bottom - window.top) * scale / 2) * 2)
    half = np.s_[window.top // 2 : window.bottom // 2, window.left // 2 : window.right // 2]
    # Scaled plane by plane before the conversion, which costs half of scaling its result.
    planes = np.empty((height * 3 // 2, width), dtype=np.uint8)
    planes[:height] = _scaled(frame.y[window.top : window.bottom, window.left : window.right], width, height)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    chroma[0] = _scaled(frame.u[half], width // 2, height // 2)
    chroma[1] = _scaled(frame.v[half], width // 2, height // 2)
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)


def _scaled(plane: PixelArray, width: int, height: int) -> npt.NDArray[Any]:
    if plane.shape == (height, width):
        return plane
    # Averaging areas costs four times as much, and pays only where several samples become one.
    method = cv2.INTER_AREA if width < 0.6 * plane.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(plane, (width, height), interpolation=method)


def window_around(frame: Frame, low: npt.NDArray[Any], high: npt.NDArray[Any], *, margin: float = WINDOW_MARGIN) -> Box:
    """A square of even size around a face, cut at the picture's edges; margin: in face sizes"""
    size = float((high - low).max())
    centre = (low + high) / 2
    half = size * (0.5 + margin)
    left, top = (max(0, int(c - half) // 2 * 2) for c in centre)
    right = min(frame.width, int(centre[0] + half) // 2 * 2)
    bottom = min(frame.height, int(centre[1] + half) // 2 * 2)
    return Box(left, top, max(left + 2, right), max(top + 2, bottom))
