"""Phonemes to mouth shapes over time.

Co-articulation after M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every
phoneme has a target for each channel and a dominance that rises before it and falls after it; what is seen at any time is
the mean of all targets weighted by their dominances. Lip closure (p b m) and the lower lip's tuck (f v) are not averaged:
they are reached, whatever stands next to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.lips import MouthShape
from lipsync.synthetic.speech import SILENCE, Phoneme, Utterance

FloatArray = NDArray[np.float64]

LEAD_SECONDS = 0.02
"""The lips move this much before the sound."""
RISE_SECONDS = 0.055
FALL_SECONDS = 0.065
SHARPNESS = 1.3
"""Dominance is exp(-(distance / RISE or FALL) ** SHARPNESS) outside a phoneme's core."""
SEAL_SECONDS = 0.035
STEP_SECONDS = 0.004
BRIEF_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Gesture:
    """Where a phoneme wants the mouth, and how much it insists.

    target: aperture, width, protrusion, jaw (units of MouthShape); dominance: weight of each of them; ease: how much
    slower than usual its dominance rises and falls
    """

    target: tuple[float, float, float, float]
    dominance: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    seals: bool = False
    tucks: bool = False
    ease: float = 1.0


REST = Gesture((0.0, 0.0, 0.0, 0.02), (1.2, 0.6, 0.6, 1.2), ease=1.7)
BRIEF_REST = Gesture((0.06, 0.0, 0.0, 0.06), (0.35, 0.2, 0.2, 0.35))

VOWELS: dict[str, Gesture] = {
    symbol: Gesture(target)
    for symbols, target in (
        ("i", (0.26, 0.85, 0.0, 0.20)),
        ("ɪɨɯ", (0.32, 0.50, 0.0, 0.30)),
        ("e", (0.42, 0.65, 0.0, 0.42)),
        ("ɛ", (0.58, 0.50, 0.0, 0.56)),
        ("æ", (0.75, 0.50, 0.0, 0.78)),
        ("a", (0.92, 0.30, 0.0, 0.92)),
        ("ɑ", (0.90, 0.05, 0.10, 0.92)),
        ("ɐ", (0.72, 0.20, 0.0, 0.72)),
        ("ʌ", (0.64, 0.10, 0.0, 0.62)),
        ("əɘɤ", (0.40, 0.10, 0.0, 0.40)),
        ("ɚɜɝɞ", (0.44, -0.10, 0.25, 0.44)),
        ("ɔ", (0.62, -0.50, 0.60, 0.62)),
        ("ɒ", (0.76, -0.40, 0.50, 0.80)),
        ("oɵ", (0.44, -0.70, 0.80, 0.46)),
        ("ʊ", (0.32, -0.60, 0.70, 0.32)),
        ("uʉ", (0.22, -0.90, 1.0, 0.22)),
        ("yʏ", (0.22, -0.70, 0.90, 0.22)),
        ("øœ", (0.42, -0.50, 0.70, 0.45)),
        ("ɶ", (0.70, -0.20, 0.40, 0.80)),
        ("ɿʅ", (0.22, 0.30, 0.0, 0.16)),
    )
    for symbol in symbols
}
CONSONANTS: dict[str, Gesture] = {
    symbol: gesture
    for symbols, gesture in (
        ("pbmɓʙʘ", Gesture((0.0, 0.0, 0.10, 0.15), (6.0, 0.3, 0.3, 1.5), seals=True)),
        ("fvʋɱⱱ", Gesture((0.08, 0.10, 0.10, 0.15), (4.0, 0.5, 0.4, 1.5), tucks=True)),
        ("ɸβ", Gesture((0.08, 0.10, 0.10, 0.15), (4.0, 0.5, 0.4, 1.5))),
        ("wʍɥ", Gesture((0.14, -0.90, 1.0, 0.20), (3.0, 3.0, 3.0, 1.0))),
        ("ʃʒɕʑʂʐɹɻɧ", Gesture((0.25, -0.35, 0.50, 0.15), (1.5, 1.3, 1.5, 1.8))),
        ("sz", Gesture((0.20, 0.30, 0.0, 0.06), (1.5, 0.6, 0.5, 3.0))),
        ("tdnɾɲɗɖʈɳɟcʄǀǃǂ", Gesture((0.25, 0.10, 0.0, 0.20), (0.7, 0.25, 0.25, 0.9))),
        ("lɫʎɭɬɮʟǁ", Gesture((0.35, 0.10, 0.0, 0.35), (0.5, 0.2, 0.2, 0.5))),
        ("rʀʁɽɺ", Gesture((0.33, 0.0, 0.15, 0.33), (0.4, 0.2, 0.2, 0.4))),
        ("kɡgxɣŋçʝqɢɠʛχɴɰ", Gesture((0.35, 0.0, 0.05, 0.35), (0.3, 0.12, 0.12, 0.3))),
        ("hɦʔħʕʜʢʡ", Gesture((0.40, 0.0, 0.0, 0.40), (0.12, 0.08, 0.08, 0.12))),
        ("θð", Gesture((0.30, 0.10, 0.0, 0.18), (1.2, 0.3, 0.3, 1.3))),
        ("j", Gesture((0.25, 0.50, 0.0, 0.20), (0.7, 0.7, 0.6, 0.7))),
    )
    for symbol in symbols
}
GESTURES = VOWELS | CONSONANTS


@dataclass(frozen=True, slots=True)
class Segment:
    """One sound: an IPA letter or SILENCE, what the mouth does for it, and from when to when in seconds."""

    symbol: str
    gesture: Gesture
    start: float
    end: float


def segments(phonemes: Iterable[Phoneme]) -> list[Segment]:
    """One segment for each sound; diphthongs and affricates become two, the first part of a diphthong longer."""
    result: list[Segment] = []
    for phoneme in phonemes:
        known = [symbol for symbol in phoneme.symbol if symbol in GESTURES][:3]
        length = phoneme.end - phoneme.start
        if not known or phoneme.symbol == SILENCE:
            rest = REST if length >= BRIEF_PAUSE_SECONDS else BRIEF_REST
            result.append(Segment(SILENCE, rest, phoneme.start, phoneme.end))
            continue
        shares = np.ones(len(known))
        if len(known) > 1 and known[0] in VOWELS and known[1] in VOWELS:
            shares[0] = 1.4
        bounds = phoneme.start + length * np.concatenate([[0], np.cumsum(shares) / shares.sum()])
        result += [
            Segment(symbol, GESTURES[symbol], float(start), float(end))
            for symbol, start, end in zip(known, bounds[:-1], bounds[1:], strict=True)
        ]
    return result


def channels(phonemes: Iterable[Phoneme], times: FloatArray) -> FloatArray:
    """(len(times), 6): aperture, width, protrusion, jaw, closure, tuck at each time in seconds."""
    total = np.zeros((len(times), 4))
    weight = np.full((len(times), 4), 1e-6)
    seal, tuck = np.zeros(len(times)), np.zeros(len(times))
    for segment in segments(phonemes):
        start, end = segment.start - LEAD_SECONDS, segment.end - LEAD_SECONDS
        near = np.flatnonzero((times > start - 0.35) & (times < end + 0.35))
        moment = times[near]
        core = min(0.25 * (end - start), 0.05)
        before = np.maximum(0, start + core - moment) / (RISE_SECONDS * segment.gesture.ease)
        after = np.maximum(0, moment - end + core) / (FALL_SECONDS * segment.gesture.ease)
        presence = np.exp(-(before**SHARPNESS) - after**SHARPNESS)
        dominance = presence[:, None] * np.array(segment.gesture.dominance)
        total[near] += dominance * np.array(segment.gesture.target)
        weight[near] += dominance
        contact = np.exp(-np.maximum(0, np.maximum(start - moment, moment - end)) / SEAL_SECONDS)
        if segment.gesture.seals:
            seal[near] = np.maximum(seal[near], contact)
        if segment.gesture.tucks:
            tuck[near] = np.maximum(tuck[near], contact)
    return np.column_stack([total / weight, seal, tuck])


def mouth_shapes(utterance: Utterance, frame_rate: float) -> list[MouthShape]:
    """The shape in every frame of a film of the utterance; frame i is exposed around (i + 1/2) / frame_rate."""
    count = round(utterance.seconds * frame_rate)
    fine = np.arange(0, count / frame_rate, STEP_SECONDS)
    path = channels(utterance.phonemes, fine)
    shapes = []
    for middle in (np.arange(count) + 0.5) / frame_rate:
        exposed = path[np.abs(fine - middle) <= 0.3 / frame_rate, :4].mean(0)
        contact = path[np.abs(fine - middle) <= 0.5 / frame_rate, 4:].max(0)
        closure = float(np.clip((contact[0] - 0.25) / 0.6, 0, 1))
        shapes.append(MouthShape(*(float(value) for value in (*exposed, closure, contact[1]))))
    return shapes
