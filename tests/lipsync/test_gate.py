"""The gate: where the mouth may be changed, where not, and why."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lipsync.gate import COVERED, NO_FACE, OFF_PICTURE, SMALL, TURNED, Gap, View, gate

RATE = Fraction(25)


def view(count: int = 100, **changes) -> View:
    """Frames of a face that looks at the camera, except where a value is given for a slice."""
    values = {
        "seen": np.ones(count, dtype=bool),
        "yaw": np.zeros(count, dtype=np.float32),
        "pitch": np.full(count, -18, dtype=np.float32),
        "size": np.full(count, 90, dtype=np.float32),
        "margin": np.full(count, 1, dtype=np.float32),
    }
    for name, (part, value) in changes.items():
        values[name][part] = value
    return View(**values)


def nothing(count: int = 100) -> np.ndarray:
    return np.zeros(count, dtype=bool)


def one_shot(count: int = 100) -> np.ndarray:
    return np.zeros(count, dtype=np.intp)


def test_a_good_take_has_no_gaps():
    decided = gate(view(), nothing(), one_shot(), RATE)
    assert decided.gaps == ()
    assert (decided.strength == 1).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seen": (slice(40, 60), False)}, NO_FACE),
        ({"yaw": (slice(40, 60), -41)}, TURNED),
        ({"pitch": (slice(40, 60), 25)}, TURNED),
        ({"size": (slice(40, 60), 20)}, SMALL),
        ({"margin": (slice(40, 60), -0.1)}, OFF_PICTURE),
    ],
)
def test_a_bad_stretch_is_a_gap_with_its_reason(changes, reason):
    decided = gate(view(**changes), nothing(), one_shot(), RATE)
    assert decided.gaps == (Gap(40, 59, reason),)
    assert (decided.strength[40:60] == 0).all()
    assert decided.strength[20] == decided.strength[80] == 1


def test_a_covered_mouth_is_a_gap():
    covered = nothing()
    covered[40:60] = True
    assert gate(view(), covered, one_shot(), RATE).gaps == (Gap(40, 59, COVERED),)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_the_change_fades_over_a_fifth_of_a_second_on_the_good_side(rate):
    decided = gate(view(200, seen=(slice(80, 100), False)), nothing(200), one_shot(200), rate)
    fading = np.flatnonzero((decided.strength > 0) & (decided.strength < 1))
    frames = round(rate / 5)
    assert fading.tolist() == [*range(80 - frames, 80), *range(100, 100 + frames)]
    assert (np.diff(decided.strength[100 : 100 + frames]) > 0).all()
    assert np.abs(np.diff(decided.strength)).max() < 2 / frames


def test_a_face_about_the_limit_does_not_flicker():
    yaw = np.zeros(100, dtype=np.float32)
    yaw[40:60] = np.tile([36, 33], 10)
    wobbling = view()
    decided = gate(View(wobbling.seen, yaw, wobbling.pitch, wobbling.size, wobbling.margin), nothing(), one_shot(), RATE)
    assert decided.gaps == (Gap(40, 59, TURNED),)
    before_the_limit = view(yaw=(slice(40, 60), 33))
    assert gate(before_the_limit, nothing(), one_shot(), RATE).gaps == ()


def test_a_face_that_appears_for_a_moment_only_is_left_alone():
    seen = np.ones(100, dtype=bool)
    seen[30:70] = False
    seen[45:51] = True
    flickering = view()
    decided = gate(
        View(seen, flickering.yaw, flickering.pitch, flickering.size, flickering.margin), nothing(), one_shot(), RATE
    )
    assert decided.gaps == (Gap(30, 69, NO_FACE),)


def test_at_a_cut_nothing_fades_and_nothing_is_remembered():
    shot = np.repeat([0, 1], 50)
    decided = gate(view(yaw=(slice(30, 50), 40)), nothing(), shot, RATE)
    assert decided.gaps == (Gap(30, 49, TURNED),)
    assert (decided.strength[50:] == 1).all()
    still_turned_a_little = view(yaw=(slice(30, 100), 40))
    still_turned_a_little.yaw[50:] = 33
    assert gate(still_turned_a_little, nothing(), shot, RATE).gaps == (Gap(30, 49, TURNED),)


def test_a_take_without_any_face_is_one_gap():
    decided = gate(view(seen=(slice(None), False)), nothing(), one_shot(), RATE)
    assert decided.gaps == (Gap(0, 99, NO_FACE),)
    assert not decided.strength.any()


def test_a_gap_of_mixed_causes_is_named_after_the_longest():
    mixed = view(seen=(slice(40, 45), False), yaw=(slice(45, 60), 50))
    assert gate(mixed, nothing(), one_shot(), RATE).gaps == (Gap(40, 59, TURNED),)
