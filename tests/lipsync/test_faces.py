"""Head pose and mouth space recover a known motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from lipsync.faces.landmarks import EYE_CORNERS, KEPT, LEFT_EYE, LIPS, RIGHT_EYE, RIGID, SKIN
from lipsync.faces.pose import Poses, SkinDrift, fit_similarity, lock_to_pixels, rigid_reference
from lipsync.faces.tracker import MediapipeTracker
from lipsync.media import Frame, FrameReader, probe_clip

RANDOM = np.random.default_rng(2)


def some_poses(count: int) -> Poses:
    angles = np.cumsum(RANDOM.standard_normal((count, 3)), axis=0).clip(-20, 20)
    return Poses(
        100 + np.arange(count) * 0.3,
        Rotation.from_euler("yxz", angles, degrees=True).as_matrix(),
        np.cumsum(RANDOM.standard_normal((count, 3)), axis=0) + [300, 200, 0],
    )


def face() -> np.ndarray:
    """A stand-in face of the right number of points, its eyes one unit apart."""
    shape = RANDOM.standard_normal((len(KEPT), 3)) * [0.8, 1.0, 0.3]
    shape[EYE_CORNERS] = [[-0.75, -0.2, 0], [0.75, -0.2, 0]]
    shape[RIGHT_EYE[1]], shape[LEFT_EYE[0]] = [-0.25, -0.2, 0], [0.25, -0.2, 0]
    return shape


def test_a_known_similarity_is_recovered():
    shape, poses = face(), some_poses(50)
    found = fit_similarity(shape, poses.to_pixels(np.broadcast_to(shape, (50, *shape.shape))))
    np.testing.assert_allclose(found.scale, poses.scale, rtol=1e-9)
    np.testing.assert_allclose(found.rotation, poses.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, poses.translation, atol=1e-6)


def test_a_mirrored_face_is_never_the_answer():
    shape = face()
    flat = shape.copy()
    flat[:, 2] = RANDOM.standard_normal(len(flat)) * 1e-3
    found = fit_similarity(shape, (flat * [1, 1, -1])[None])
    assert np.linalg.det(found.rotation[0]) == pytest.approx(1.0)


def test_the_own_frame_is_upright_with_eyes_one_unit_apart():
    shape, poses = face(), some_poses(40)
    points = poses.to_pixels(np.broadcast_to(shape, (40, *shape.shape)))
    reference = rigid_reference(points)
    own = fit_similarity(reference, points[:, RIGID]).to_own(points)
    eyes = own[:, LEFT_EYE].mean(axis=1) - own[:, RIGHT_EYE].mean(axis=1)
    np.testing.assert_allclose(np.linalg.norm(eyes, axis=1), 1.0, atol=0.01)
    np.testing.assert_allclose(own.std(axis=0), 0, atol=1e-6)


def test_there_and_back_is_the_same():
    shape, poses = face(), some_poses(10)
    points = poses.to_pixels(np.broadcast_to(shape, (10, *shape.shape)))
    np.testing.assert_allclose(poses.to_own(points), np.broadcast_to(shape, points.shape), atol=1e-9)


def texture(shift: tuple[float, float]) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(4).standard_normal((400, 600)), 3)
    picture = ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.float32)
    moved = cv2.warpAffine(picture, np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32), (600, 400))
    return moved.astype(np.uint8)


def test_skin_that_moves_while_landmarks_stand_still_is_noticed():
    points = (face() * [60, 60, 60] + [300, 200, 0]).astype(np.float32)
    points[SKIN] = (RANDOM.uniform(-60, 60, (len(SKIN), 3)) + [300, 200, 0]).astype(np.float32)
    drift = SkinDrift()
    assert drift.step(texture((0, 0)), points).tolist() == [0, 0, 0, 0]
    moved = drift.step(texture((0.8, -0.5)), points)
    np.testing.assert_allclose(moved, [0.8, -0.5, 0, 0], atol=0.1)


def test_after_a_lost_face_drift_starts_anew():
    points = (face() * [60, 60, 60] + [300, 200, 0]).astype(np.float32)
    drift = SkinDrift()
    drift.step(texture((0, 0)), points)
    drift.step(texture((3, 3)), None)
    assert drift.step(texture((1, 1)), points).tolist() == [0, 0, 0, 0]


def test_poses_follow_quick_drift_and_not_slow_drift():
    still = Poses(np.full(200, 100.0), np.broadcast_to(np.eye(3), (200, 3, 3)), np.zeros((200, 3)))
    skin = face()[SKIN]
    quick, slow = np.zeros((200, 4), np.float32), np.full((200, 4), 0, np.float32)
    quick[100, 0], slow[:, 0] = 1.0, 0.01
    after_quick = lock_to_pixels(still, skin, quick).translation[:, 0]
    assert after_quick[100] - after_quick[99] > 0.8
    assert np.abs(lock_to_pixels(still, skin, slow).translation[20:-20]).max() < 0.05


@pytest.mark.parametrize("tracker", [MediapipeTracker])
def test_a_tracker_follows_a_face_and_only_a_face(tracker, synthetic_take):
    facts = probe_clip(synthetic_take.clip)
    grey = Frame(np.full(512 * 512 * 3 // 2, 128, np.uint8), 512, 512)
    with tracker() as tracking:
        assert tracking.track(grey) is None
        found = [tracking.track(frame) for frame in FrameReader(synthetic_take.clip, facts).forward(0, 25)]
        assert tracking.track(grey) is None
    assert all(points is not None and points.shape == (len(KEPT), 3) for points in found)
    steps = np.abs(np.diff([points[LIPS].mean(axis=0)[:2] for points in found if points is not None], axis=0))
    assert steps.max() < 6


def test_a_face_that_comes_back_is_found_again(synthetic_take):
    facts = probe_clip(synthetic_take.clip)
    frames = list(FrameReader(synthetic_take.clip, facts).forward(0, 4))
    grey = Frame(np.full(512 * 512 * 3 // 2, 128, np.uint8), 512, 512)
    with MediapipeTracker() as tracking:
        seen = [tracking.track(frame) is not None for frame in (frames[0], grey, grey, frames[1], frames[2])]
    assert seen == [True, False, False, True, True]
