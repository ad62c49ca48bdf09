"""From phonemes to mouth shapes."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.synthetic import articulation
from lipsync.synthetic.lips import MouthShape
from lipsync.synthetic.speech import SILENCE, Phoneme, Utterance

APERTURE, WIDTH, PROTRUSION, JAW, CLOSURE, TUCK = range(6)
LENGTH = 0.12


def in_a_row(*symbols: str) -> list[Phoneme]:
    return [Phoneme(symbol, place * LENGTH, (place + 1) * LENGTH) for place, symbol in enumerate(symbols)]


def middle_of(place: int, *symbols: str) -> np.ndarray:
    """Channels in the middle of one of the phonemes, as the lips see it."""
    time = (place + 0.5) * LENGTH - articulation.LEAD_SECONDS
    return articulation.channels(in_a_row(*symbols), np.array([time]))[0]


@pytest.mark.parametrize("symbol", ["p", "b", "m"])
@pytest.mark.parametrize("vowel", ["a", "i", "u"])
def test_lips_close_whatever_stands_around(symbol: str, vowel: str) -> None:
    assert middle_of(1, vowel, symbol, vowel)[CLOSURE] > 0.95


def test_the_lower_lip_meets_the_teeth_at_f() -> None:
    assert middle_of(1, "a", "f", "a")[TUCK] > 0.95
    assert middle_of(1, "a", "t", "a")[TUCK] < 0.2


def test_an_open_vowel_opens_more_than_a_close_one() -> None:
    assert middle_of(1, SILENCE, "a", SILENCE)[APERTURE] > 2 * middle_of(1, SILENCE, "i", SILENCE)[APERTURE]


def test_a_rounded_vowel_is_narrow_and_pouted_and_a_spread_one_wide() -> None:
    rounded, spread = middle_of(1, "t", "u", "t"), middle_of(1, "t", "i", "t")
    assert rounded[PROTRUSION] > 0.7 > 0.1 > spread[PROTRUSION]
    assert rounded[WIDTH] < -0.5 < 0.5 < spread[WIDTH]


def test_a_consonant_takes_on_the_roundness_of_its_neighbour() -> None:
    assert middle_of(1, "i", "t", "u")[PROTRUSION] > middle_of(1, "i", "t", "i")[PROTRUSION] + 0.1


def test_a_diphthong_moves_from_its_first_to_its_second_vowel() -> None:
    times = np.array([0.25, 0.85]) * LENGTH - articulation.LEAD_SECONDS
    early, late = articulation.channels([Phoneme("aʊ", 0.0, LENGTH)], times)
    assert late[PROTRUSION] > early[PROTRUSION]
    assert late[APERTURE] < early[APERTURE]


def test_the_mouth_rests_in_a_pause() -> None:
    phonemes = [Phoneme("a", 0.0, 0.2), Phoneme(SILENCE, 0.2, 0.9), Phoneme("a", 0.9, 1.1)]
    assert articulation.channels(phonemes, np.array([0.55]))[0, APERTURE] < 0.02


def test_there_is_one_shape_for_each_frame() -> None:
    utterance = Utterance(np.zeros(2000, np.float32), 1000, tuple(in_a_row("p", "a", "m", "i", SILENCE)))
    shapes = articulation.mouth_shapes(utterance, 25.0)
    assert len(shapes) == 50
    assert all(isinstance(shape, MouthShape) for shape in shapes)
    assert all(0 <= shape.opening <= 1 and 0 <= shape.closure <= 1 for shape in shapes)


def test_a_short_closure_is_never_lost_between_frames() -> None:
    for start in np.arange(0.1, 0.14, 0.005):
        phonemes = (Phoneme("a", 0.0, start), Phoneme("b", start, start + 0.03), Phoneme("a", start + 0.03, 0.4))
        shapes = articulation.mouth_shapes(Utterance(np.zeros(400, np.float32), 1000, phonemes), 25.0)
        assert max(shape.closure for shape in shapes) > 0.95
