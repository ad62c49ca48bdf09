"""Mouth space: a face track goes in; clean mouth shapes of this speaker, and what moves with the lips, come out.

All shapes are in the face's own frame (see `faces.pose`), unit IOD.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import savgol_filter

from lipsync.faces.landmarks import APERTURE_PAIRS, CORNERS, LIPS, LOWER_FACE_NOT_LIPS, NOT_LIPS, RIGID, SKIN
from lipsync.faces.pose import DoubleArray, Poses, fit_similarity, lock_to_pixels, rigid_reference
from lipsync.look import FaceTrack

SMOOTHING_FRAMES = 9
LIP_COMPONENTS = 6
REST_PERCENTILE = 15
_UPPER, _LOWER = APERTURE_PAIRS
_IN_LIPS = tuple(np.array([int(np.flatnonzero(place == LIPS)[0]) for place in side]) for side in APERTURE_PAIRS)
_CORNERS_IN_LIPS = tuple(int(np.flatnonzero(place == LIPS)[0]) for place in CORNERS)


def apertures(shapes: DoubleArray) -> DoubleArray:
    """(n,) mean opening between the lips; shapes: (n, P, 3)"""
    return np.asarray(np.linalg.norm(shapes[:, _UPPER] - shapes[:, _LOWER], axis=2).mean(axis=1))


def apertures_of_lips(lips: DoubleArray) -> DoubleArray:
    """The same for lips alone, (n, len(LIPS), 3)."""
    upper, lower = _IN_LIPS
    return np.asarray(np.linalg.norm(lips[:, upper] - lips[:, lower], axis=2).mean(axis=1))


def widths(shapes: DoubleArray) -> DoubleArray:
    """(n,) distance between the corners of the mouth; shapes: (n, P, 3)"""
    return np.asarray(np.linalg.norm(shapes[:, CORNERS[0]] - shapes[:, CORNERS[1]], axis=1))


def widths_of_lips(lips: DoubleArray) -> DoubleArray:
    """The same for lips alone, (n, len(LIPS), 3)."""
    right, left = _CORNERS_IN_LIPS
    return np.asarray(np.linalg.norm(lips[:, right] - lips[:, left], axis=1))


@dataclass(frozen=True, slots=True)
class MouthSpace:
    """What a take knows of its speaker's mouth.

    poses: per frame, locked to the pixels
    shapes: (n, P, 3) float32, cleaned of what head pose does to the landmarks; lips raw, the rest smoothed
    leak: (5, P * 3) what one unit of each pose feature does; leak_mean: (5,) features at no leak
    follow: (LIP_COMPONENTS, L * 3) how the lower face moves with the lips' components
    components: (LIP_COMPONENTS, len(LIPS) * 2), of unit variance over the take; lip_mean: (len(LIPS) * 2,)
    weight: (n,) 0 to 1: how far the mouth may be changed; 0 where the face is not seen well enough
    """

    poses: Poses
    shapes: npt.NDArray[np.float32]
    leak: DoubleArray
    leak_mean: DoubleArray
    follow: DoubleArray
    components: DoubleArray
    lip_mean: DoubleArray
    weight: DoubleArray

    def lip_coordinates(self, lips: DoubleArray) -> DoubleArray:
        """(n, LIP_COMPONENTS) of lips (n, len(LIPS), 3)."""
        flat = lips[..., :2].reshape(len(lips), -1)
        return np.asarray((flat - self.lip_mean) @ self.components.T)

    def pixels(self, numbers: npt.NDArray[np.intp]) -> DoubleArray:
        """(m, P, 2) smoothed landmarks of the frames `numbers`."""
        poses = Poses(self.poses.scale[numbers], self.poses.rotation[numbers], self.poses.translation[numbers])
        leak = (_pose_features(poses) - self.leak_mean) @ self.leak
        own = self.shapes[numbers] + leak.reshape(len(numbers), -1, 3)
        return poses.to_pixels(own)[..., :2]

    def wanted_pixels(self, numbers: npt.NDArray[np.intp], lips: DoubleArray, strength: DoubleArray) -> DoubleArray:
        """(m, P, 2) landmarks of the frames `numbers` if they had these lips, the lower face following them.

        lips: (m, len(LIPS), 3); strength: (m,) 0 keeps the frame's own shape
        """
        own = self.shapes[numbers].astype(np.float64)
        change = np.zeros_like(own)
        change[:, LIPS] = lips - own[:, LIPS]
        moved = self.lip_coordinates(lips) - self.lip_coordinates(own[:, LIPS])
        change[:, LOWER_FACE_NOT_LIPS] = (moved @ self.follow).reshape(len(numbers), -1, 3)
        turned = np.matmul(change * strength[:, None, None], self.poses.rotation[numbers].transpose(0, 2, 1))
        return np.asarray(self.pixels(numbers) + (turned * self.poses.scale[numbers, None, None])[..., :2])


def build_space(track: FaceTrack) -> MouthSpace:
    """Poses, clean shapes and lip components of a take."""
    strength = track.gate.strength.astype(np.float64)
    # A mouth on a hand would teach what no mouth does; a take with nothing better is refused later.
    seen = strength > 0 if (strength > 0).any() else track.seen
    points = track.points.astype(np.float64)
    reference = rigid_reference(points[seen])
    poses = fit_similarity(reference, points[:, RIGID])
    shapes = poses.to_own(points)
    poses = lock_to_pixels(poses, shapes[seen][:, SKIN].mean(axis=0), track.drift)
    if len(shapes) > SMOOTHING_FRAMES:
        shapes[:, NOT_LIPS] = savgol_filter(shapes[:, NOT_LIPS], SMOOTHING_FRAMES, 2, axis=0, mode="nearest")
    leak, leak_mean = _pose_leak(poses, shapes, seen)
    shapes -= ((_pose_features(poses) - leak_mean) @ leak).reshape(shapes.shape)
    lip_mean, components = _components(shapes[seen][:, LIPS])
    space = MouthSpace(poses, shapes.astype(np.float32), leak, leak_mean, np.zeros(0), components, lip_mean, strength)
    coordinates = space.lip_coordinates(shapes[seen][:, LIPS])
    rest = shapes[seen][:, LOWER_FACE_NOT_LIPS].reshape(len(coordinates), -1)
    ridge = coordinates.T @ coordinates + 0.02 * len(coordinates) * np.eye(LIP_COMPONENTS)
    follow = np.linalg.solve(ridge, coordinates.T @ (rest - rest.mean(axis=0)))
    return MouthSpace(poses, space.shapes, leak, leak_mean, follow, components, lip_mean, space.weight)


def rest_lips(space: MouthSpace) -> DoubleArray:
    """(len(LIPS), 3) this speaker's mouth at rest: the mean of the shapes about the 15th percentile of aperture."""
    usable = np.flatnonzero(space.weight > 0)
    opening = apertures(space.shapes[usable].astype(np.float64))
    order = usable[np.argsort(opening)]
    place = len(order) * REST_PERCENTILE // 100
    near = order[max(0, place - len(order) // 20) : place + len(order) // 20 + 1]
    return np.asarray(space.shapes[near][:, LIPS].astype(np.float64).mean(axis=0))


def _pose_features(poses: Poses) -> DoubleArray:
    yaw, pitch, roll = (poses.angles / 10).T
    return np.stack([yaw, pitch, roll, yaw * yaw, pitch * pitch], axis=1)


def _pose_leak(poses: Poses, shapes: DoubleArray, seen: npt.NDArray[np.bool_]) -> tuple[DoubleArray, DoubleArray]:
    """What head pose does to the landmarks, told apart from what the mouth does by a ridge regression on both."""
    features = _pose_features(poses)[seen]
    mean = features.mean(axis=0)
    mouth = np.stack([apertures(shapes[seen]), widths(shapes[seen])], axis=1)
    mouth = (mouth - mouth.mean(axis=0)) / (mouth.std(axis=0) + 1e-6)
    mouth = np.concatenate([mouth, mouth[:, :1] ** 2 - 1, mouth[:, :1] * mouth[:, 1:]], axis=1)
    both = np.concatenate([features - mean, mouth], axis=1)
    flat = shapes[seen].reshape(len(both), -1)
    penalty = np.diag([0.03 * len(both)] * features.shape[1] + [1e-3] * mouth.shape[1])
    weights = np.linalg.solve(both.T @ both + penalty, both.T @ (flat - flat.mean(axis=0)))
    return np.asarray(weights[: features.shape[1]]), np.asarray(mean)


def _components(lips: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Principal components of the lips' outline, scaled to give unit variance over the take."""
    flat = lips[..., :2].reshape(len(lips), -1)
    mean = flat.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((flat - mean).T) + 1e-9 * np.eye(flat.shape[1]))
    largest = np.argsort(values)[::-1][:LIP_COMPONENTS]
    return mean, (vectors[:, largest] / np.sqrt(values[largest])).T
