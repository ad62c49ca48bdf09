"""Aperture and width of a mouth, of one face or of many, from all points or from lips alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from scipy.signal import savgol_filter

from lipsync.faces.landmarks import APERTURE_PAIRS, CORNERS, KEPT, LIPS, RIGID
from lipsync.faces.pose import Poses
from lipsync.faces.track import FaceTrack
from lipsync.rows import RowWriter
from lipsync.shapes import (
    BLOCK_FRAMES,
    POSE_FEATURES,
    SMOOTHING,
    SMOOTHING_FRAMES,
    Shapes,
    apertures,
    apertures_of_lips,
    widths,
    widths_of_lips,
)


def test_the_opening_is_the_mean_gap_and_the_width_goes_from_corner_to_corner():
    face = np.zeros((len(KEPT), 2))
    face[APERTURE_PAIRS[1], 1] = [1, 2, 3, 4, 5]
    face[CORNERS[1]] = [6, 8]
    assert apertures(face) == pytest.approx(3)
    assert widths(face) == pytest.approx(10)


def test_many_faces_at_once_and_lips_alone_give_the_same():
    faces = np.random.default_rng(4).normal(size=(2, 3, len(KEPT), 3))
    lips = faces[..., LIPS, :]
    assert apertures(faces).shape == widths(faces).shape == (2, 3)
    assert apertures(faces)[1, 2] == pytest.approx(apertures(faces[1, 2]))
    assert widths(faces)[1, 2] == pytest.approx(widths(faces[1, 2]))
    np.testing.assert_allclose(apertures_of_lips(lips), apertures(faces))
    np.testing.assert_allclose(widths_of_lips(lips), widths(faces))


@pytest.fixture
def shapes_of(tmp_path):
    """Shapes of a face that holds still while its lips move to the side by so much, px, in shots of these numbers."""

    def made(moves, shot):
        face = np.random.default_rng(5).normal(size=(len(KEPT), 3)).astype(np.float32) * 100
        with RowWriter(tmp_path / "rows", (len(KEPT), 3)) as writer:
            for move in moves:
                moved = face.copy()
                moved[LIPS, 0] += move
                writer.append(moved)
            rows = writer.finish()
        count = len(moves)
        still = Poses(np.ones(count), np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
        track = FaceTrack(rows, np.arange(count), np.ones(count, bool), np.zeros((count, 4), np.float32), np.asarray(shot))
        reference = face[RIGID].astype(np.float64) - face[RIGID].mean(axis=0)
        return Shapes(track, reference, still, np.zeros((POSE_FEATURES, len(KEPT) * 3)), np.zeros(POSE_FEATURES))

    return made


def moves_of(shapes):
    lips = shapes[np.arange(len(shapes))][:, LIPS, 0]
    return (lips - lips[0]).mean(axis=1)


def test_lips_tremble_half_as_much_and_go_as_far(shapes_of):
    trembling, steps = np.tile([1.0, -1.0], 20), np.repeat([0.0, 10.0], 20)
    there = moves_of(shapes_of(trembling, np.zeros(40, int)))[5:-5]
    assert np.ptp(there) == pytest.approx(1, abs=1e-3)
    there = moves_of(shapes_of(steps, np.zeros(40, int)))
    assert there[[18, 19, 20, 21]] == pytest.approx([0, 1.25, 8.75, 10], abs=1e-3)


def test_lips_of_one_shot_do_not_reach_into_the_next(shapes_of):
    there = moves_of(shapes_of(np.repeat([0.0, 10.0], 20), np.repeat([0, 1], 20)))
    assert there[[19, 20]] == pytest.approx([0, 10], abs=1e-3)


def test_lips_at_the_border_of_two_blocks_are_smoothed_as_elsewhere(shapes_of):
    moves = np.where(np.arange(BLOCK_FRAMES + 20) < BLOCK_FRAMES, 0.0, 10.0)
    there = moves_of(shapes_of(moves, np.zeros(len(moves), int)))
    assert there[BLOCK_FRAMES - 1 : BLOCK_FRAMES + 1] == pytest.approx([1.25, 8.75], abs=1e-3)


def test_the_smoothing_is_that_of_savitzky_and_golay():
    wandering = np.cumsum(np.random.default_rng(6).normal(size=(40, 2)), axis=0)
    theirs = savgol_filter(wandering, SMOOTHING_FRAMES, 2, axis=0, mode="nearest")
    np.testing.assert_allclose(correlate1d(wandering, SMOOTHING, axis=0, mode="nearest"), theirs, atol=1e-12)
