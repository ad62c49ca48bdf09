"""Predicted mouths get back the range of real ones."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.faces.pose import DoubleArray
from lipsync.sound.restoration import as_lively, restore_opening, restore_range


@pytest.fixture
def true() -> DoubleArray:
    """Apertures as they are: often near closed, seldom wide."""
    return np.random.default_rng(3).gamma(1.5, 0.05, 2000)


@pytest.fixture
def timid(true: DoubleArray) -> DoubleArray:
    """What a regression makes of them: the right course, half the movement, and noise."""
    noise = np.random.default_rng(4).standard_normal(len(true))
    return true.mean() + 0.5 * (true - true.mean()) + 0.01 * noise


def test_spread_and_mean_come_back(true: DoubleArray, timid: DoubleArray) -> None:
    restored = restore_range(timid, timid, true)
    assert timid.std() < 0.6 * true.std()
    assert restored.std() == pytest.approx(true.std(), rel=0.04)
    assert restored.mean() == pytest.approx(true.mean(), rel=0.02)


def test_a_linear_restoration_keeps_how_answers_go_with_the_truth(true: DoubleArray, timid: DoubleArray) -> None:
    inside = timid[(timid > np.quantile(timid, 0.05)) & (timid < np.quantile(timid, 0.95))]
    restored = restore_range(inside, timid, true)
    assert np.corrcoef(inside, restored)[0, 1] > 0.9999


def test_nothing_goes_beyond_what_the_speaker_does(true: DoubleArray, timid: DoubleArray) -> None:
    wild = np.array([timid.min() - 1.0, timid.max() + 1.0])
    for restore in (restore_range, restore_opening):
        assert restore(wild, timid, true) == pytest.approx([true.min(), true.max()])


def test_as_many_mouths_are_closed_as_the_speaker_closes(true: DoubleArray, timid: DoubleArray) -> None:
    limit = np.quantile(true, 0.15)
    closed = (restore_opening(timid, timid, true) < limit).mean()
    assert closed == pytest.approx(0.15, abs=0.04)


def test_order_is_kept_from_closed_to_wide(true: DoubleArray, timid: DoubleArray) -> None:
    rising = np.linspace(timid.min(), timid.max(), 500)
    assert (np.diff(restore_opening(rising, timid, true)) >= 0).all()


def test_a_quiet_microphone_is_made_up_for_within_bounds(true: DoubleArray, timid: DoubleArray) -> None:
    speaking = np.ones(len(timid), dtype=bool)
    half, tiny = (factor * (timid - timid.mean())[:, None] for factor in (0.8, 0.01))
    assert as_lively(half, speaking, timid[:, None]).std() == pytest.approx(timid.std(), rel=0.01)
    assert as_lively(tiny, speaking, timid[:, None]).std() == pytest.approx(1.5 * tiny.std(), rel=0.01)
