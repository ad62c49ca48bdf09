"""Steady noise under a voice: 48 kHz samples go in, as many come out at the same places, with hum, hiss and fans turned down.

Spectral subtraction with a floor (Boll 1979; Berouti, Schwartz and Makhoul 1979). What is steady is told from the whole
recording: in each band of frequencies the level that speech hardly ever falls below. All channels share one gain, so that
the sound stays where it is between left and right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

WINDOW_SAMPLES, HOP_SAMPLES = 2048, 512
BANDS = WINDOW_SAMPLES // 2 + 1
PIECE_SAMPLES = 512 * HOP_SAMPLES
# What a sample depends on to either side: a window, and the smoothing of the gain.
MARGIN_SAMPLES = 2 * WINDOW_SAMPLES
# Levels are counted in steps of half a decibel.
LOWEST_DECIBEL, STEP_DECIBEL, STEPS = -160.0, 0.5, 480
QUIET_PERCENTILE = 10
# Digital silence between takes says nothing of the room.
SILENT_POWER = 1e-10
# From the 10th percentile of smoothed power to a little above the mean of the noise.
OVER_SUBTRACTION = 3.0
# 16 dB: more is not heard as quieter but as musical tones.
LEAST_GAIN = 0.15
PROFILE_FRAMES, PROFILE_BANDS = 9, 3
POWER_FRAMES, POWER_BANDS = 5, 3
GAIN_FRAMES, GAIN_BANDS = 3, 3


def noise_profile(blocks: Iterable[FloatArray]) -> FloatArray:
    """(BANDS,) float32 power of the steady noise of a recording given in blocks of (n, channels) samples."""
    counts = np.zeros(BANDS * STEPS, dtype=np.int64)
    places = np.arange(BANDS) * STEPS
    for samples, _, _ in _pieces(blocks):
        power = _smooth(_power(_spectra(samples)), PROFILE_FRAMES, PROFILE_BANDS)
        power = power[power.sum(axis=1) > SILENT_POWER * WINDOW_SAMPLES**2]
        level = (10 * np.log10(power + 1e-16) - LOWEST_DECIBEL) / STEP_DECIBEL
        steps = np.clip(level, 0, STEPS - 1).astype(np.intp)
        counts += np.bincount((places + steps).ravel(), minlength=len(counts))
    below = np.cumsum(counts.reshape(BANDS, STEPS), axis=1)
    quiet = (below >= below[:, -1:] * QUIET_PERCENTILE / 100).argmax(axis=1)
    return np.asarray(10 ** ((LOWEST_DECIBEL + STEP_DECIBEL * (quiet + 0.5)) / 10), dtype=np.float32)


def without_noise(blocks: Iterable[FloatArray], noise: FloatArray) -> Iterator[FloatArray]:
    """The same samples with the noise turned down, whatever the blocks."""
    for samples, first, last in _pieces(blocks):
        spectra = _spectra(samples)
        excess = _smooth(_power(spectra), POWER_FRAMES, POWER_BANDS) / (OVER_SUBTRACTION * noise)
        gain = np.maximum(1 - 1 / np.maximum(excess, 1e-6), LEAST_GAIN)
        yield _samples(spectra * _smooth(gain, GAIN_FRAMES, GAIN_BANDS)[:, :, None])[first:last]


def _pieces(blocks: Iterable[FloatArray]) -> Iterator[tuple[FloatArray, int, int]]:
    """Pieces of the recording with a margin on both sides, and from where to where each is its own."""
    waiting: FloatArray | None = None
    first = MARGIN_SAMPLES
    for block in blocks:
        before = np.zeros((MARGIN_SAMPLES, block.shape[1]), dtype=np.float32) if waiting is None else waiting
        waiting = np.concatenate([before, block])
        while len(waiting) >= first + PIECE_SAMPLES + MARGIN_SAMPLES:
            yield waiting[: first + PIECE_SAMPLES + MARGIN_SAMPLES], first, first + PIECE_SAMPLES
            waiting = waiting[PIECE_SAMPLES:]
    if waiting is not None:
        tail = np.zeros((MARGIN_SAMPLES + -len(waiting) % HOP_SAMPLES, waiting.shape[1]), dtype=np.float32)
        yield np.concatenate([waiting, tail]), first, len(waiting)


def _window() -> FloatArray:
    """The square root of a periodic Hann window: used twice, four of them overlapping add up to 2."""
    return np.asarray(np.sqrt(np.hanning(WINDOW_SAMPLES + 1)[:-1]), dtype=np.float32)


def _spectra(samples: FloatArray) -> npt.NDArray[np.complex64]:
    """(frames, BANDS, channels)"""
    views = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES, axis=0)[::HOP_SAMPLES]
    return np.fft.rfft(views * _window(), axis=2).astype(np.complex64).transpose(0, 2, 1)


def _samples(spectra: npt.NDArray[np.complex64]) -> FloatArray:
    """(n, channels) by overlapping and adding."""
    frames, _, channels = spectra.shape
    parts = np.fft.irfft(spectra, WINDOW_SAMPLES, axis=1) * (_window() / 2)[:, None]
    overlaps = WINDOW_SAMPLES // HOP_SAMPLES
    parts = parts.reshape(frames, overlaps, HOP_SAMPLES, channels)
    summed = np.zeros((frames + overlaps - 1, HOP_SAMPLES, channels), dtype=np.float32)
    for place in range(overlaps):
        summed[place : place + frames] += parts[:, place]
    return summed.reshape(-1, channels)


def _power(spectra: npt.NDArray[np.complex64]) -> FloatArray:
    """(frames, BANDS) of all channels together."""
    return np.asarray((spectra.real**2 + spectra.imag**2).sum(axis=2), dtype=np.float32)


def _smooth(values: FloatArray, frames: int, bands: int) -> FloatArray:
    from scipy.ndimage import uniform_filter  # noqa: PLC0415 - heavy; only those who ask for it pay

    return np.asarray(uniform_filter(values, (frames, bands), mode="nearest"), dtype=np.float32)
