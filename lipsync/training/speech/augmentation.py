"""Rooms, microphones, lines and noise: what may lie between a mouth and a recording. The times stay.

Everything is at 16 kHz, full scale 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import signal

from lipsync.media.sound import SAMPLE_RATE
from lipsync.synthetic.speech import SILENCE, Utterance

Samples = npt.NDArray[np.float64]

BREATH_SHARE = 0.35
BREATH_PAUSE_SECONDS = 0.12
LOUDEST_BABBLE_DECIBEL = 8.0
"""Babble stays so far below the voice, or nobody could say whose mouth is meant."""
NYQUIST = SAMPLE_RATE / 2


def disturb(utterance: Utterance, others: Sequence[npt.NDArray[np.float32]], random_source: np.random.Generator) -> Samples:
    """The utterance as some microphone might have heard it. others: voices for babble, each at least a second."""
    draw = random_source
    sound = utterance.samples.astype(np.float64) / (np.abs(utterance.samples).max() + 1e-6)
    if draw.random() < 0.6:
        sound = sound + breaths(utterance, draw)
    if draw.random() < 0.5:
        sound = _reverberate(sound, draw)
    if draw.random() < 0.7:
        sound = _equalise(sound, draw)
    sound = _limit_band(sound, draw)
    if draw.random() < 0.75:
        sound = _add_noise(sound, others, draw)
    if draw.random() < 0.15:
        sound = np.tanh(sound * draw.uniform(1.5, 5))
    if draw.random() < 0.15:
        sound = _companded(sound, levels=int(2 ** draw.integers(5, 8)))
    sound = sound / (np.abs(sound).max() + 1e-6) * 10 ** (draw.uniform(-30, 0) / 20)
    if draw.random() < 0.1:
        sound = sound + draw.uniform(-0.02, 0.02)
    return np.asarray(sound)


def breaths(utterance: Utterance, random_source: np.random.Generator) -> Samples:
    """Breath-like bursts and plain noise in the pauses, and nothing elsewhere; full scale 1."""
    sound = np.zeros(len(utterance.samples))
    for phoneme in utterance.phonemes:
        first, last = (round(time * SAMPLE_RATE) for time in (phoneme.start, phoneme.end))
        pause = phoneme.symbol == SILENCE and phoneme.end - phoneme.start >= BREATH_PAUSE_SECONDS
        if pause and random_source.random() < BREATH_SHARE:
            sound[first:last] += _breath(len(sound[first:last]), random_source)
    return sound


def _breath(count: int, draw: np.random.Generator) -> Samples:
    """Noise with one or two soft resonances that swells and fades; one time in three it is plain, steady and softer."""
    noise = draw.standard_normal(count)
    level = 10 ** (draw.uniform(-45, -14) / 20)
    if draw.random() < 1 / 3:
        return np.asarray(noise * level / 8)
    heard = np.zeros(count)
    for middle in draw.uniform(600, 4500, draw.integers(1, 3)):
        low, high = middle * 0.6, min(middle * 1.5, 0.95 * NYQUIST)
        heard += signal.sosfilt(signal.butter(2, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos"), noise)
    swell = np.sin(np.pi * np.linspace(0, 1, count) ** draw.uniform(0.5, 2)) ** draw.uniform(0.5, 2)
    return np.asarray(heard / (np.abs(heard).max() + 1e-9) * np.maximum(swell, 0) * level)


def _reverberate(sound: Samples, draw: np.random.Generator) -> Samples:
    """An exponentially decaying tail of noise, 0.08 to 0.6 s to -60 dB, 3 to 14 dB below the direct sound."""
    count = int(draw.uniform(0.08, 0.6) * SAMPLE_RATE)
    tail = draw.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    tail *= 10 ** (draw.uniform(-14, -3) / 20) / np.sqrt((tail**2).sum())
    tail[0] += 1
    return np.asarray(signal.fftconvolve(sound, tail)[: len(sound)])


def _equalise(sound: Samples, draw: np.random.Generator) -> Samples:
    """A smooth random curve of +-9 dB."""
    curve = np.interp(np.linspace(0, 1, 65), np.linspace(0, 1, 7), draw.uniform(-9, 9, 7))
    response = signal.firwin2(129, np.linspace(0, 1, 65), 10 ** (curve / 20))
    return np.asarray(signal.fftconvolve(sound, response, "same"))


def _limit_band(sound: Samples, draw: np.random.Generator) -> Samples:
    """Sometimes without treble, sometimes without bass, sometimes as over a telephone."""
    choice = draw.random()
    if choice < 0.08:
        sound = _filtered(sound, (300.0, 3400.0), "bandpass")
    elif choice < 0.30:
        sound = _filtered(sound, draw.uniform(3200, 7000), "lowpass")
    if draw.random() < 0.2:
        sound = _filtered(sound, draw.uniform(80, 350), "highpass")
    return sound


def _filtered(sound: Samples, edges: float | tuple[float, float], kind: str) -> Samples:
    order = 2 if kind == "highpass" else 6
    return np.asarray(signal.sosfilt(signal.butter(order, edges, kind, fs=SAMPLE_RATE, output="sos"), sound))


def _add_noise(sound: Samples, others: Sequence[npt.NDArray[np.float32]], draw: np.random.Generator) -> Samples:
    """Noise 3 to 40 dB below the voice: coloured, other people's talk, notes of music, or white."""
    below = draw.uniform(3, 40)
    choice = draw.random()
    if choice < 0.5:
        noise = _coloured(len(sound), draw)
    elif choice < 0.75 and others:
        noise, below = _babble(len(sound), others, draw), max(below, LOUDEST_BABBLE_DECIBEL)
    elif choice < 0.87:
        noise = _music(len(sound), draw)
    else:
        noise = draw.standard_normal(len(sound))
    return np.asarray(sound + noise * np.sqrt((sound**2).mean() / ((noise**2).mean() + 1e-12)) * 10 ** (-below / 20))


def _coloured(count: int, draw: np.random.Generator) -> Samples:
    """Power falls with the 0.3th to 2nd power of the frequency."""
    size = 2 ** int(np.ceil(np.log2(count)))
    spectrum = np.fft.rfft(draw.standard_normal(size))
    return np.asarray(np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** draw.uniform(0.15, 1), size)[:count])


def _babble(count: int, others: Sequence[npt.NDArray[np.float32]], draw: np.random.Generator) -> Samples:
    """One to three of the others, each from anywhere on."""
    noise = np.zeros(count)
    for _ in range(draw.integers(1, 4)):
        other = others[draw.integers(len(others))]
        noise += np.resize(np.roll(other, draw.integers(len(other))), count)
    return noise


def _music(count: int, draw: np.random.Generator) -> Samples:
    """Two to four parts of decaying notes with overtones, 0.15 to 0.8 s each, on a scale of semitones."""
    noise = np.zeros(count)
    for _ in range(draw.integers(2, 5)):
        start = 0
        while start < count:
            length = int(draw.uniform(0.15, 0.8) * SAMPLE_RATE)
            time = np.arange(min(length, count - start)) / SAMPLE_RATE
            pitch = 55 * 2 ** (draw.integers(0, 48) / 12)
            decay = np.exp(-time * draw.uniform(0.5, 6))
            for overtone in range(1, int(draw.integers(2, 6))):
                noise[start : start + len(time)] += decay * np.sin(2 * np.pi * pitch * overtone * time) / overtone
            start += length
    return noise


def _companded(sound: Samples, levels: int) -> Samples:
    """Coded with the mu-law (ITU-T G.711's curve, mu = 255) in few levels."""
    loudest = np.abs(sound).max() + 1e-9
    coded = np.sign(sound) * np.log1p(255 * np.abs(sound) / loudest) / np.log(256)
    coded = np.round(coded * levels) / levels
    return np.asarray(np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255 * loudest)
