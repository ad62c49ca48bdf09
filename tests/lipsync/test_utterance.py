"""What is spoken when: speech between the pauses, kinds of sound without chatter."""

from __future__ import annotations

import numpy as np

from lipsync.sound.features import SoundFeatures, sound_features
from lipsync.sound.network import EMBEDDING, Heard
from lipsync.sound.phonemes import CLASSES
from lipsync.sound.utterance import utterance_of
from lipsync.synthetic.speech import SILENCE, Voice, join, say


def heard(*pieces):
    """A recording of (class, seconds), every tenth row of it misheard as `k`."""
    names = [name for name, seconds in pieces for _ in range(round(seconds * 50))]
    classes = np.full((len(names), len(CLASSES)), 0.001, dtype=np.float32)
    for row, name in enumerate(names):
        classes[row, CLASSES.index(name)] = 0.5
        if row % 10 == 9:
            classes[row, CLASSES.index("k")] = 0.6
    loudness = np.repeat([-60.0 if name == "sil" else -5.0 for name in names], 2).astype(np.float32)
    none = np.zeros((len(names), 6), dtype=np.float32)
    embedding = np.zeros((len(names), EMBEDDING), dtype=np.float32)
    rows, x = np.zeros((len(loudness), 42), dtype=np.float32), np.zeros((len(loudness), 41), dtype=np.float16)
    return SoundFeatures(rows, loudness, x, Heard(none, classes, embedding), none[:, :3])


def test_speech_lies_between_the_pauses_and_sounds_within_speech():
    found = utterance_of(heard(("sil", 0.5), ("a", 0.4), ("p", 0.1), ("a", 0.3), ("sil", 0.6), ("u", 0.4)))
    assert [(round(span.start, 2), round(span.end, 2)) for span in found.speech] == [(0.5, 1.3), (1.9, 2.3)]
    assert [span.name for span in found.sounds] == ["a", "p", "a", "u"]
    assert found.seconds == 2.3
    for span in found.sounds:
        assert any(part.start - 0.02 <= span.start and span.end <= part.end + 0.02 for part in found.speech)


def test_vowels_and_closures_of_a_real_synthesiser_are_found_where_it_put_them():
    spoken = join([say("Mama papa, mama papa", Voice("it", rate=130))], [0.4], 3.0)
    sound = spoken.samples.astype(np.float32)
    resampled = np.interp(np.arange(0, spoken.seconds, 1 / 16000), np.arange(len(sound)) / spoken.sample_rate, sound)
    found = utterance_of(sound_features([resampled.astype(np.float32)]))
    for symbol, names in (("m", ("p", "m")), ("a", ("a", "aa", "ax"))):
        said = [phoneme for phoneme in spoken.phonemes if phoneme.symbol[:1] == symbol]
        heard_there = [span for span in found.sounds if span.name in names]
        met = [p for p in said if any(span.start < p.end - 0.02 and p.start + 0.02 < span.end for span in heard_there)]
        assert len(met) >= 0.8 * len(said) > 3, symbol
    assert all(span.end > span.start for span in found.sounds)
    silence = [p for p in spoken.phonemes if p.symbol == SILENCE and p.end - p.start > 0.3]
    assert not any(p.start + 0.1 < span.start and span.end < p.end - 0.1 for p in silence for span in found.sounds)
