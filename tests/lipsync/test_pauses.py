"""What the mouth does in silence, for speakers who close it and for speakers who do not."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.sound.features import SoundFeatures
from lipsync.sound.network import EMBEDDING, Heard
from lipsync.sound.pauses import find_pauses, habit_of, stillness


def sound(*pieces):
    """A recording of (seconds, loud or not)."""
    loudness = np.concatenate([np.full(round(seconds * 100), -5.0 if loud else -60.0) for seconds, loud in pieces])
    none = np.zeros((len(loudness) // 2, 6), dtype=np.float32)
    heard = Heard(none, none, np.zeros((len(none), EMBEDDING), dtype=np.float32))
    rows, x = np.zeros((len(loudness), 42), dtype=np.float32), np.zeros((len(loudness), 41), dtype=np.float16)
    return SoundFeatures(rows, loudness.astype(np.float32), x, heard, none[:, :3])


def test_pauses_are_found_with_their_place():
    found = find_pauses(sound((0.3, False), (1, True), (0.1, False), (1, True), (0.5, False), (1, True)))
    assert [(round(p.start, 2), round(p.end, 2), p.at_edge) for p in found] == [(0, 0.3, True), (2.4, 2.9, False)]


@pytest.mark.parametrize(("seconds", "habit", "least", "most"), [
    (0.3, 1.0, 0.3, 0.6), (0.9, 1.0, 0.95, 1.0), (0.9, 0.2, 0.1, 0.3), (3.0, 0.2, 0.99, 1.0), (0.9, 0.0, 0.0, 0.01),
])  # fmt: skip
def test_the_mouth_rests_as_the_speaker_does(seconds, habit, least, most):
    voice = sound((1, True), (seconds, False), (1, True))
    still = stillness(voice, np.array([0.5, 1 + seconds / 2]), habit)
    assert still[0] == pytest.approx(0, abs=1e-6)
    assert least <= still[1] <= most + 1e-6


def test_before_and_after_everything_the_mouth_is_shut():
    voice = sound((0.5, False), (1, True), (0.5, False))
    assert stillness(voice, np.array([-1.0, 0.1, 1.9, 9.0]), 0.0) == pytest.approx([1, 1, 1, 1], abs=0.01)


@pytest.mark.parametrize(("closes", "habit"), [(1.0, 1.0), (0.0, 0.1), (0.5, 0.55)])
def test_the_habit_is_learnt_from_the_take_itself(closes, habit):
    pieces = [(1.0, True), (0.8, False)] * 12 + [(1.0, True)]
    voice, random = sound(*pieces), np.random.default_rng(3)
    times = np.arange(0, sum(seconds for seconds, _ in pieces), 0.04)
    usual = random.standard_normal(len(times))
    answers = np.where(stillness(voice, times) > 0.5, 0.5, usual)
    still = stillness(voice, times)
    apertures = answers * (1 - closes * still) - 1.0 * closes * still
    assert habit_of(voice, times, answers, apertures, -1.0) == pytest.approx(habit, abs=0.12)


def test_without_pauses_most_speakers_habit_is_taken():
    times = np.arange(0, 5, 0.04)
    assert habit_of(sound((5, True)), times, np.zeros(len(times)), np.ones(len(times)), -1.0) == 1.0
