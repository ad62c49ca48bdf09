"""A finished video at a glance, for showing: the plan and the voice go in, short rows of numbers come out.

How loud the voice is, what the mouth was asked to do and what it does, where the take passes as it is and why, what is
spoken when, and which frame of the take lies under which frame of the video.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync.analysis import Analysis
from lipsync.faces.pose import DoubleArray
from lipsync.gate import REASONS
from lipsync.plan import Plan
from lipsync.quality import Rows
from lipsync.shapes import apertures_of_lips
from lipsync.sound.features import RATE, SoundFeatures
from lipsync.sound.utterance import sounds_of, speech_of

# As many as a wide screen has room for.
MOST_POINTS = 1000
# Beyond, single sounds are too narrow to be seen or pointed at.
LONGEST_WITH_SOUNDS_SECONDS = 120.0
QUIETEST_DECIBEL = -50.0
# From the opening of this speaker's closed mouth to that of the wide one.
CLOSED_PERCENTILE, WIDE_PERCENTILE = 2, 98
WIDEST_PERCENT = 120
PASSES_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class Overview:
    """Rows of `len(loudness)` points, `step` seconds apart; spans in seconds of the video.

    loudness: percent, 0 is 50 dB below the voice's loud moments
    wanted, painted: percent of this speaker's range between closed and wide open; painted: None where no face was seen
    speech: (start, end); sounds: (class of `phonemes.CLASSES`, start, end), none for a long video
    passed: (start, end, reason of `gate.REASONS`) where the take's own mouth is shown
    runs: (first frame of the video, frame of the take, 1 forwards, -1 backwards or 0 held), in order
    quality: how well it came out over time, in rows of their own; None where that was not measured
    """

    step: float
    loudness: tuple[int, ...]
    wanted: tuple[int, ...]
    painted: tuple[int | None, ...]
    speech: tuple[tuple[float, float], ...]
    sounds: tuple[tuple[str, float, float], ...]
    passed: tuple[tuple[float, float, str], ...]
    runs: tuple[tuple[int, int, int], ...]
    quality: Rows | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def overview_of(analysis: Analysis, plan: Plan, voice: SoundFeatures) -> Overview:
    """A video made by this plan for this voice."""
    rate = float(analysis.facts.frame_rate)
    seconds = len(plan) / rate
    edges = np.linspace(0, len(plan), min(len(plan), MOST_POINTS) + 1).astype(np.intp)
    wanted, painted = (_peaks(_percent(values, analysis), edges) for values in _openings(analysis, plan))
    sounds = sounds_of(voice) if seconds <= LONGEST_WITH_SOUNDS_SECONDS else []
    return Overview(
        step=round(seconds / (len(edges) - 1), 6),
        loudness=tuple(_loudness(voice, edges / rate)),
        wanted=tuple(0 if value is None else value for value in wanted),
        painted=tuple(painted),
        speech=tuple(
            (round(span.start, 3), round(min(span.end, seconds), 3)) for span in speech_of(voice) if span.start < seconds
        ),
        sounds=tuple((span.name, round(span.start, 3), round(span.end, 3)) for span in sounds if span.end <= seconds),
        passed=tuple(_passed(analysis, plan, rate)),
        runs=tuple(runs(plan.base)),
    )


def runs(base: npt.NDArray[np.int32]) -> list[tuple[int, int, int]]:
    """Where the take's frames `base` (T,) go on by one, back by one or stay: see `Overview.runs`."""
    steps = np.diff(base.astype(np.int64))
    found, first = [], 0
    while first < len(base):
        step = int(steps[first]) if first < len(steps) else 0
        if abs(step) > 1:  # a jump right after one frame
            found.append((first, int(base[first]), 0))
            first += 1
            continue
        others = np.flatnonzero(steps[first:] != step)
        last = first + int(others[0]) if len(others) else len(base) - 1
        found.append((first, int(base[first]), step))
        first = last + 1
    return found


def _openings(analysis: Analysis, plan: Plan) -> tuple[DoubleArray, DoubleArray]:
    """(T,) IOD each: how far the mouth was asked to open, and how far it opens; not a number where no face was seen."""
    still = plan.mouth.still.astype(np.float64)
    resting = _aperture_at_rest(analysis)
    wanted = plan.mouth.values[:, 0] * (1 - still) + resting * still
    own = analysis.survey.observed.opening[plan.base, 0].astype(np.float64)
    painted = plan.strength * wanted + (1 - plan.strength) * np.nan_to_num(own)
    # Through a gap the track goes on by guesses.
    return np.asarray(wanted), np.where((plan.strength > 0) | analysis.survey.track.seen[plan.base], painted, np.nan)


def _aperture_at_rest(analysis: Analysis) -> float:
    return float(apertures_of_lips(analysis.predictor.rest[None])[0])


def _percent(values: DoubleArray, analysis: Analysis) -> DoubleArray:
    low, high = np.percentile(analysis.predictor.known[:, 0], (CLOSED_PERCENTILE, WIDE_PERCENTILE))
    return np.asarray(np.clip(100 * (values - low) / max(high - low, 1e-6), 0, WIDEST_PERCENT))


def _peaks(values: DoubleArray, edges: npt.NDArray[np.intp]) -> list[int | None]:
    """The highest value between each edge and the next; None where none is a number."""
    lowest = np.where(np.isnan(values), -1.0, values)
    return [None if peak < 0 else round(peak) for peak in np.maximum.reduceat(lowest, edges[:-1]).tolist()]


def _loudness(voice: SoundFeatures, moments: DoubleArray) -> list[int]:
    """Percent, the loudest between each moment and the next, 0 where the voice has ended."""
    rows = np.clip((moments * RATE).astype(np.intp), 0, len(voice.loudness))
    percent = np.clip(100 * (1 - voice.loudness / QUIETEST_DECIBEL), 0, 100)
    parts = zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True)
    return [round(float(percent[first : max(last, first + 1)].max(initial=0))) for first, last in parts]


def _passed(analysis: Analysis, plan: Plan, rate: float) -> list[tuple[float, float, str]]:
    """Stretches of the video in which the take's own mouth is shown, with the reason that most of their frames have."""
    reasons = np.full(len(analysis), -1)
    for gap in analysis.survey.gate.gaps:
        reasons[gap.first : gap.last + 1] = REASONS.index(gap.reason)
    passes = np.concatenate([[False], plan.strength < PASSES_BELOW, [False]])
    borders = np.flatnonzero(np.diff(passes)).reshape(-1, 2).tolist()
    found = []
    for first, end in borders:
        known = reasons[plan.base[first:end]]
        known = known[known >= 0]
        if len(known):
            reason = REASONS[int(np.bincount(known).argmax())]
            found.append((round(first / rate, 3), round(end / rate, 3), reason))
    return found
