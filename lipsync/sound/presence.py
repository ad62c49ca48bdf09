"""Whether a take's sound comes from a certain mouth: for choosing among several people, on short parts of the take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.media.sound import SAMPLE_RATE, read_sound
from lipsync.sound.features import TAPS_SECONDS, SoundFeatures, sound_features
from lipsync.sound.offset import LARGEST_OFFSET_SECONDS, STEP_SECONDS, Answer, agreement

# Sound around a part that is needed to slide it along the picture.
_MARGIN_SECONDS = LARGEST_OFFSET_SECONDS + float(TAPS_SECONDS[-1])
_SHORTEST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SoundPart:
    """The sound of one part of a take. start, end: seconds of the part; origin: second of the sound's first row"""

    start: float
    end: float
    origin: float
    sound: SoundFeatures


def listen_to_parts(path: Path, parts: list[tuple[float, float]]) -> list[SoundPart]:
    """The sound of parts of a take, given by their first and last seconds in growing order.

    Raises UnusableInput (`no_sound`) when the take's sound cannot be decoded.
    """
    heard = []
    reach = [(start - _MARGIN_SECONDS, end + _MARGIN_SECONDS) for start, end in parts]
    for (start, end), (origin, samples) in zip(parts, _samples(path, reach), strict=True):
        if len(samples) > _SHORTEST_SECONDS * SAMPLE_RATE:
            heard.append(SoundPart(start, end, origin, sound_features([samples])))
    return heard


def presence(parts: list[SoundPart], times: DoubleArray, measures: DoubleArray, generic: Answer) -> float:
    """How well the sound fits a mouth at the best offset within 0.4 s: a speaker's .4 to 1.2, by chance up to .3.

    times: (n,) seconds; measures: (n, MEASURES) standardised; frames outside the parts are left out
    """
    offsets = np.arange(-LARGEST_OFFSET_SECONDS, LARGEST_OFFSET_SECONDS + 1e-9, STEP_SECONDS)
    within = [(times >= part.start) & (times < part.end) for part in parts]
    if not any(inside.sum() > 1 for inside in within):
        return 0.0
    shown = np.concatenate([measures[inside] for inside in within])
    return max(
        agreement(
            np.concatenate(
                [
                    generic(part.sound.at(times[inside] - part.origin + offset))
                    for part, inside in zip(parts, within, strict=True)
                ]
            ),
            shown,
        )
        for offset in offsets
    )


def _samples(path: Path, spans: list[tuple[float, float]]) -> Iterator[tuple[float, FloatArray]]:
    """(second of the first sample, samples) of each span, reading the sound once and keeping what the next span needs."""
    blocks = read_sound(path)
    kept: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    first = 0
    for start, end in spans:
        low, high = max(0, int(start * SAMPLE_RATE)), int(end * SAMPLE_RATE)
        while first + len(kept) < high:
            block = next(blocks, None)
            if block is None:
                break
            drop = min(len(kept), max(0, low - first))
            kept = np.concatenate([kept[drop:], block])
            first += drop
        drop = min(len(kept), max(0, low - first))
        kept = kept[drop:]
        first += drop
        yield first / SAMPLE_RATE, kept[: max(0, high - first)]
    blocks.close() if hasattr(blocks, "close") else None
