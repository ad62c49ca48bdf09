"""Who speaks, and what: the words that all synthesisers share."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.speech import SILENCE, Phoneme


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of a synthesiser.

    label: synthesiser:voice, as in espeak:fr-fr; name: what the synthesiser calls it; language: of the texts it reads;
    weight: how often it is chosen; variants: endings of label and name that make it another speaker; held_out: kept from
    training, for looking at how well it went
    """

    label: str
    name: str
    language: str
    weight: float = 1.0
    variants: tuple[str, ...] = ()
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One text to be spoken. variant: of the speaker, or empty; tempo, pitch, liveliness: 0..1 of the synthesiser's range"""

    speaker: Speaker
    text: str
    variant: str
    tempo: float
    pitch: float
    liveliness: float

    @property
    def label(self) -> str:
        """Of the speaker, with the variant."""
        return self.speaker.label + self.variant


PLAIN = 0.15
"""So often a speaker with variants speaks without one."""


def draw(speakers: list[Speaker], text_in: Callable[[str], str], random_source: np.random.Generator) -> Request:
    """A request to one of the speakers. text_in: gives a text in a language"""
    weights = np.array([speaker.weight for speaker in speakers])
    speaker = speakers[random_source.choice(len(speakers), p=weights / weights.sum())]
    variant = ""
    if speaker.variants and random_source.random() > PLAIN:
        variant = speaker.variants[random_source.integers(len(speaker.variants))]
    tempo, pitch, liveliness = random_source.random(3)
    return Request(speaker, text_in(speaker.language), variant, float(tempo), float(pitch), float(liveliness))


def between(low: float, high: float, share: float) -> float:
    """The value at a share of the way from low to high."""
    return low + (high - low) * share


def from_ends(phones: list[tuple[str, float]], to_ipa: dict[str, str], seconds: float) -> tuple[Phoneme, ...]:
    """(phone, end in seconds) of a synthesiser -> phonemes in IPA; a phone without IPA is a pause."""
    starts = [0.0] + [end for _, end in phones[:-1]]
    return tuple(
        Phoneme(to_ipa.get(phone, SILENCE), start, min(end, seconds))
        for (phone, end), start in zip(phones, starts, strict=True)
        if min(end, seconds) > start
    )


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples -1..1 of a 16-bit mono file, and their rate."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        return samples, file.getframerate()
