"""Other speakers and other rhythms out of one utterance: length of the vocal tract, tempo, pauses. The times move along."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.fft import next_fast_len
from scipy.ndimage import map_coordinates
from scipy.signal import resample

from lipsync.media.sound import SAMPLE_RATE
from lipsync.synthetic.speech import SILENCE, Phoneme, Utterance

SPEED = (0.80, 1.28)
SPEED_SHARE = 0.8
SWAY_SHARE, SWAY, SWAY_SECONDS = 0.5, 0.09, 0.8
"""So often the tempo sways, by this logarithmic deviation, from one knot to the next."""
PAUSE_SHARE, PAUSE_SECONDS = 0.4, (0.1, 0.7)
SHORTEST_PAUSE = 0.03
START_SECONDS, END_SECONDS = 0.6, 0.4


def at_rate(utterance: Utterance, speed: float = 1.0) -> Utterance:
    """At 16 kHz, played `speed` times as fast, which moves pitch and formants too."""
    count = len(utterance.samples)
    padded = next_fast_len(count + 400, real=True)
    ratio = SAMPLE_RATE / (utterance.sample_rate * speed)
    samples = resample(np.pad(utterance.samples, (0, padded - count)), round(padded * ratio))[: round(count * ratio)]
    phonemes = tuple(Phoneme(p.symbol, p.start / speed, p.end / speed) for p in utterance.phonemes)
    return Utterance(samples.astype(np.float32), SAMPLE_RATE, phonemes)


def vary(utterance: Utterance, random_source: np.random.Generator) -> Utterance:
    """At 16 kHz, as another speaker with another rhythm might say it."""
    speed = float(np.exp(random_source.uniform(*np.log(SPEED)))) if random_source.random() < SPEED_SHARE else 1.0
    varied = at_rate(utterance, speed)
    if random_source.random() < SWAY_SHARE:
        varied = _sway(varied, random_source)
    return _pause(varied, random_source)


def _sway(utterance: Utterance, random_source: np.random.Generator) -> Utterance:
    """With a tempo that slowly goes up and down."""
    count = len(utterance.samples)
    knots = int(utterance.seconds / SWAY_SECONDS) + 2
    tempo = np.exp(np.interp(np.linspace(0, knots - 1, count), np.arange(knots), random_source.normal(0, SWAY, knots)))
    arrival = np.concatenate([[0.0], np.cumsum(1 / tempo)])
    places = np.interp(np.arange(int(arrival[-1])), arrival[:-1], np.arange(count))
    samples = map_coordinates(utterance.samples, [places], order=3, mode="nearest").astype(np.float32)

    def moved(time: float) -> float:
        return float(np.interp(time * SAMPLE_RATE, np.arange(count + 1), arrival)) / SAMPLE_RATE

    return Utterance(samples, SAMPLE_RATE, tuple(Phoneme(p.symbol, moved(p.start), moved(p.end)) for p in utterance.phonemes))


def _pause(utterance: Utterance, random_source: np.random.Generator) -> Utterance:
    """With longer pauses where there are pauses."""
    parts: list[npt.NDArray[np.float32]] = []
    phonemes: list[Phoneme] = []
    taken, later = 0, 0.0
    for phoneme in utterance.phonemes:
        longer = 0
        long_enough = phoneme.symbol == SILENCE and phoneme.end - phoneme.start >= SHORTEST_PAUSE
        if long_enough and random_source.random() < PAUSE_SHARE:
            longer = round(random_source.uniform(*PAUSE_SECONDS) * SAMPLE_RATE)
            middle = round((phoneme.start + phoneme.end) / 2 * SAMPLE_RATE)
            parts += [utterance.samples[taken:middle], np.zeros(longer, np.float32)]
            taken = middle
        phonemes.append(Phoneme(phoneme.symbol, phoneme.start + later, phoneme.end + later + longer / SAMPLE_RATE))
        later += longer / SAMPLE_RATE
    return Utterance(np.concatenate([*parts, utterance.samples[taken:]]), SAMPLE_RATE, tuple(phonemes))


def pad(utterance: Utterance, random_source: np.random.Generator) -> Utterance:
    """With some silence before and after it."""
    before = round(random_source.uniform(0, START_SECONDS) * SAMPLE_RATE)
    after = round(random_source.uniform(0, END_SECONDS) * SAMPLE_RATE)
    samples = np.pad(utterance.samples, (before, after))
    start = before / SAMPLE_RATE
    end, whole = start + utterance.seconds, len(samples) / SAMPLE_RATE
    moved = tuple(Phoneme(p.symbol, p.start + start, p.end + start) for p in utterance.phonemes)
    return Utterance(samples, SAMPLE_RATE, (Phoneme(SILENCE, 0.0, start), *moved, Phoneme(SILENCE, end, whole)))
