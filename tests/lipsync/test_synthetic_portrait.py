"""The person on the take is nobody: not the sitter of the portrait that it starts from."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.synthetic import eyes, lips, portrait, proportions, sitter
from lipsync.synthetic.mouth import Mouth
from lipsync.synthetic.portrait import Portrait
from lipsync.synthetic.sitter import Sitter
from lipsync.synthetic.warp import Points, border_points, thin_plate_field


@pytest.fixture(scope="module")
def original() -> Sitter:
    return sitter.load()


@pytest.fixture(scope="module")
def painted(original: Sitter) -> Portrait:
    return portrait.paint(proportions.reshape(original))


def distance(points: Points, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]) / np.linalg.norm(points[33] - points[263]))


def test_the_proportions_are_another_persons(original: Sitter, painted: Portrait) -> None:
    seen = sitter.find_landmarks(painted.upper)
    for one, other, least in ((1, 152, 0.05), (61, 291, 0.12), (172, 397, 0.08), (13, 2, 0.2), (129, 358, 0.12)):
        before, after = distance(original.landmarks, one, other), distance(seen, one, other)
        assert abs(after / before - 1) > least, (one, other)


def test_no_colour_of_hair_skin_suit_or_wall_is_kept(original: Sitter, painted: Portrait) -> None:
    changed = np.abs(painted.upper - original.picture).mean(-1)
    assert np.median(changed) > 25
    assert (changed < 8).mean() < 0.12


def test_both_pictures_differ_only_at_the_lips(painted: Portrait) -> None:
    rows, columns = np.nonzero(np.abs(painted.upper - painted.lower).max(-1) > 2)
    assert np.abs(columns - lips.CENTRE[0]).max() < 60
    assert np.abs(rows - lips.CENTRE[1]).max() < 30


def test_a_mouth_at_rest_leaves_the_rest_of_the_picture_alone(painted: Portrait) -> None:
    still = np.clip(painted.upper + 0.5, 0, 255).astype(np.uint8)
    canvas = still.copy()
    Mouth(painted).render(canvas, lips.MouthShape(0.9, 0.2, 0.0, 0.9))
    changed = np.abs(canvas.astype(int) - still).max(-1) > 3
    assert changed[int(lips.CENTRE[1])].any()
    assert not changed[:290].any()
    assert not changed[530:].any()


def test_a_blink_changes_only_the_eyes(painted: Portrait) -> None:
    lids = eyes.Eyes(painted)
    changed = np.abs(lids.canvas(1.0).astype(int) - lids.canvas(0.0)).max(-1) > 3
    rows, _ = np.nonzero(changed)
    assert 225 < rows.min() < rows.max() < 290


def test_a_thin_plate_carries_its_points_to_their_sources() -> None:
    target = np.vstack([border_points((101, 81)), [[50.0, 40.0], [30.0, 20.0]]])
    source = target + np.vstack([np.zeros((len(target) - 2, 2)), [[4.0, -3.0], [0.0, 5.0]]])
    field = thin_plate_field(target, source, (101, 81), step=2)
    for (x, y), wanted in zip(target.astype(int), source - target, strict=True):
        assert field[y, x] == pytest.approx(wanted, abs=0.35)
