"""Sounds whose times are known to a fraction of a millisecond, and what is found of them in other sounds."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np
from scipy.signal import correlate, hilbert

from lipsync.media.sound import HEARD_RATE, SAMPLE_RATE
from tests.lipsync.media import ffmpeg

SECONDS = 4
BURSTS = (0.4, 1.3, 2.1, 3.5)


def bursts(rate: int, channels: int = 1) -> np.ndarray:
    """Short tones at `BURSTS`, in (samples, channels) float64, over a trace of noise."""
    samples = 0.001 * np.random.default_rng(0).standard_normal(SECONDS * rate)
    tone = burst(rate)
    for at in BURSTS:
        first = round(at * rate) - len(tone) // 2
        samples[first : first + len(tone)] += tone
    return np.repeat(samples[:, None], channels, axis=1)


def burst(rate: int) -> np.ndarray:
    time = np.arange(round(0.006 * rate)) / rate
    return 0.6 * np.sin(2 * np.pi * 1500 * time) * np.hanning(len(time))


def write_wav(path: Path, samples: np.ndarray, rate: int = HEARD_RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def write_floats(path: Path, samples: np.ndarray, rate: int = HEARD_RATE) -> Path:
    """A wav of 32-bit floating-point samples, whatever they are."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(samples.astype("<f4").tobytes())
    ffmpeg("-f", "f32le", "-ar", str(rate), "-ac", str(samples.shape[1]), "-i", raw, "-c:a", "pcm_f32le", path)
    return path


def late_by(samples: np.ndarray, rate: int) -> np.ndarray:
    """Seconds by which each burst comes after its time."""
    likeness = np.abs(hilbert(np.convolve(samples, burst(rate)[::-1], "same")))
    found = []
    for at in BURSTS:
        first = round((at - 0.2) * rate)
        found.append((first + likeness[first : round((at + 0.2) * rate)].argmax()) / rate - at)
    return np.array(found)


def lag(heard: np.ndarray, driven: np.ndarray) -> float:
    """Seconds by which one sound comes after the other, both at 16 kHz, told from all of it."""
    count = min(len(heard), len(driven))
    return (int(correlate(heard[:count], driven[:count], method="fft").argmax()) - count + 1) / SAMPLE_RATE


def decoded(path: Path, rate: int, channels: int = 1) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-ac", str(channels), "-ar", str(rate)]
    done = subprocess.run([*command, "-f", "f32le", "pipe:1"], capture_output=True, check=True)
    samples = np.frombuffer(done.stdout, np.float32)
    return samples if channels == 1 else samples.reshape(-1, channels)
