"""Clean mouth shapes of a take's frames, worked out in blocks from the landmarks' file.

A take's shapes are never held all at once. The blocks are always the same ones, so that a frame's shape does not depend
on who asks for it or in which order. Shapes are in the face's own frame (see `faces.pose`), unit IOD.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from lipsync.faces.landmarks import APERTURE_PAIRS, CORNERS, KEPT, LIPS, NOT_LIPS, RIGID, IndexArray
from lipsync.faces.pose import DoubleArray, Poses, fit_similarity
from lipsync.faces.track import FaceTrack, IntArray
from lipsync.faces.tracker import FloatArray

_Places = IndexArray | np.intp | int

SMOOTHING_FRAMES = 9
# The mesh's lips tremble by themselves, most of all on turned heads. In every take tried this mean lies nearer
# to what five crops of a frame give together than the frame's own crop does; more of it takes the edge off closing lips.
LIP_SMOOTHING = (1 / 8, 3 / 4, 1 / 8)
# Least-squares fit of a parabola to so many frames, read at the middle one (Savitzky and Golay 1964). SciPy's own comes with
# all of its statistics and filter design: a third of a second and thirty megabytes of every engine process.
SMOOTHING = np.linalg.pinv(np.vander(np.arange(SMOOTHING_FRAMES) - SMOOTHING_FRAMES // 2, 3))[-1]
BLOCK_FRAMES = 256
BLOCKS_KEPT = 12
POSE_FEATURES = 5
_UPPER, _LOWER = APERTURE_PAIRS
_IN_LIPS = tuple(np.array([int(np.flatnonzero(place == LIPS)[0]) for place in side]) for side in APERTURE_PAIRS)
_CORNERS_IN_LIPS = tuple(int(np.flatnonzero(place == LIPS)[0]) for place in CORNERS)


def apertures(points: FloatArray | DoubleArray) -> DoubleArray:
    """(...) mean opening between the lips; points: (..., P, 2 or 3), any unit"""
    return np.asarray(_apart(points, _UPPER, _LOWER).mean(axis=-1))


def apertures_of_lips(lips: DoubleArray) -> DoubleArray:
    """The same for lips alone, (..., len(LIPS), 3)."""
    upper, lower = _IN_LIPS
    return np.asarray(_apart(lips, upper, lower).mean(axis=-1))


def widths(points: FloatArray | DoubleArray) -> DoubleArray:
    """(...) distance between the corners of the mouth; points: (..., P, 2 or 3), any unit"""
    return _apart(points, CORNERS[0], CORNERS[1])


def widths_of_lips(lips: DoubleArray) -> DoubleArray:
    """The same for lips alone, (..., len(LIPS), 3)."""
    right, left = _CORNERS_IN_LIPS
    return _apart(lips, right, left)


def _apart(points: FloatArray | DoubleArray, one: _Places, other: _Places) -> DoubleArray:
    return np.asarray(np.linalg.norm(points[..., one, :] - points[..., other, :], axis=-1))


def pose_features(angles: DoubleArray) -> DoubleArray:
    """(n, POSE_FEATURES) what of the head's pose leaks into the landmarks; angles: (n, 3) degrees"""
    yaw, pitch, roll = (angles / 10).T
    return np.stack([yaw, pitch, roll, yaw * yaw, pitch * pitch], axis=1)


class Shapes:
    """`shapes[numbers]` gives (m, P, 3) float32 of these frames; blocks asked for lately are kept.

    Within each shot lips are smoothed over three frames, lightly, the rest over nine (Savitzky and Golay 1964). What head pose
    does to the landmarks is taken out: leak, (POSE_FEATURES, P * 3), per unit of each feature; leak_mean: features at none.
    """

    def __init__(
        self, track: FaceTrack, reference: DoubleArray, poses: Poses, leak: DoubleArray, leak_mean: DoubleArray
    ) -> None:
        self._track, self._reference, self._poses = track, reference, poses
        self._leak, self._leak_mean = leak, leak_mean
        self._kept: OrderedDict[int, npt.NDArray[np.float32]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._track)

    def __getitem__(self, numbers: IntArray) -> npt.NDArray[np.float32]:
        shapes = np.empty((len(numbers), len(KEPT), 3), dtype=np.float32)
        blocks = np.asarray(numbers) // BLOCK_FRAMES
        for block in np.unique(blocks):
            here = np.flatnonzero(blocks == block)
            shapes[here] = self._block(int(block))[np.asarray(numbers)[here] - block * BLOCK_FRAMES]
        return shapes

    def _block(self, block: int) -> npt.NDArray[np.float32]:
        if block in self._kept:
            self._kept.move_to_end(block)
            return self._kept[block]
        numbers = np.arange(block * BLOCK_FRAMES, min(len(self), (block + 1) * BLOCK_FRAMES))
        cuts = np.flatnonzero(np.diff(self._track.shot[numbers])) + 1
        shapes = np.concatenate([self._smoothed(part) for part in np.split(numbers, cuts)])
        leak = (pose_features(self._poses.take(numbers).angles) - self._leak_mean) @ self._leak
        self._kept[block] = (shapes - leak.reshape(shapes.shape)).astype(np.float32)
        if len(self._kept) > BLOCKS_KEPT:
            self._kept.popitem(last=False)
        return self._kept[block]

    def _smoothed(self, numbers: IntArray) -> DoubleArray:
        """Shapes of consecutive frames of one shot. Their neighbours are read too, so that no block's border shows."""
        margin = SMOOTHING_FRAMES // 2
        first, last = int(numbers[0]), int(numbers[-1])
        around = np.arange(max(0, first - margin), min(len(self), last + margin + 1))
        around = around[self._track.shot[around] == self._track.shot[first]]
        points = self._track.points(around).astype(np.float64)
        shapes = fit_similarity(self._reference, points[:, RIGID]).to_own(points)
        shapes[:, NOT_LIPS] = correlate1d(shapes[:, NOT_LIPS], SMOOTHING, axis=0, mode="nearest")
        shapes[:, LIPS] = correlate1d(shapes[:, LIPS], LIP_SMOOTHING, axis=0, mode="nearest")
        start = first - int(around[0])
        return np.asarray(shapes[start : start + len(numbers)])
