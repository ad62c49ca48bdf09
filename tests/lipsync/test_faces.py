"""Head pose and mouth space recover a known motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from lipsync.faces.landmarks import EYE_CORNERS, KEPT, LEFT_EYE, RIGHT_EYE, RIGID, SKIN
from lipsync.faces.pose import Poses, SkinDrift, fit_similarity, lock_to_pixels, rigid_reference
from lipsync.faces.track import FaceTrack, nearest_seen
from lipsync.faces.tracker import Region, turned_square
from lipsync.media import Frame
from lipsync.rows import RowWriter

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


def test_after_a_cut_drift_starts_anew():
    points = (face() * [60, 60, 60] + [300, 200, 0]).astype(np.float32)
    drift = SkinDrift()
    drift.step(texture((0, 0)), points)
    drift.restart()
    assert drift.step(texture((2, 1)), points).tolist() == [0, 0, 0, 0]


def test_a_frame_without_a_face_takes_its_nearest_neighbour_in_the_same_shot():
    seen = np.array([1, 0, 0, 0, 1, 0, 0, 1, 1], bool)
    shot = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    assert nearest_seen(seen, shot).tolist() == [0, 0, 4, 4, 4, 7, 7, 7, 8]


def test_a_shot_without_any_face_takes_the_nearest_of_another_shot():
    seen, shot = np.array([1, 1, 0, 0, 0, 0], bool), np.array([0, 0, 1, 1, 1, 1])
    assert nearest_seen(seen, shot).tolist() == [0, 1, 1, 1, 1, 1]
    assert nearest_seen(~seen & False, shot).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_track_gives_landmarks_in_any_order_and_its_shots(tmp_path):
    with RowWriter(tmp_path / "rows", (len(KEPT), 3)) as writer:
        for number in range(6):
            writer.append(np.full((len(KEPT), 3), number, np.float32))
        rows = writer.finish()
    seen, shot = np.array([1, 0, 1, 1, 1, 1], bool), np.array([0, 0, 0, 1, 1, 1])
    track = FaceTrack(rows, nearest_seen(seen, shot), seen, np.zeros((6, 4), np.float32), shot)
    assert track.points(np.array([5, 1, 3]))[:, 0, 0].tolist() == [5, 2, 3]
    assert list(track.shots()) == [slice(0, 3), slice(3, 6)]
    assert track.coverage == pytest.approx(5 / 6)


def coloured(width: int, height: int) -> Frame:
    y, x = np.mgrid[:height, :width]
    luma = (x * 200 / width).astype(np.uint8)
    red = (y[::2, ::2] * 200 / height).astype(np.uint8)
    return Frame(np.concatenate([luma.ravel(), np.full(width * height // 4, 90, np.uint8), red.ravel()]), width, height)


@pytest.mark.parametrize("size", [60.0, 200.0, 700.0])
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_a_turned_square_shows_what_lies_there(size, angle):
    frame = coloured(640, 480)
    planes, there = turned_square(frame, Region(330, 250, size, angle), 96)
    chroma = planes[96:].reshape(2, 48, 48)
    for column, row in ((48, 48), (30, 60), (70, 40)):
        x, y = there @ [column, row, 1]
        assert planes[row, column] == pytest.approx(x * 200 / 640, abs=2.5)
        assert chroma[1, row // 2, column // 2] == pytest.approx(y * 200 / 480, abs=4)
    assert (chroma[0, 20:28, 20:28] == 90).all()


def test_a_square_outside_the_picture_is_black():
    planes, _ = turned_square(coloured(640, 480), Region(-2000, -2000, 300, 0.0), 96)
    assert (planes[:96] == 16).all() and (planes[96:] == 128).all()


def test_regions_tell_how_much_they_share():
    here = Region(100, 100, 100, 0.0)
    assert here.overlap(here) == pytest.approx(1)
    assert here.overlap(Region(150, 100, 100, 0.0)) == pytest.approx(1 / 3)
    assert here.overlap(Region(300, 100, 100, 0.0)) == 0
    assert here.overlap(Region(100, 100, 50, 0.0)) == pytest.approx(0.25)
    assert here.distance(Region(100, 300, 50, 0.0)) == pytest.approx(2)
