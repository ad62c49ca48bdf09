"""The tracker made of the face alignment network (Bulat and Tzimiropoulos 2017), whose weights must be installed.

Where faces are, MediaPipe's detector says; of each the network finds 68 landmarks (iBUG's scheme, Sagonas et al. 2013). A mean
face in three dimensions, turned as they say and bent so that it meets them, gives the landmarks that the engine works with.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Protocol, Self

import cv2
import numpy as np

from lipsync.faces.landmarks import KEPT, LIP_OPENING, LIP_OUTLINE, IndexArray
from lipsync.faces.mediapipe import MediapipeTracker
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray, Region, Tracker, turned_square
from lipsync.media.frames import Frame
from lipsync.weights import HOME, chosen

SIDE_PIXELS, MAP_PIXELS = 256, 64
# Its authors cut faces out so much larger than their detector's box, and so much higher, in sizes of the box.
REACH, HIGHER = 400 / 195, 0.12
# What the brightest places of its maps come to in the mean where there is a face; nothing but the published pictures tells.
LEAST_BRIGHT = 0.3
FAINT = 1e-6
SMOOTHNESS = 0.02
# The mesh's points at iBUG's 68: jaw, brows, nose, eyes, lips, their opening.
_JAW = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389)
_BROWS = (71, 63, 105, 66, 107, 336, 296, 334, 293, 301)
_NOSE = (168, 197, 5, 4, 75, 97, 2, 326, 305)
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_OPENING = (78, 82, 13, 312, 308, 317, 14, 87)
MESH_POINTS = (*_JAW, *_BROWS, *_NOSE, *_EYES, *_LIPS, *_OPENING)
# Bone, which tells how the head is turned: nose and corners of the eyes.
_BONE = np.array([*range(27, 36), 36, 39, 42, 45])
_OUTER, _INNER = np.arange(48, 60), np.arange(60, 68)


class _Network(Protocol):
    def __call__(self, *inputs: FloatArray) -> FloatArray: ...


def open_network() -> _Network:
    """The installed one, on the device that there is. Raises EnvironmentFault (`weights_missing`, `licence_forbidden`)."""
    from lipsync.networks.opened import opened  # noqa: PLC0415 - torch, which only those who use it pay for

    return opened(chosen("fan"), "auto", "auto")


class FanTracker(Tracker):
    """See `Tracker`. The network stays loaded for the next one."""

    def __enter__(self) -> Self:
        self._network = open_network()
        self._boxes = MediapipeTracker().__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._boxes.__exit__(*raised)

    def find(self, frame: Frame, area: Region | None = None) -> list[Region]:
        """See `Tracker.find`."""
        return self._boxes.find(frame, area)

    def fit(self, frame: Frame, region: Region) -> FloatArray | None:
        """See `Tracker.fit`."""
        up = HIGHER * region.size
        x, y = region.x + up * math.sin(region.angle), region.y - up * math.cos(region.angle)
        planes, there = turned_square(frame, Region(x, y, region.size * REACH, region.angle), SIDE_PIXELS)
        picture = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420).astype(np.float32) / 255
        (maps,) = self._network(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        places, bright = brightest(maps)
        if bright < LEAST_BRIGHT:
            return None
        marks = (places * (SIDE_PIXELS / MAP_PIXELS) - 0.5) @ there[:, :2].T + there[:, 2]
        return lifted(marks)


def brightest(maps: FloatArray) -> tuple[DoubleArray, float]:
    """(68, 2) where each map is brightest, in its px from its edge, and how bright that is in the mean.

    Between samples the place is that of the bell through the brightest and its neighbours (Zhang et al. 2020, DARK).
    """
    count, _, width = maps.shape
    rows, columns = np.divmod(maps.reshape(count, -1).argmax(axis=1), width)
    number = np.arange(count)
    logs = np.log(np.maximum(np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge"), FAINT).astype(np.float64))
    middle = logs[number, rows + 1, columns + 1]
    offsets = [
        _top(logs[number, rows + 1 - down, columns + 1 - right], middle, logs[number, rows + 1 + down, columns + 1 + right])
        for right, down in ((1, 0), (0, 1))
    ]
    places = np.stack([columns, rows], axis=1) + 0.5 + np.stack(offsets, axis=1)
    return places, float(maps[number, rows, columns].mean())


def _top(before: DoubleArray, middle: DoubleArray, after: DoubleArray) -> DoubleArray:
    bend = before - 2 * middle + after
    return np.clip(np.where(bend < -FAINT, (before - after) / (2 * np.minimum(bend, -FAINT)), 0.0), -0.5, 0.5)


def lifted(marks: DoubleArray) -> FloatArray:
    """(len(KEPT), 3) px landmarks that meet 68 marks (68, 2) px, with the depth of a mean face turned as they are."""
    face = _face()
    turn, size = _pose(face.marks[_BONE], marks[_BONE])
    middle = marks[_BONE].mean(axis=0) - size * (face.marks[_BONE].mean(axis=0) @ turn.T)[:2]
    own = size * face.kept @ turn.T
    apart = marks - (size * (face.marks @ turn.T)[:, :2] + middle)
    own[:, :2] += middle + face.spread @ apart
    own[LIP_OUTLINE, :2] += face.outline @ apart - (face.spread @ apart)[LIP_OUTLINE]
    own[LIP_OPENING, :2] += face.opening @ apart - (face.spread @ apart)[LIP_OPENING]
    return np.asarray(own, dtype=np.float32)


def _pose(bone: DoubleArray, marks: DoubleArray) -> tuple[DoubleArray, float]:
    """The rotation and size of a scaled orthographic view of bone (n, 3) as marks (n, 2)."""
    centred, seen = bone - bone.mean(axis=0), marks - marks.mean(axis=0)
    view = np.linalg.lstsq(centred, seen, rcond=None)[0].T
    left, sizes, right = np.linalg.svd(view, full_matrices=False)
    rows = left @ right
    return np.vstack([rows, np.cross(rows[0], rows[1])]), float(sizes.mean())


class _Face:
    """The mean face. kept: (len(KEPT), 3), marks: (68, 3), unit IOD

    spread: (len(KEPT), 68) how far each point goes with each mark; outline, opening: the same for the lips, along each of them
    """

    def __init__(self) -> None:
        from lipsync.warp import spline  # noqa: PLC0415 - its module imports this package

        with np.load(HOME / "mean_face.npz") as arrays:
            mesh: DoubleArray = arrays["points"].astype(np.float64)
        self.kept, self.marks = mesh[list(KEPT)], mesh[list(MESH_POINTS)]
        # Lips that touch in the mean face go apart: the opening has no part in what moves the skin.
        skin = np.arange(_INNER[0])
        self.spread = np.zeros((len(KEPT), len(MESH_POINTS)))
        flat = self.kept[:, :2]
        self.spread[:, skin] = spline(self.marks[skin, :2], np.eye(len(skin)), flat, 1.0, SMOOTHNESS)
        self.outline = self._along(LIP_OUTLINE, _OUTER)
        self.opening = self._along(LIP_OPENING, _INNER)

    def _along(self, ring: IndexArray, marks: IndexArray) -> DoubleArray:
        """(len(ring), 68) how far each point of a closed line goes with the marks on it: linear between one and the next."""
        points, numbers = self.kept[ring], np.array(KEPT)[ring]
        steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
        at, length = np.concatenate([[0], np.cumsum(steps)[:-1]]), steps.sum()
        known = [(float(at[np.flatnonzero(numbers == MESH_POINTS[mark])[0]]), int(mark)) for mark in marks]
        known.sort()
        places = np.array([place for place, _ in known])
        shares = np.zeros((len(ring), len(MESH_POINTS)))
        for row, place in enumerate(at):
            after = int(np.searchsorted(places, place, side="right")) % len(known)
            before = after - 1
            gap = (places[after] - places[before]) % length
            share = ((place - places[before]) % length) / gap
            shares[row, known[before][1]] += 1 - share
            shares[row, known[after][1]] += share
        return shares


@cache
def _face() -> _Face:
    return _Face()
