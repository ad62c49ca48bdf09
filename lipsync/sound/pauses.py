"""What the mouth does while nobody speaks: a pause closes it as far as this speaker closes it, a long silence wholly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from lipsync.faces.pose import DoubleArray
from lipsync.sound.features import BANDS, RATE, SoundFeatures
from lipsync.sound.network import RATE as NETWORK_RATE

SILENCE_DECIBEL = -32.0
# How surely the network must hear no speech, as a mean over so long. Long vowels are silence to it: what is sung is told by
# its voicing, and by being louder than wind and hum.
NO_SPEECH, NO_SPEECH_SECONDS = 0.8, 0.42
SUNG_VOICING, SUNG_DECIBEL, SUNG_ROWS = 0.75, -15.0, 21
SHORTEST_PAUSE_SECONDS, FULL_PAUSE_SECONDS = 0.2, 0.6
SHORT_SHARE = 0.4
# Beyond this a mouth that stays open looks forgotten, whatever the speaker's habit.
LONG_SECONDS, LONGEST_SECONDS = 1.2, 2.0
FADE_SECONDS = 0.12
# The fade reaches this far into a pause; what the mouth does there belongs to the speech around it.
_EDGE_SECONDS = 0.06
# How much of imaginary pause, in frames, says that the speaker does as most do.
PRIOR_FRAMES = 40.0
MOST_HABIT = 1.25


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence from `start` to `end`, seconds; at_edge: nothing is said before it, or after it"""

    start: float
    end: float
    at_edge: bool

    @property
    def share(self) -> float:
        """How far most speakers come to rest in it: short pauses in speech only relax the mouth."""
        if self.at_edge:
            return 1.0
        long = (self.end - self.start - SHORTEST_PAUSE_SECONDS) / (FULL_PAUSE_SECONDS - SHORTEST_PAUSE_SECONDS)
        return SHORT_SHARE + (1 - SHORT_SHARE) * float(np.clip(long, 0, 1))


def find_pauses(sound: SoundFeatures) -> list[Pause]:
    """Where nobody speaks, in order: it is silent, or what sounds is no speech."""
    quiet = np.concatenate([[False], (sound.loudness < SILENCE_DECIBEL) | _no_speech(sound), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    return [
        Pause(start / RATE, end / RATE, at_edge=start == 0 or end == len(sound.loudness))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        if end - start >= SHORTEST_PAUSE_SECONDS * RATE
    ]


def _no_speech(sound: SoundFeatures) -> npt.NDArray[np.bool_]:
    """(m,) where the network hears no speech in what sounds: noise, music, a breath; what is sung counts as speech."""
    silent, count = sound.heard.classes[:, 0], len(sound.loudness)
    if len(silent) == 0:
        return np.zeros(count, dtype=np.bool_)
    likely = uniform_filter1d(silent, round(NO_SPEECH_SECONDS * NETWORK_RATE), mode="nearest")
    rows = np.minimum(np.arange(count) // 2, len(silent) - 1)
    voicing = uniform_filter1d(sound.rows[:, BANDS + 1].astype(np.float32), SUNG_ROWS, mode="nearest")
    sung = (voicing > SUNG_VOICING) & (sound.loudness > SUNG_DECIBEL)
    return np.asarray((likely[rows] > NO_SPEECH) & ~sung)


def stillness(sound: SoundFeatures, times: DoubleArray, habit: float = 1.0) -> DoubleArray:
    """(n,) 0 to 1: how far the mouth shall be at rest at the given times, seconds.

    habit: how far this speaker comes to rest in pauses, against most speakers
    """
    still = np.zeros(len(sound.loudness))
    for pause in find_pauses(sound):
        long = np.clip((pause.end - pause.start - LONG_SECONDS) / (LONGEST_SECONDS - LONG_SECONDS), 0, 1)
        share = 1.0 if pause.at_edge else max(min(1.0, pause.share * habit), float(long))
        still[round(pause.start * RATE) : round(pause.end * RATE)] = share
    faded = gaussian_filter1d(still, FADE_SECONDS / 3 * RATE, mode="nearest")
    return np.interp(times * RATE, np.arange(len(faded)), faded, left=1.0, right=1.0)


def habit_of(sound: SoundFeatures, times: DoubleArray, answers: DoubleArray, apertures: DoubleArray, rest: float) -> float:
    """How far a speaker comes to rest in pauses, 0 to MOST_HABIT; 1 for who does as most do or hardly pauses.

    By least squares on the take's own pauses, drawn towards 1.
    times: (n,) seconds in the sound; answers: (n,) the aperture that the sound alone would give; apertures: (n,) true
    """
    shares = np.zeros(len(times))
    for pause in find_pauses(sound):
        inside = (times >= pause.start + _EDGE_SECONDS) & (times < pause.end - _EDGE_SECONDS)
        shares[inside] = 0.0 if pause.at_edge else pause.share
    within = shares > 0
    if not within.any():
        return 1.0
    towards = shares[within] * (rest - answers[within])
    usual = float(np.mean((rest - answers) ** 2)) + 1e-9
    found = float(((apertures[within] - answers[within]) * towards).sum())
    return float(np.clip((found + PRIOR_FRAMES * usual) / (float((towards**2).sum()) + PRIOR_FRAMES * usual), 0, MOST_HABIT))
