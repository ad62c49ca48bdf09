"""What is spoken when, for showing: stretches of speech, and the broad kind of sound at every moment, in any language."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync.faces.tracker import FloatArray
from lipsync.sound.features import RATE as ROWS_PER_SECOND
from lipsync.sound.features import SoundFeatures
from lipsync.sound.network import RATE
from lipsync.sound.pauses import find_pauses
from lipsync.sound.phonemes import CLASSES

# What a change of sound costs, in nats: a sound lasts some 80 ms, and hardly one less than 30.
CHANGE_COST = 1.5
_FIRST_ROW_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts from `start` to `end`, seconds. name: one of `phonemes.CLASSES`, or `speech`"""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is spoken when. seconds: of the whole recording; speech: stretches between pauses; sounds: kinds of sound"""

    seconds: float
    speech: tuple[Span, ...]
    sounds: tuple[Span, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values: `speech` as [start, end], `sounds` as [name, start, end], in seconds."""
        return {
            "seconds": self.seconds,
            "speech": [[round(span.start, 3), round(span.end, 3)] for span in self.speech],
            "sounds": [[span.name, round(span.start, 3), round(span.end, 3)] for span in self.sounds],
        }


def utterance_of(sound: SoundFeatures) -> Utterance:
    """What is spoken in a recording."""
    return Utterance(len(sound.loudness) / ROWS_PER_SECOND, tuple(speech_of(sound)), tuple(sounds_of(sound)))


def speech_of(sound: SoundFeatures) -> list[Span]:
    """The stretches of speech between the pauses, in order."""
    seconds = len(sound.loudness) / ROWS_PER_SECOND
    borders = [0.0, *(moment for pause in find_pauses(sound) for moment in (pause.start, pause.end)), seconds]
    return [Span("speech", start, end) for start, end in zip(borders[::2], borders[1::2], strict=True) if end > start]


def sounds_of(sound: SoundFeatures) -> list[Span]:
    """The kind of sound at every moment, silence left out: the likeliest course of the network's classes (Viterbi 1967)."""
    if len(sound.heard.classes) == 0:
        return []
    path = _likeliest(np.log(sound.heard.classes + np.float32(1e-6)))
    for pause in find_pauses(sound):
        path[round(pause.start * RATE) : round(pause.end * RATE)] = 0
    borders = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [
        Span(CLASSES[path[first]], _seconds(first), _seconds(last)) for first, last in pairwise(borders) if path[first] != 0
    ]


def _likeliest(scores: FloatArray) -> npt.NDArray[np.intp]:
    """(m,) the course through scores (m, k) that is worth most when every change costs CHANGE_COST."""
    count = len(scores)
    stays = np.empty(scores.shape, dtype=np.bool_)
    best_before = np.zeros(count, dtype=np.intp)
    total = scores[0].astype(np.float64)
    for row in range(1, count):
        best = int(total.argmax())
        changed = total[best] - CHANGE_COST
        stays[row] = total >= changed
        best_before[row] = best
        total = np.maximum(total, changed) + scores[row]
    path = np.empty(count, dtype=np.intp)
    path[-1] = int(total.argmax())
    for row in range(count - 1, 0, -1):
        path[row - 1] = path[row] if stays[row, path[row]] else best_before[row]
    return path


def _seconds(row: int) -> float:
    """When a row of the network's answers begins."""
    return max(0.0, round(row / RATE - 0.5 / RATE + _FIRST_ROW_SECONDS, 3))
