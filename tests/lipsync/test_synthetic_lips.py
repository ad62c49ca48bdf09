"""Contours of the synthetic mouth."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.synthetic import lips
from lipsync.synthetic.lips import MouthShape

SHAPES = {
    "rest": MouthShape(),
    "open": MouthShape(0.9, 0.2, 0.0, 0.9),
    "spread": MouthShape(0.28, 0.8, 0.0, 0.2),
    "round": MouthShape(0.2, -0.9, 1.0, 0.2),
    "pressed": MouthShape(0.2, 0.0, 0.1, 0.15, closure=1.0),
    "tucked": MouthShape(0.1, 0.1, 0.1, 0.15, tuck=1.0),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_upper_lip_never_lies_under_the_lower_one(name: str) -> None:
    now = lips.curves(SHAPES[name])
    assert (now.upper_inner[:, 1] <= now.lower_inner[:, 1] + 1e-9).all()
    assert (now.upper_outer[1:-1, 1] < now.upper_inner[1:-1, 1]).all()
    assert (now.lower_outer[1:-1, 1] > now.lower_inner[1:-1, 1]).all()


def test_pressed_lips_leave_no_gap() -> None:
    assert lips.curves(SHAPES["pressed"]).gap < 0.2


def test_the_gap_grows_with_the_aperture() -> None:
    gaps = [lips.curves(MouthShape(aperture)).gap for aperture in np.linspace(0, 1, 6)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(lips.OPENING)


def test_a_pout_is_narrower_and_thicker_than_rest() -> None:
    rest, pout = lips.curves(SHAPES["rest"]), lips.curves(SHAPES["round"])

    def thickness(now: lips.LipCurves) -> float:
        return float(now.upper_inner[5, 1] - now.upper_outer[5, 1])

    assert SHAPES["round"].half_width < 0.75 * SHAPES["rest"].half_width
    assert thickness(pout) > 1.2 * thickness(rest)


def test_dense_contours_pass_through_the_same_points() -> None:
    curve = lips.curves(SHAPES["open"]).upper_outer
    fine = lips.dense(curve, 201)
    nearest = np.sqrt(((curve[:, None] - fine[None]) ** 2).sum(-1)).min(1)
    assert nearest.max() < 0.5
