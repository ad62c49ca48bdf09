"""Where networks look at a face, in any frame of a take: told by the head's pose alone.

A box around landmarks would grow with every open mouth and tremble with each of them; the mean face in the pose of the frame
does neither.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.faces.landmarks import CORNERS, JAW, LEFT_EYE, MOUTH_RING, RIGHT_EYE, places
from lipsync.faces.pose import DoubleArray
from lipsync.faces.track import IntArray
from lipsync.layers import downwards
from lipsync.mouth_space import MouthSpace, spread

MOST_AVERAGED = 400
# Wav2Lip's boxes end a little below the chin: its authors add 10 px to faces of about 200.
BELOW_CHIN = 0.05
# Eyes, tip of the nose and corners of the mouth as faces lie in FFHQ at 512 px (Karras et al. 2019), the picture's left first.
FFHQ_POINTS = np.array([[192.98, 239.95], [318.90, 240.19], [256.63, 314.02], [201.26, 371.41], [313.09, 371.15]])
_NOSE_TIP = places((1, 4))
# The outline of what networks may change: the mouth, and the chin with what lies just below it, but not the jaw's corners.
_BESIDE, _BELOW = 0.8, 0.28
_LOWER_JAW = JAW[2:-2]


class FaceSquares:
    """The squares of one take's face. Numbers are of frames of the take; maps lead from a square's pixels to the frame's."""

    def __init__(self, space: MouthSpace) -> None:
        self._space = space
        usable = space.usable(MOST_AVERAGED)
        some = usable if len(usable) else spread(np.arange(len(space)), MOST_AVERAGED)
        self._mean = space.shapes[some].astype(np.float64).mean(axis=0)

    def upright(self, numbers: IntArray, side: int) -> DoubleArray:
        """(m, 2, 3) maps from the whole face, brows to chin, drawn to a square of `side` px, upright."""
        points, angles = self._faces(numbers), np.radians(self._space.poses.take(numbers).angles[:, 2])
        cosine, sine = np.cos(angles), np.sin(angles)
        turn = np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=1)
        level = np.matmul(points, turn)
        low, high = level.min(axis=1), level.max(axis=1)
        high[:, 1] += BELOW_CHIN * (high[:, 1] - low[:, 1])
        middle = np.matmul(turn, ((low + high) / 2)[..., None])
        steps = turn * ((high - low) / side)[:, None, :]
        start = middle - steps.sum(axis=2, keepdims=True) * (side - 1) / 2
        return np.concatenate([steps, start], axis=2)

    def aligned(self, numbers: IntArray) -> DoubleArray:
        """(m, 2, 3) maps from faces that lie as those of FFHQ do at 512 px; least squares over five points."""
        points = self._faces(numbers)
        marks = [points[:, place].mean(axis=1) for place in (RIGHT_EYE, LEFT_EYE, _NOSE_TIP)]
        marks += [points[:, place] for place in CORNERS]
        target = np.stack(marks, axis=1) @ np.array([1, 1j])
        source = FFHQ_POINTS @ np.array([1, 1j])
        centred = source - source.mean()
        turn = (target - target.mean(axis=1, keepdims=True)) @ centred.conj() / (abs(centred) ** 2).sum()
        start = target.mean(axis=1) - turn * source.mean()
        rows = (np.stack([turn.real, -turn.imag, start.real], axis=-1), np.stack([turn.imag, turn.real, start.imag], axis=-1))
        return np.stack(rows, axis=1)

    def rings(self, numbers: IntArray) -> list[DoubleArray]:
        """(n, 2) px for each frame: the outline of what may be changed, convex, around mouth and chin."""
        return [_ring(points) for points in self._space.pixels(numbers)]

    def units(self, numbers: IntArray) -> list[float]:
        """Px per IOD."""
        return [float(scale) for scale in self._space.poses.scale[numbers]]

    def _faces(self, numbers: IntArray) -> DoubleArray:
        return self._space.poses.take(numbers).to_pixels(self._mean[None])[..., :2]


def _ring(points: DoubleArray) -> DoubleArray:
    middle = points[MOUTH_RING].mean(axis=0)
    outwards = points[_LOWER_JAW] - middle
    below = np.clip(outwards @ downwards(points) / (np.linalg.norm(outwards, axis=1) + 1e-9), 0, 1)
    jaw = middle + outwards * (_BESIDE + _BELOW * below**2)[:, None]
    around = np.concatenate([points[MOUTH_RING], jaw]).astype(np.float32)
    return np.asarray(cv2.convexHull(around)[:, 0], dtype=np.float64)
