"""Ridge regressions and offsets recover what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.sound.features import RATE, sound_features
from lipsync.sound.offset import Offset, estimate_offset
from lipsync.sound.regression import Ridge, fit_own, fit_ridge
from tests.lipsync.test_sound_features import speech_like

RANDOM = np.random.default_rng(7)


def test_a_ridge_recovers_a_linear_map():
    features = RANDOM.standard_normal((400, 30)).astype(np.float32)
    truth = RANDOM.standard_normal((30, 3))
    ridge = fit_ridge(features, features @ truth + 2.0, 1e-4)
    fresh = RANDOM.standard_normal((50, 30)).astype(np.float32)
    np.testing.assert_allclose(ridge(fresh), fresh @ truth + 2.0, atol=0.02)


def test_fewer_rows_than_features_give_the_same_ridge():
    features = RANDOM.standard_normal((40, 60)).astype(np.float32)
    targets = RANDOM.standard_normal((40, 2))
    few = fit_ridge(features, targets, 0.5)
    many = fit_ridge(np.repeat(features, 2, axis=0), np.repeat(targets, 2, axis=0), 0.5)
    np.testing.assert_allclose(few(features), many(features), atol=1e-3)


def test_with_little_data_the_generic_answer_stands():
    features = RANDOM.standard_normal((20, 100)).astype(np.float32)
    generic = RANDOM.standard_normal((20, 1))
    own = fit_own(features, generic, RANDOM.standard_normal((20, 1)), 60)
    fresh, answer = RANDOM.standard_normal((200, 100)).astype(np.float32), RANDOM.standard_normal((200, 1))
    assert np.corrcoef(own(fresh, answer)[:, 0], answer[:, 0])[0, 1] > 0.95


def test_with_much_data_the_speaker_is_learnt():
    features = RANDOM.standard_normal((20_000, 20)).astype(np.float32)
    habit = RANDOM.standard_normal((20, 1))
    generic = np.zeros((20_000, 1))
    own = fit_own(features, generic, features @ habit, 12)
    fresh = RANDOM.standard_normal((100, 20)).astype(np.float32)
    assert np.corrcoef(own(fresh, np.zeros((100, 1)))[:, 0], (fresh @ habit)[:, 0])[0, 1] > 0.99


def moving_sound(seconds: float):
    """A sound whose loudness wanders without repeating itself."""
    steps = np.random.default_rng(5).uniform(0.02, 1.0, round(seconds * 8))
    envelope = np.interp(np.arange(round(seconds * 16_000)) / 2000, np.arange(len(steps)), steps)
    return sound_features([(speech_like(seconds) * envelope).astype(np.float32)])


@pytest.mark.parametrize("true", [-0.25, -0.07, 0.0, 0.13, 0.31])
def test_an_offset_is_found(true):
    sound = moving_sound(12.0)
    times = np.arange(25, 275) / 25
    energy = sound.rows.shape[1] - 2
    centre = 5 * sound.rows.shape[1] + energy
    weights = np.zeros((sound.at(times[:1]).shape[1], 3))
    weights[centre] = 1.0
    loud = Ridge(np.zeros(len(weights)), np.ones(len(weights)), weights, np.zeros(3))
    mouth = np.interp((times + true) * RATE, np.arange(len(sound.rows)), sound.rows[:, energy])
    measures = np.repeat(mouth[:, None], 3, axis=1)
    found = estimate_offset(sound, times, (measures - measures.mean(0)) / measures.std(0), loud)
    assert found.seconds == pytest.approx(true, abs=0.015)
    assert found.trusted


def test_a_mouth_that_moves_by_itself_is_not_trusted():
    sound = moving_sound(20.0)
    times = np.arange(25, 475) / 25
    ridge = fit_ridge(
        sound.at(times), np.repeat(sound.loudness[(times * RATE).astype(int), None], 3, axis=1).astype(float), 0.5
    )
    wandering = np.cumsum(np.random.default_rng(11).standard_normal((len(times), 3)), axis=0)
    wandering -= wandering.mean(axis=0)
    assert not estimate_offset(sound, times, wandering / wandering.std(axis=0), ridge).trusted


def test_only_an_offset_that_shows_is_corrected():
    assert Offset(0.05, 0.5).kept == 0.05
    assert Offset(-0.24, 0.5).kept == 0.0
