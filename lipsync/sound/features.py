"""What of a sound drives the mouth: blocks of samples go in, features at 100 per second come out.

Log-mel spectrogram (Davis and Mermelstein 1980; mel scale after Slaney 1998), energy and voicing (autocorrelation, Boersma
1993), normalised over the whole recording, so that loudness and microphone do not matter; and what the speech network
hears in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from lipsync.faces.tracker import FloatArray
from lipsync.media.sound import SAMPLE_RATE
from lipsync.sound import adaptation, network
from lipsync.sound.mel import mel_filters
from lipsync.sound.network import CHANNELS, Heard

HOP_SAMPLES = 160
RATE = SAMPLE_RATE // HOP_SAMPLES
WINDOW_SAMPLES = 400
VOICING_WINDOW_SAMPLES = 640
TRANSFORM_SAMPLES = 512
BANDS = 40
LOWEST_HERTZ, HIGHEST_HERTZ = 60.0, 7600.0
PRE_EMPHASIS = np.float32(0.97)
FLOOR_DECIBEL = 60.0
SPEECH_PERCENTILE = 95
# What counts as sounding, below a level that clicks and coughs of a quarter of a second in all do not raise.
SOUNDING_DECIBEL, CLICK_ROWS = 40.0, 25
MEAN_ROWS = 5
# Transforms of so many stay in the processor's cache, which halves what listening costs.
WINDOWS_AT_ONCE = 64
# Taps in time around each frame, seconds: of the bands, of the network's channels, of its embedding.
TAPS_SECONDS = np.arange(-5, 6) * 0.04
CHANNEL_TAPS_SECONDS = np.arange(-3, 4) * 0.04
EMBEDDING_TAPS_SECONDS = np.arange(-2, 3) * 0.04
# How many of the features at an instant come from the spectrogram; the others come from the network.
BAND_FEATURES = (BANDS + 2) * len(TAPS_SECONDS)
PITCH_HERTZ = (65, 400)

HalfArray = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class SoundFeatures:
    """A recording as the mouth predictor sees it, 100 rows a second, row 0 at the first instant.

    rows: (m, BANDS + 2) float16, good for a thousandth; normalised bands, energy, voicing, each a mean over 50 ms
    loudness: (m,) float32 loudest band, dB re the recording's 95th percentile
    x: (m, INPUTS) float16 what the networks are given, see `network.inputs`
    heard: the speech network's answers; guess: (m // 2, MEASURES) float32 those of the network that knows mouths
    """

    rows: HalfArray
    loudness: FloatArray
    x: npt.NDArray[np.float16]
    heard: Heard
    guess: FloatArray

    @classmethod
    def of_rows(cls, rows: HalfArray) -> Self:
        """Of (m, BANDS + 2) level of each band and of their sum in dB, voicing; the rows are used up."""
        loudest = rows[:, :BANDS].max(axis=1).astype(np.float32)
        counted = _counted(loudest)
        top = np.float32(np.percentile(loudest[counted], SPEECH_PERCENTILE))
        energy_top = np.float32(np.percentile(rows[counted, BANDS].astype(np.float32), SPEECH_PERCENTILE))
        x = network.inputs(np.maximum(rows[:, :BANDS] - np.float16(top), np.float16(-FLOOR_DECIBEL)) / np.float16(20))
        heard, guess = network.listen(x), adaptation.guess(x)
        # Column by column and in place: an hour and a half of rows is half a million.
        for column in range(BANDS + 2):
            values = rows[:, column].astype(np.float32)
            if column < BANDS:
                level = (np.maximum(values, top - FLOOR_DECIBEL) - top) / 20
                usual = level[counted]
                values = (level - usual.mean()) / (usual.std() + np.float32(0.05))
            elif column == BANDS:
                values = (np.maximum(values, energy_top - FLOOR_DECIBEL) - energy_top) / 20 + 3
            rows[:, column] = uniform_filter1d(values, MEAN_ROWS, mode="nearest")
        return cls(rows, loudest - top, x, heard, guess)

    def part(self, start: float, end: float) -> SoundFeatures:
        """What was heard from one moment to another, seconds; normalised by the whole recording as before."""
        fine = slice(round(start * RATE), round(end * RATE))
        coarse = slice(fine.start // 2, fine.stop // 2)
        return SoundFeatures(self.rows[fine], self.loudness[fine], self.x[fine], self.heard.part(coarse), self.guess[coarse])

    def at(self, times: npt.NDArray[np.float64]) -> FloatArray:
        """(n, BAND_FEATURES + what the network adds + MEASURES) float32 features around the given times, seconds."""
        bands = [_interpolate(self.rows, (times + tap) * RATE) for tap in TAPS_SECONDS]
        channels = [_interpolate(self.heard.channels, network.places(times + tap)) for tap in CHANNEL_TAPS_SECONDS]
        embedding = [_interpolate(self.heard.embedding, network.places(times + tap)) for tap in EMBEDDING_TAPS_SECONDS]
        guess = _interpolate(self.guess, network.places(times))
        return np.concatenate([*bands, *channels, *embedding, guess], axis=1)


def heard_channel(features: FloatArray, name: str) -> FloatArray:
    """(n,) one of the network's CHANNELS in features (n, d) of `SoundFeatures.at`, a mean over 80 ms."""
    middle = BAND_FEATURES + len(CHANNELS) * (len(CHANNEL_TAPS_SECONDS) // 2) + CHANNELS.index(name)
    before, now, after = (features[:, middle + step * len(CHANNELS)] for step in (-1, 0, 1))
    return np.asarray(0.25 * before + 0.5 * now + 0.25 * after)


def sound_features(blocks: Iterable[FloatArray]) -> SoundFeatures:
    """Features of a recording given in blocks of mono samples at 16 kHz."""
    return SoundFeatures.of_rows(_stacked(_piece(windows) for windows in _windows(blocks)))


def _counted(loudest: FloatArray) -> npt.NDArray[np.intp] | slice:
    """Which rows tell a recording's usual levels: two that sound for one that is silent, however long the silence."""
    reference = np.partition(loudest, -CLICK_ROWS)[-CLICK_ROWS] if len(loudest) > CLICK_ROWS else loudest.max(initial=0.0)
    sounding = loudest > reference - SOUNDING_DECIBEL
    silent = np.flatnonzero(~sounding)
    count = int(sounding.sum()) // 2
    if len(silent) <= count:
        return slice(None)
    some = silent[np.linspace(0, len(silent) - 1, count).astype(np.intp)]
    return np.sort(np.concatenate([np.flatnonzero(sounding), some]))


def _piece(windows: FloatArray) -> FloatArray:
    """(k, BANDS + 2) level of each band and of their sum in dB, voicing."""
    bands = _mel_power(windows)
    level = 10 * np.log10(bands + 1e-12)
    energy = 10 * np.log10(bands.sum(axis=1, keepdims=True) + 1e-12)
    return np.asarray(np.concatenate([level, energy, _voicing(windows)[:, None]], axis=1), dtype=np.float32)


def _stacked(pieces: Iterable[FloatArray]) -> HalfArray:
    """(m, BANDS + 2) the pieces one below the other, in one buffer that grows: half precision keeps .06 dB of a level."""
    data = bytearray()
    for piece in pieces:
        data += piece.astype(np.float16).tobytes()
    return np.frombuffer(data, dtype=np.float16).reshape(-1, BANDS + 2)


def _windows(blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """Overlapping windows, (k, VOICING_WINDOW_SAMPLES), centred on every hop of the whole recording."""
    half = VOICING_WINDOW_SAMPLES // 2
    waiting = np.zeros(half, dtype=np.float32)
    for block in _with_tail(blocks, half):
        waiting = np.concatenate([waiting, block])
        count = (len(waiting) - VOICING_WINDOW_SAMPLES) // HOP_SAMPLES + 1
        if count > 0:
            view = np.lib.stride_tricks.sliding_window_view(waiting, VOICING_WINDOW_SAMPLES)[::HOP_SAMPLES]
            for start in range(0, count, WINDOWS_AT_ONCE):
                yield view[start : min(count, start + WINDOWS_AT_ONCE)]
            waiting = waiting[count * HOP_SAMPLES :]


def _with_tail(blocks: Iterable[FloatArray], tail: int) -> Iterator[FloatArray]:
    yield from blocks
    yield np.zeros(tail, dtype=np.float32)


def _mel_power(windows: FloatArray) -> FloatArray:
    """(k, BANDS)"""
    start = (VOICING_WINDOW_SAMPLES - WINDOW_SAMPLES) // 2
    inner = windows[:, start : start + WINDOW_SAMPLES]
    before = windows[:, start - 1 : start + WINDOW_SAMPLES - 1]
    emphasised = (inner - PRE_EMPHASIS * before) * np.hanning(WINDOW_SAMPLES).astype(np.float32)
    spectrum = np.fft.rfft(emphasised, TRANSFORM_SAMPLES, axis=1)
    return (np.abs(spectrum) ** 2).astype(np.float32) @ _mel_filters().T


def _voicing(windows: FloatArray) -> FloatArray:
    """(k,) height of the autocorrelation's peak within the range of human pitch, 0 to 1."""
    spectrum = np.fft.rfft(windows * np.hanning(VOICING_WINDOW_SAMPLES).astype(np.float32), 2048, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :VOICING_WINDOW_SAMPLES]
    lags = slice(SAMPLE_RATE // PITCH_HERTZ[1], SAMPLE_RATE // PITCH_HERTZ[0])
    return np.asarray((correlation[:, lags].max(axis=1) / (correlation[:, 0] + 1e-9)).astype(np.float32))


@cache
def _mel_filters() -> FloatArray:
    return mel_filters(SAMPLE_RATE, TRANSFORM_SAMPLES, BANDS, LOWEST_HERTZ, HIGHEST_HERTZ)


def _interpolate(rows: HalfArray | FloatArray, places: npt.NDArray[np.float64]) -> FloatArray:
    places = np.clip(places, 0, len(rows) - 1)
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (places - low).astype(np.float32)[:, None]
    return np.asarray(rows[low] * (1 - share) + rows[high] * share)
