"""What of a sound drives the mouth."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.errors import UnusableInput
from lipsync.media import read_sound
from lipsync.sound.features import RATE, SoundFeatures, sound_features
from lipsync.sound.pauses import stillness
from tests.lipsync.media import counting_clip, ffmpeg, tone

SAMPLES = 16_000


def speech_like(seconds: float, seed: int = 3) -> np.ndarray:
    """Buzz with changing loudness and noise, so that every feature has something to say."""
    time = np.arange(round(seconds * SAMPLES)) / SAMPLES
    buzz = np.sign(np.sin(2 * np.pi * 120 * time)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    return (0.2 * buzz + 0.02 * np.random.default_rng(seed).standard_normal(len(time))).astype(np.float32)


def test_there_are_a_hundred_rows_a_second():
    assert len(sound_features([speech_like(2.0)]).rows) == pytest.approx(200, abs=2)


def test_blocks_of_any_size_give_the_same_features():
    sound = speech_like(3.0)
    whole = sound_features([sound])
    pieces = sound_features(np.split(sound, [777, 16_000, 16_001, 40_123]))
    np.testing.assert_allclose(pieces.rows, whole.rows, atol=0.005)  # rows are kept in half precision


def test_loudness_does_not_matter():
    sound = speech_like(2.0)
    np.testing.assert_allclose(sound_features([sound * 0.1]).rows, sound_features([sound]).rows, atol=0.02)


def test_a_constant_offset_does_not_matter():
    sound = speech_like(2.0)
    moved, still = sound_features([sound + np.float32(0.2)]).rows, sound_features([sound]).rows
    assert np.abs(moved[10:-10, 4:40] - still[10:-10, 4:40]).mean() < 0.05


def test_a_click_is_found_at_its_time():
    sound = 0.001 * speech_like(2.0)
    sound[SAMPLES : SAMPLES + 80] = 0.8
    assert abs(int(sound_features([sound]).loudness.argmax()) - RATE) <= 1


def test_voiced_sound_is_told_from_noise():
    noise = np.random.default_rng(1).standard_normal(2 * SAMPLES).astype(np.float32) * 0.1
    assert sound_features([speech_like(2.0)]).rows[:, -1].mean() > 0.6
    assert sound_features([noise]).rows[:, -1].mean() < 0.4


def test_features_beyond_the_ends_repeat_the_ends():
    features = sound_features([speech_like(1.0)])
    rows = features.at(np.array([-1.0, 0.5, 9.0]))
    assert rows.shape[0] == 3
    assert np.isfinite(rows).all()


def test_a_sound_file_is_read_at_sixteen_kilohertz(tmp_path):
    blocks = list(read_sound(tone(tmp_path / "a.mp3", seconds=45)))
    assert len(blocks) == 3
    assert sum(map(len, blocks)) == pytest.approx(45 * SAMPLES, rel=0.005)


def test_a_film_without_sound_is_told(tmp_path):
    with pytest.raises(UnusableInput) as caught:
        list(read_sound(counting_clip(tmp_path / "a.mp4", frames=5)))
    assert caught.value.code == "no_sound"


def with_pause(seconds: float) -> SoundFeatures:
    quiet = np.zeros(round(seconds * SAMPLES), dtype=np.float32)
    return sound_features([np.concatenate([speech_like(2.0), quiet, speech_like(2.0)])])


def test_the_mouth_rests_in_a_long_pause_and_only_there():
    still = stillness(with_pause(1.0), np.array([1.0, 2.5, 4.0]))
    assert still[0] < 0.02
    assert still[1] > 0.98
    assert still[2] < 0.02


def test_a_short_pause_only_relaxes_the_mouth():
    assert 0.2 < stillness(with_pause(0.3), np.array([2.15]))[0] < 0.7


def test_a_gap_between_words_changes_nothing():
    assert stillness(with_pause(0.1), np.array([2.05]))[0] < 0.02


def test_before_and_after_the_voice_the_mouth_rests():
    assert stillness(sound_features([speech_like(1.0)]), np.array([-1.0, 3.0])).tolist() == [1.0, 1.0]


def test_a_sound_of_two_channels_is_mixed(tmp_path):
    path = tmp_path / "sides.wav"
    ffmpeg("-f", "lavfi", "-i", "aevalsrc=0.5*sin(440*2*PI*t)|0:s=16000:d=1", path)
    samples = np.concatenate(list(read_sound(path)))
    assert 0.2 < np.abs(samples).max() < 0.4
