"""What happens to voices on their way, and sounds that are no speech: everything at 16 kHz, made from nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, lfilter, sosfiltfilt

from lipsync.media.sound import SAMPLE_RATE
from lipsync.synthetic.speech import Voice, join, say

FloatArray = npt.NDArray[np.float32]

SENTENCES = (
    "Many people believe that the moon moves the mood of men, but nobody has ever measured it.",
    "A small boat came up the river with apples, pears and plums for the people of the village.",
    "We open the windows in the morning, and by evening the whole room smells of wood and warm bread.",
    "Please bring me the blue book from the upper shelf, and put the map back where it belongs.",
)
TALKERS = ("en-us+m1", "de+f2", "nl+m4", "es+f4", "it+m5", "en-us+f3")
FORMANTS = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
SPEECH_RMS = 0.1


def spoken(voice: str = "en-us+m3", rate: int = 150, pause: float = 0.4) -> FloatArray:
    """Four sentences with a pause before each but the first."""
    said = join([say(text, Voice(voice, rate=rate)) for text in SENTENCES], [0.0, pause, pause, pause])
    at = np.arange(0, said.seconds, 1 / SAMPLE_RATE)
    return levelled(np.interp(at, np.arange(len(said.samples)) / said.sample_rate, said.samples).astype(np.float32))


def levelled(samples: FloatArray, decibel: float = 0.0) -> FloatArray:
    """The same so many decibels above the usual level of speech."""
    return np.asarray(samples * (SPEECH_RMS * 10 ** (decibel / 20) / (rms(samples) + 1e-12)), dtype=np.float32)


def rms(samples: FloatArray) -> float:
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean()))


def under(samples: FloatArray, noise: FloatArray, decibel: float) -> FloatArray:
    """The samples with a noise so many decibels below them, both measured over their whole length."""
    return np.asarray(samples + noise[: len(samples)] * (rms(samples) / rms(noise) * 10 ** (-decibel / 20)), dtype=np.float32)


def silence(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


def white(seconds: float, seed: int = 7) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)


def pink(seconds: float, seed: int = 7) -> FloatArray:
    spectrum = np.fft.rfft(white(seconds, seed))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), round(seconds * SAMPLE_RATE)).astype(np.float32)


def babble(seconds: float) -> FloatArray:
    """Six people at once, none of them near."""
    count = round(seconds * SAMPLE_RATE)
    together = np.zeros(count, dtype=np.float32)
    for number, talker in enumerate(_talkers()):
        together += np.resize(np.roll(talker, number * 7919), count)
    return together


@cache
def _talkers() -> tuple[FloatArray, ...]:
    return tuple(spoken(name, rate=140 + 10 * number, pause=0.2) for number, name in enumerate(TALKERS))


def music(seconds: float, seed: int = 3) -> FloatArray:
    """A song without a singer: four chords, harmonics to each tone, a bass, a drum and a cymbal, 110 beats a minute."""
    random, count = np.random.default_rng(seed), round(seconds * SAMPLE_RATE)
    played = np.zeros(count + 2 * SAMPLE_RATE)
    beat = 60 / 110
    chords = ((57, 60, 64), (53, 57, 60), (60, 64, 67), (55, 59, 62))
    for number, start in enumerate(np.arange(0, seconds, beat)):
        chord = chords[number // 4 % 4]
        notes = [
            (chord[0] - 24, 0.5, beat),
            *((note, 0.22, beat) for note in chord),
            (int(random.choice(chord)) + 12, 0.3, beat / 2),
        ]
        for note, loud, lasts in notes:
            _add(played, start, loud * _tone(440 * 2 ** ((note - 69) / 12), lasts * 1.5))
        _add(played, start, _drum())
        _add(played, start + beat / 2, 0.25 * random.standard_normal(1600) * np.exp(-np.arange(1600) / 300))
    return played[:count].astype(np.float32)


def _tone(hertz: float, seconds: float) -> npt.NDArray[np.float64]:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = sum(np.sin(2 * np.pi * hertz * k * at) / k**1.3 for k in range(1, 9) if hertz * k < 7000)
    return np.asarray(harmonics * np.minimum(1, at / 0.01) * np.exp(-at / 0.4))


def _drum() -> npt.NDArray[np.float64]:
    at = np.arange(3200) / SAMPLE_RATE
    return np.asarray(np.sin(2 * np.pi * (50 * at + 3 * (1 - np.exp(-at / 0.03)))) * np.exp(-at / 0.06))


def _add(whole: npt.NDArray[np.float64], start: float, part: npt.NDArray[np.float64]) -> None:
    first = round(start * SAMPLE_RATE)
    part = part[: max(0, len(whole) - first)]
    whole[first : first + len(part)] += part


def vowel(name: str, pitch: npt.NDArray[np.float64]) -> FloatArray:
    """A sung vowel: pulses at the pitch (n,) in Hz through three formants (Peterson and Barney 1952)."""
    phase = np.cumsum(pitch / SAMPLE_RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    sound = lfilter([1], [1, -0.96], pulses)
    for hertz in FORMANTS[name]:
        radius = np.exp(-np.pi * (60 + 0.04 * hertz) / SAMPLE_RATE)
        sound = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / SAMPLE_RATE), radius**2], sound)
    return np.asarray(lfilter([1, -1], [1], sound), dtype=np.float32)


def singing(seconds: float, vowels: Sequence[str] = "aoeiu", each: float = 2.0) -> FloatArray:
    """Long vowels, half a tone of vibrato six times a second."""
    parts = []
    for number in range(int(np.ceil(seconds / each))):
        at = np.arange(round(each * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = 220 * 2 ** (([0, 4, 7, 5][number % 4] + 0.5 * np.sin(2 * np.pi * 6 * at)) / 12)
        parts.append(
            levelled(vowel(vowels[number % len(vowels)], pitch)) * (1 + 0.15 * np.sin(2 * np.pi * 6 * at)).astype(np.float32)
        )
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE)]


def breath(seconds: float, seed: int = 5) -> FloatArray:
    """Air drawn in and let out, a second each: noise as a vocal tract colours it."""
    noise = _band(white(seconds, seed), 300, 5000) + 2 * _band(white(seconds, seed + 1), 900, 2200)
    at = np.arange(len(noise)) / SAMPLE_RATE
    return np.asarray(noise * np.abs(np.sin(np.pi * at)) ** 1.5, dtype=np.float32)


def laughter(seconds: float, seed: int = 5) -> FloatArray:
    """Ha-ha-ha: five short breathy vowels a second, falling in pitch, and a breath after every second and a half."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    within = at % 2.0
    pitch = 280 * 2 ** (-within / 3) * (1 + 0.02 * np.random.default_rng(seed).standard_normal())
    pulse = np.maximum(0, np.sin(2 * np.pi * 5 * at)) * (within < 1.5)
    air = _band(white(seconds, seed), 500, 5000)
    return np.asarray(
        levelled(vowel("a", pitch)) * pulse + levelled(air, -14) * (1 - pulse) * np.where(within < 1.5, 1, 0.5),
        dtype=np.float32,
    )


def _band(samples: FloatArray, low: float, high: float) -> FloatArray:
    return np.asarray(sosfiltfilt(butter(4, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos"), samples), dtype=np.float32)


def telephone(samples: FloatArray) -> FloatArray:
    """300 to 3400 Hz, 8 kHz, mu-law of eight bits (ITU-R G.711)."""
    from scipy.signal import resample_poly

    narrow = resample_poly(_band(samples, 300, 3400), 1, 2)
    narrow = narrow / np.abs(narrow).max()
    compressed = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    coded = np.round(compressed * 127) / 127
    return np.asarray(resample_poly(np.sign(coded) * (256 ** np.abs(coded) - 1) / 255, 2, 1), dtype=np.float32)


def clipped(samples: FloatArray, decibel: float) -> FloatArray:
    """Turned up so far beyond full scale that it is cut off there."""
    return np.clip(samples / np.abs(samples).max() * 10 ** (decibel / 20), -1, 1).astype(np.float32)


def hum(seconds: float) -> FloatArray:
    """A mains transformer: 50 Hz and what belongs to it."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return sum(np.sin(2 * np.pi * 50 * k * at + k) / k for k in (1, 2, 3, 4, 6)).astype(np.float32)


def rumble(seconds: float) -> FloatArray:
    """Wind and lorries below what is heard: 4 to 18 Hz."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return sum(np.sin(2 * np.pi * hertz * at + hertz) for hertz in (4.3, 7.1, 11.9, 17.7)).astype(np.float32)


def shouted(samples: FloatArray) -> FloatArray:
    """Loud voices are brighter and hardly vary in level: six decibels an octave from 500 Hz to 2 kHz, and compressed."""
    bright = samples + 2.0 * _band(samples, 1200, 4500)
    level = np.sqrt(lfilter([0.005], [1, -0.995], bright.astype(np.float64) ** 2)) + 1e-4
    return levelled((bright / level**0.5).astype(np.float32), 12)


def tempo(samples: FloatArray, factor: float) -> FloatArray:
    """So many times as fast at the same pitch, by ffmpeg."""
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0"]
    command += ["-af", f"atempo={factor}", "-f", "f32le", "pipe:1"]
    return np.frombuffer(subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True).stdout, np.float32)
