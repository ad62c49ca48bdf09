"""Aperture and width of a mouth, of one face or of many, from all points or from lips alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from scipy.signal import savgol_filter

from lipsync.faces.landmarks import APERTURE_PAIRS, CORNERS, KEPT, LIPS
from lipsync.shapes import SMOOTHING, SMOOTHING_FRAMES, apertures, apertures_of_lips, widths, widths_of_lips


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


def test_the_smoothing_is_that_of_savitzky_and_golay():
    wandering = np.cumsum(np.random.default_rng(6).normal(size=(40, 2)), axis=0)
    theirs = savgol_filter(wandering, SMOOTHING_FRAMES, 2, axis=0, mode="nearest")
    np.testing.assert_allclose(correlate1d(wandering, SMOOTHING, axis=0, mode="nearest"), theirs, atol=1e-12)
