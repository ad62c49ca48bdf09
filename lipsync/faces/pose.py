"""Head pose: landmarks in pixels go in, a similarity per frame and the face in its own frame come out.

A pose maps the face's own frame (origin at the rigid points' mean, x to the picture's right, y down, unit: the distance
between the eye centres, "IOD") to pixels: `pixels = scale * rotation @ own + translation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from lipsync.faces.landmarks import EYE_CORNERS, FOREHEAD_TO_NOSE, LEFT_EYE, RIGHT_EYE, RIGID, SKIN
from lipsync.faces.tracker import FloatArray

DoubleArray = npt.NDArray[np.float64]

REFERENCE_FRAMES = 200
# The skin's drift against the landmarks is trusted only in its quick part: talking skin pulls the slow part off the lips.
DRIFT_SIGMA_FRAMES = 2.0
FEWEST_SKIN_POINTS = 8
LARGEST_DRIFT_IOD = 0.03
# Landmarks are off by so little that one halving reaches it, but on faces larger than this.
LARGE_FACE_IOD_PIXELS = 160


@dataclass(frozen=True, slots=True)
class Poses:
    """scale: (n,) px per IOD; rotation: (n, 3, 3); translation: (n, 3) px"""

    scale: DoubleArray
    rotation: DoubleArray
    translation: DoubleArray

    @property
    def angles(self) -> DoubleArray:
        """(n, 3) yaw, pitch, roll in degrees."""
        turn = self.rotation
        yaw = np.arcsin(np.clip(turn[:, 0, 2], -1, 1))
        pitch = np.arcsin(np.clip(-turn[:, 1, 2], -1, 1))
        roll = np.arctan2(turn[:, 1, 0], turn[:, 0, 0])
        return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)))

    def take(self, numbers: npt.NDArray[np.intp] | slice) -> Poses:
        """The poses of these frames."""
        return Poses(self.scale[numbers], self.rotation[numbers], self.translation[numbers])

    def to_own(self, points: FloatArray | DoubleArray) -> DoubleArray:
        """(n, P, 3) px to the face's own frame."""
        turned: DoubleArray = np.matmul(points - self.translation[:, None], self.rotation)
        return np.asarray(turned / self.scale[:, None, None])

    def to_pixels(self, own: DoubleArray) -> DoubleArray:
        """(n, P, 3) own frame to px."""
        turned: DoubleArray = np.matmul(own, self.rotation.transpose(0, 2, 1))
        return np.asarray(turned * self.scale[:, None, None] + self.translation[:, None])


def fit_similarity(source: DoubleArray, target: DoubleArray) -> Poses:
    """Least-squares similarities from one point set onto many (Kabsch 1976, Umeyama 1991).

    source: (P, 3); target: (n, P, 3)
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=1)
    centred, wanted = source - source_mean, target - target_mean[:, None]
    left, stretch, right = np.linalg.svd(np.matmul(wanted.transpose(0, 2, 1), centred))
    mirror = np.ones((len(target), 3))
    mirror[:, 2] = np.sign(np.linalg.det(np.matmul(left, right)))
    rotation = np.matmul(left * mirror[:, None], right)
    scale = (stretch * mirror).sum(axis=1) / (centred**2).sum()
    translation = target_mean - scale[:, None] * (rotation @ source_mean)
    return Poses(scale, rotation, translation)


def rigid_reference(points: DoubleArray) -> DoubleArray:
    """The mean rigid shape, (len(RIGID), 3), upright, unit IOD, by generalised Procrustes analysis (Gower 1975).

    points: (n, P, 3) px, frames with a face only
    """
    some = points[:: max(1, len(points) // REFERENCE_FRAMES)]
    chosen = some[:, RIGID]
    reference = chosen[len(chosen) // 2] - chosen[len(chosen) // 2].mean(axis=0)
    for _ in range(3):
        reference = fit_similarity(reference, chosen).to_own(chosen).mean(axis=0)
    mean = fit_similarity(reference, chosen).to_own(some).mean(axis=0)
    across = mean[EYE_CORNERS[1]] - mean[EYE_CORNERS[0]]
    across /= np.linalg.norm(across)
    down = mean[FOREHEAD_TO_NOSE[1]] - mean[FOREHEAD_TO_NOSE[0]]
    down -= (down @ across) * across
    down /= np.linalg.norm(down)
    axes = np.stack([across, down, np.cross(across, down)])
    eyes = float(np.linalg.norm(mean[RIGHT_EYE].mean(axis=0) - mean[LEFT_EYE].mean(axis=0)))
    return np.asarray((reference - reference.mean(axis=0)) @ axes.T / eyes)


class SkinDrift:
    """How far the skin's pixels move beyond what the landmarks say, from frame to frame.

    Landmarks tremble; pixels do not. The residual of a Lucas-Kanade track (Lucas and Kanade 1981, pyramids after Bouguet
    2000) is fitted as a 2-D similarity `r = [tx, ty] + [[a, -b], [b, a]] @ (p - centre)`.
    """

    def __init__(self) -> None:
        self._reference: DoubleArray | None = None
        self._luma: npt.NDArray[np.uint8] | None = None
        self._points: FloatArray | None = None

    def restart(self) -> None:
        """Forget the frame before: the next one belongs to another shot."""
        self._luma = self._points = None

    def step(self, luma: npt.NDArray[np.uint8], landmarks: FloatArray | None) -> FloatArray:
        """The residual motion (tx, ty, a, b) since the previous frame; zeros where it cannot be told.

        luma: (height, width) of the whole frame, kept until the next step
        """
        still = np.zeros(4, dtype=np.float32)
        if landmarks is None:
            self._points = None
            return still
        points = landmarks.astype(np.float64)
        if self._reference is None:
            self._reference = points
        pose = fit_similarity(self._reference[RIGID], points[None, RIGID])
        here = pose.to_pixels(self._reference[None, SKIN])[0, :, :2].astype(np.float32)
        size = float(np.linalg.norm(points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)))
        motion = still
        if self._points is not None and self._luma is not None:
            motion = _residual(self._luma, luma, self._points, here, size)
        self._luma, self._points = luma, here
        return motion


def _residual(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], source: FloatArray, target: FloatArray, size: float
) -> FloatArray:
    low = np.maximum(np.minimum(source.min(axis=0), target.min(axis=0)).astype(int) - 40, 0)
    high = np.maximum(source.max(axis=0), target.max(axis=0)).astype(int) + 40
    part = np.s_[low[1] : high[1], low[0] : high[0]]
    offset = low.astype(np.float32)
    if min(before[part].shape) < 32:
        return np.zeros(4, dtype=np.float32)
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(
        before[part],
        after[part],
        (source - offset)[:, None],
        (target - offset)[:, None].copy(),
        winSize=(15, 15),
        maxLevel=1 if size < LARGE_FACE_IOD_PIXELS else 2,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03),
    )
    residual = tracked[:, 0] + offset - target
    good = found[:, 0] > 0
    if good.sum() >= FEWEST_SKIN_POINTS:
        good &= np.linalg.norm(residual - np.median(residual[good], axis=0), axis=1) < LARGEST_DRIFT_IOD * size
    if good.sum() < FEWEST_SKIN_POINTS:
        return np.zeros(4, dtype=np.float32)
    around = target[good] - target.mean(axis=0)
    equations = np.zeros((2 * len(around), 4), dtype=np.float32)
    equations[0::2, 0] = equations[1::2, 1] = 1
    equations[0::2, 2], equations[0::2, 3] = around[:, 0], -around[:, 1]
    equations[1::2, 2], equations[1::2, 3] = around[:, 1], around[:, 0]
    return np.asarray(np.linalg.lstsq(equations, residual[good].ravel(), rcond=None)[0], dtype=np.float32)


def lock_to_pixels(poses: Poses, skin: DoubleArray, drift: FloatArray) -> Poses:
    """Poses that follow the skin's pixels in the quick part of their motion and the landmarks in the slow part.

    poses, drift: of one shot, (n,) and (n, 4) from `SkinDrift`; skin: (len(SKIN), 3) mean skin points in the own frame
    """
    walked = np.cumsum(drift.astype(np.float64), axis=0)
    quick = walked - gaussian_filter1d(walked, DRIFT_SIGMA_FRAMES, axis=0, mode="nearest")
    middle = np.broadcast_to(skin.mean(axis=0), (len(drift), 1, 3))
    centre = poses.to_pixels(middle)[:, 0]
    stretch = np.hypot(1 + quick[:, 2], quick[:, 3])
    turn = np.zeros((len(drift), 3, 3))
    turn[:, 0, 0] = turn[:, 1, 1] = (1 + quick[:, 2]) / stretch
    turn[:, 0, 1], turn[:, 1, 0] = -quick[:, 3] / stretch, quick[:, 3] / stretch
    turn[:, 2, 2] = 1
    moved = np.matmul(turn, (poses.translation - centre)[..., None])[..., 0] * stretch[:, None] + centre
    moved[:, :2] += quick[:, :2]
    return Poses(poses.scale * stretch, np.matmul(turn, poses.rotation), moved)
