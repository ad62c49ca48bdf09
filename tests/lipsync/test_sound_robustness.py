"""Bad recordings, and sounds that are no speech: the mouth follows the voice all the same, and rests while nobody speaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from lipsync.faces.pose import DoubleArray
from lipsync.media.sound import SAMPLE_RATE
from lipsync.sound.features import SoundFeatures, sound_features
from lipsync.sound.generic import generic_mouth
from lipsync.sound.own import closing, correlation
from lipsync.sound.pauses import stillness
from lipsync.sound.utterance import utterance_of
from tests.lipsync import disturbances as made
from tests.lipsync.disturbances import FloatArray

GAP_SECONDS, EDGE_SECONDS, FRAME_SECONDS = 4.0, 1.0, 0.04
# Where a pause begins and ends the mouth still belongs to the speech around it.
MARGIN_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Speech:
    """Silence, speech, a gap, the same speech, silence"""

    voice: FloatArray

    @property
    def seconds(self) -> float:
        return len(self.voice) / SAMPLE_RATE

    @property
    def gap(self) -> tuple[float, float]:
        start = EDGE_SECONDS + self.seconds
        return start + MARGIN_SECONDS, start + GAP_SECONDS - MARGIN_SECONDS

    def filled(self, gap: FloatArray | None = None) -> FloatArray:
        edge, between = made.silence(EDGE_SECONDS), made.silence(GAP_SECONDS)
        if gap is not None:
            between = gap[: len(between)]
        return np.concatenate([edge, self.voice, between, self.voice, edge])

    def speaking(self) -> DoubleArray:
        first = np.arange(EDGE_SECONDS, EDGE_SECONDS + self.seconds, FRAME_SECONDS)
        return np.concatenate([first, first + self.seconds + GAP_SECONDS])


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(made.spoken())


@pytest.fixture(scope="module")
def clean(speech) -> DoubleArray:
    return aperture(sound_features([speech.filled()]), speech.speaking())


def aperture(sound: SoundFeatures, times: DoubleArray) -> DoubleArray:
    """What any mouth would do, rest being a standard deviation below its mean."""
    features = sound.at(times)
    still = stillness(sound, times)
    return np.asarray(closing(generic_mouth()(features), features)[:, 0] * (1 - still) - still)


def rest(sound: SoundFeatures, span: tuple[float, float]) -> float:
    """Share of the span's frames in which the mouth rests."""
    return float((stillness(sound, np.arange(*span, FRAME_SECONDS)) > 0.5).mean())


NOISES = {"white": made.white, "pink": made.pink, "babble": lambda _: made.babble(60), "music": made.music, "hum": made.hum}


@pytest.mark.parametrize(("kind", "decibel", "least"), [
    ("white", 20, 0.85), ("white", 10, 0.75), ("white", 5, 0.7), ("pink", 20, 0.85), ("pink", 10, 0.75), ("pink", 5, 0.7),
    ("pink", 0, 0.6), ("babble", 20, 0.85), ("babble", 10, 0.7), ("music", 20, 0.85), ("hum", 0, 0.8),
])  # fmt: skip
def test_with_noise_below_a_voice_the_mouth_follows_the_voice_and_rests_in_its_pauses(speech, clean, kind, decibel, least):
    whole = speech.filled()
    sound = sound_features([made.under(whole, NOISES[kind](60.0), decibel)])
    assert correlation(aperture(sound, speech.speaking()), clean) > least
    assert rest(sound, speech.gap) > 0.9


@pytest.mark.parametrize("gap", ["breath", "hiss", "quiet breath"])
def test_a_breath_is_no_speech(speech, gap):
    sounds = {"breath": made.levelled(made.breath(GAP_SECONDS), -10), "hiss": made.levelled(made.white(GAP_SECONDS), -20)}
    sounds["quiet breath"] = made.levelled(made.breath(GAP_SECONDS), -20)
    assert rest(sound_features([speech.filled(sounds[gap])]), speech.gap) > 0.95


def test_long_vowels_are_sung_by_an_open_mouth(speech):
    sound = sound_features([speech.filled(made.singing(GAP_SECONDS))])
    assert rest(sound, speech.gap) < 0.05


def test_speech_is_shown_where_it_is_though_there_is_noise(speech):
    sound = sound_features([made.under(speech.filled(), made.pink(60.0), 10)])
    spans = utterance_of(sound).speech
    start, end = speech.gap
    assert not any(span.start < end and span.end > start for span in spans)
    assert sum(span.end - span.start for span in spans) > 1.5 * speech.seconds


def test_a_long_silence_does_not_change_how_far_the_mouth_opens(speech):
    edge = made.silence(EDGE_SECONDS)
    short, late = (sound_features([np.concatenate([made.silence(s), speech.voice, edge])]) for s in (EDGE_SECONDS, 300.0))
    times = np.arange(0, speech.seconds, FRAME_SECONDS)
    usual, after = (aperture(sound, times + start) for sound, start in ((short, EDGE_SECONDS), (late, 300.0)))
    assert correlation(usual, after) > 0.98
    assert abs(float((after - usual).mean())) < 0.1  # of a standard deviation
    assert rest(late, (1.0, 299.0)) > 0.999


def test_a_very_quiet_recording_moves_the_mouth_as_a_loud_one(speech, clean):
    quiet = speech.filled() * np.float32(1e-3 / np.abs(speech.voice).max())
    assert correlation(aperture(sound_features([quiet]), speech.speaking()), clean) > 0.99
