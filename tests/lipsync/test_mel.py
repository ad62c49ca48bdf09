"""The mel filters, against those of librosa, which only the tests load."""

from __future__ import annotations

import librosa.filters
import numpy as np
import pytest

from lipsync.sound.mel import mel_filters


@pytest.mark.parametrize(
    ("rate", "transform", "bands", "lowest", "highest"),
    [(16_000, 512, 40, 60.0, 7600.0), (22_050, 2048, 128, 0.0, 11_025.0), (8000, 256, 10, 1200.0, 3000.0)],
)
def test_they_are_those_of_librosa(rate, transform, bands, lowest, highest):
    theirs = librosa.filters.mel(sr=rate, n_fft=transform, n_mels=bands, fmin=lowest, fmax=highest)
    ours = mel_filters(rate, transform, bands, lowest, highest)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_tone_is_heard_in_the_band_around_it():
    filters = mel_filters(16_000, 512, 40, 60.0, 7600.0)
    heard_in = [int(filters[:, hertz * 512 // 16_000].argmax()) for hertz in (250, 1000, 4000)]
    assert heard_in == sorted(set(heard_in))
    assert filters[:, 2:243].sum(axis=0).min() > 0, "no frequency between the lowest and the highest is lost"
