"""What Wav2Lip listens to."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lipsync.sound.speech_mel import BANDS, SILENCE, SpokenRows, speech_mel
from tests.lipsync.networks import recorded


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return recorded("wav2lip.npz")["wav"]


def test_it_is_that_of_its_authors(sound):
    rows = np.concatenate(list(speech_mel([sound])))
    assert rows.T.shape == (BANDS, 161)
    assert np.abs(rows.T - recorded("wav2lip.npz")["wav_mel"]).max() < 1e-4


def test_blocks_cut_anywhere_give_the_same(sound):
    whole = np.concatenate(list(speech_mel([sound])))
    parts = np.concatenate(list(speech_mel(np.split(sound, (1, 150, 7000, 7000, 31_999)))))
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def spoken(sound, tmp_path, still, rate=Fraction(25)) -> SpokenRows:
    return SpokenRows.write(tmp_path / "rows", [sound], np.asarray(still, dtype=np.float32), rate)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24)])
def test_a_frame_hears_what_its_authors_let_it_hear(sound, tmp_path, rate):
    rows = np.concatenate(list(speech_mel([sound])))
    heard = spoken(sound, tmp_path, np.zeros(60), rate).at(np.array([0, 1, 7, 20]))
    assert heard.shape == (4, 1, BANDS, 16)
    for one, number in zip(heard, (0, 1, 7, 20), strict=True):
        start = int(number * 80 / rate)
        np.testing.assert_array_equal(one[0], rows[start : start + 16].T)


def test_in_a_pause_and_beyond_the_end_it_hears_silence(sound, tmp_path):
    rows = spoken(sound, tmp_path, [*np.zeros(20), *np.ones(20)])
    assert (rows.at(np.array([25]))[0] == SILENCE).all()
    assert (spoken(sound, tmp_path, np.zeros(200)).at(np.array([100]))[0] == SILENCE).all()
    fading = rows.at(np.array([17]))[0, 0]
    assert fading[:, :8].max() > SILENCE and (fading[:, 12:] == SILENCE).all()
