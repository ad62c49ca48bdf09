"""Mouth space: a face track goes in; clean mouth shapes of this speaker, and what moves with the lips, come out.

All shapes are in the face's own frame (see `faces.pose`), unit IOD.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.faces.landmarks import BRIDGE, CHIN_TIP, KEPT, LIPS, LOWER_FACE_NOT_LIPS, RIGID, SKIN
from lipsync.faces.pose import DoubleArray, Poses, fit_similarity, lock_to_pixels, rigid_reference
from lipsync.faces.track import FaceTrack, IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.shapes import BLOCK_FRAMES, POSE_FEATURES, Shapes, apertures, pose_features, widths

LIP_COMPONENTS = 6
REST_PERCENTILE = 15
# Statistics of a take need no more than four minutes of it, spread over the whole.
MOST_SAMPLED = 6000
MOST_REST_FRAMES = 400


@dataclass(frozen=True, slots=True)
class SpaceModel:
    """What is learnt of a take's geometry.

    reference: (len(RIGID), 3) mean rigid shape
    poses: per frame, locked to the pixels
    leak: (POSE_FEATURES, P * 3) what one unit of each pose feature does; leak_mean: (POSE_FEATURES,) features at no leak
    follow: (LIP_COMPONENTS, L * 3) how the lower face moves with the lips' components
    components: (LIP_COMPONENTS, len(LIPS) * 2), of unit variance over the take; lip_mean: (len(LIPS) * 2,)
    """

    reference: DoubleArray
    poses: Poses
    leak: DoubleArray
    leak_mean: DoubleArray
    follow: DoubleArray
    components: DoubleArray
    lip_mean: DoubleArray


@dataclass(frozen=True, slots=True)
class MouthSpace:
    """What a take knows of its speaker's mouth.

    shapes: clean shapes of any frames
    opening: (n, 3) float32 aperture, width and drop of the chin in every frame, IOD
    weight: (n,) 0 to 1: how far the mouth may be changed; 0 where the face is not seen well enough
    """

    track: FaceTrack
    model: SpaceModel
    shapes: Shapes
    opening: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.track)

    @property
    def poses(self) -> Poses:
        """Per frame, locked to the pixels."""
        return self.model.poses

    def usable(self, most: int = MOST_SAMPLED) -> IntArray:
        """At most so many of the frames whose mouth may be changed, spread over the take."""
        return spread(np.flatnonzero(self.weight > 0), most)

    def lip_coordinates(self, lips: DoubleArray) -> DoubleArray:
        """(n, LIP_COMPONENTS) of lips (n, len(LIPS), 3)."""
        flat = lips[..., :2].reshape(len(lips), -1)
        return np.asarray((flat - self.model.lip_mean) @ self.model.components.T)

    def pixels(self, numbers: IntArray) -> DoubleArray:
        """(m, P, 2) smoothed landmarks of the frames `numbers`."""
        poses = self.poses.take(numbers)
        leak = (pose_features(poses.angles) - self.model.leak_mean) @ self.model.leak
        own = self.shapes[numbers] + leak.reshape(len(numbers), -1, 3)
        return poses.to_pixels(own)[..., :2]

    def wanted_pixels(self, numbers: IntArray, lips: DoubleArray, strength: FloatArray) -> DoubleArray:
        """(m, P, 2) landmarks of the frames `numbers` if they had these lips, the lower face following them.

        lips: (m, len(LIPS), 3); strength: (m,) 0 keeps the frame's own shape
        """
        own = self.shapes[numbers].astype(np.float64)
        change = np.zeros_like(own)
        change[:, LIPS] = lips - own[:, LIPS]
        moved = self.lip_coordinates(lips) - self.lip_coordinates(own[:, LIPS])
        change[:, LOWER_FACE_NOT_LIPS] = (moved @ self.model.follow).reshape(len(numbers), -1, 3)
        poses = self.poses.take(numbers)
        turned = np.matmul(change * strength[:, None, None], poses.rotation.transpose(0, 2, 1))
        return np.asarray(self.pixels(numbers) + (turned * poses.scale[:, None, None])[..., :2])


def build_space(track: FaceTrack, strength: FloatArray) -> MouthSpace:
    """Poses, clean shapes and lip components of a take.

    strength: (n,) how far the mouth may be changed; a mouth where it is 0, on a hand say, would teach what no mouth does
    """
    good = strength > 0 if (strength > 0).any() else track.seen
    some = spread(np.flatnonzero(good), MOST_SAMPLED)
    reference = rigid_reference(track.points(some).astype(np.float64))
    raw = _poses(track, reference)
    unleaked = Shapes(track, reference, raw, np.zeros((POSE_FEATURES, len(KEPT) * 3)), np.zeros(POSE_FEATURES))
    shapes = unleaked[some].astype(np.float64)
    poses = _locked(track, raw, shapes[:, SKIN].mean(axis=0))
    features = pose_features(poses.take(some).angles)
    leak, leak_mean = _pose_leak(features, shapes)
    shapes -= ((features - leak_mean) @ leak).reshape(shapes.shape)
    lip_mean, components = _components(shapes[:, LIPS])
    coordinates = (shapes[:, LIPS, :2].reshape(len(some), -1) - lip_mean) @ components.T
    follow = _following(coordinates, shapes[:, LOWER_FACE_NOT_LIPS].reshape(len(some), -1))
    model = SpaceModel(reference, poses, leak, leak_mean, follow, components, lip_mean)
    clean = Shapes(track, reference, poses, leak, leak_mean)
    return MouthSpace(track, model, clean, _openings(clean), strength)


def rest_lips(space: MouthSpace) -> DoubleArray:
    """(len(LIPS), 3) this speaker's mouth at rest: the mean of the shapes about the 15th percentile of aperture."""
    usable = np.flatnonzero(space.weight > 0)
    order = usable[np.argsort(space.opening[usable, 0], kind="stable")]
    place = len(order) * REST_PERCENTILE // 100
    near = order[max(0, place - len(order) // 20) : place + len(order) // 20 + 1]
    return np.asarray(space.shapes[spread(near, MOST_REST_FRAMES)][:, LIPS].astype(np.float64).mean(axis=0))


def spread(numbers: IntArray, most: int) -> IntArray:
    """At most so many of the numbers, spread evenly."""
    if len(numbers) <= most:
        return numbers
    return np.asarray(numbers[np.linspace(0, len(numbers) - 1, most).astype(np.intp)])


def in_blocks(length: int) -> list[IntArray]:
    """The numbers below `length`, in the blocks in which shapes are worked out."""
    return [np.arange(start, min(length, start + BLOCK_FRAMES)) for start in range(0, length, BLOCK_FRAMES)]


def _poses(track: FaceTrack, reference: DoubleArray) -> Poses:
    parts = [fit_similarity(reference, track.points(part)[:, RIGID].astype(np.float64)) for part in in_blocks(len(track))]
    return _joined(parts)


def _locked(track: FaceTrack, poses: Poses, skin: DoubleArray) -> Poses:
    return _joined([lock_to_pixels(poses.take(shot), skin, track.drift[shot]) for shot in track.shots()])


def _joined(parts: list[Poses]) -> Poses:
    return Poses(
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.rotation for part in parts]),
        np.concatenate([part.translation for part in parts]),
    )


def _openings(shapes: Shapes) -> FloatArray:
    parts = []
    for numbers in in_blocks(len(shapes)):
        block = shapes[numbers].astype(np.float64)
        chin = block[:, CHIN_TIP, 1].mean(axis=1) - block[:, BRIDGE, 1].mean(axis=1)
        parts.append(np.stack([apertures(block), widths(block), chin], axis=1))
    return np.asarray(np.concatenate(parts), dtype=np.float32)


def _pose_leak(features: DoubleArray, shapes: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """What head pose does to the landmarks, told apart from what the mouth does by a ridge regression on both."""
    mean = features.mean(axis=0)
    mouth = np.stack([apertures(shapes), widths(shapes)], axis=1)
    mouth = (mouth - mouth.mean(axis=0)) / (mouth.std(axis=0) + 1e-6)
    mouth = np.concatenate([mouth, mouth[:, :1] ** 2 - 1, mouth[:, :1] * mouth[:, 1:]], axis=1)
    both = np.concatenate([features - mean, mouth], axis=1)
    flat = shapes.reshape(len(both), -1)
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


def _following(coordinates: DoubleArray, rest: DoubleArray) -> DoubleArray:
    """How the lower face moves with the lips' components, by ridge regression."""
    ridge = coordinates.T @ coordinates + 0.02 * len(coordinates) * np.eye(LIP_COMPONENTS)
    return np.asarray(np.linalg.solve(ridge, coordinates.T @ (rest - rest.mean(axis=0))))
