"""Shards: who speaks what in them, the sound, what is heard and what the mouth does.

Everything that is drawn by chance comes from the seed, the shard's number and the utterance's number, so that a shard is
the same whoever makes it and whenever.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.errors import ToolFailed
from lipsync.media.sound import SAMPLE_RATE
from lipsync.sound import features
from lipsync.synthetic.speech import Utterance
from lipsync.training.speech import espeak, festival, flite, texts
from lipsync.training.speech.articulation import targets
from lipsync.training.speech.augmentation import disturb
from lipsync.training.speech.speakers import Request, Speaker, draw
from lipsync.training.speech.variation import at_rate, pad, vary

UTTERANCES = 80
HELD_OUT_UTTERANCES = 150
HELD_OUT = "held_out.npz"
TEXTS = "texts.json"
ATTEMPTS = 6
CLEAN_SHARE = 0.1
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 14.0
FEWEST_PHONEMES = 5
BABBLE_VOICES, BABBLE_SECONDS = 30, 4
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Synthesiser:
    """package: what to install; hours: of nine, its part of the whole; seconds: length of its usual utterance, with pauses"""

    package: str
    hours: float
    seconds: float
    speakers: Callable[[], tuple[Speaker, ...]]
    speak: Callable[[Sequence[Request]], list[Utterance | None]]


SYNTHESISERS = {
    "espeak": Synthesiser("espeak-ng", 5.5, 5.6, espeak.speakers, espeak.speak),
    "flite": Synthesiser("flite", 1.9, 5.9, flite.speakers, flite.speak),
    "festival": Synthesiser("festival", 1.6, 6.4, festival.speakers, festival.speak),
}


@dataclass(frozen=True, slots=True)
class Shard:
    """One file to be made: by which synthesiser, its number (0: held out), how many utterances."""

    folder: Path
    synthesiser: str
    number: int
    seed: int
    count: int

    @property
    def path(self) -> Path:
        """Where it goes."""
        return self.folder / (f"{self.synthesiser}-{self.number:03d}.npz" if self.number else HELD_OUT)


@dataclass(frozen=True, slots=True)
class _Example:
    voice: str
    clean: bool
    levels: npt.NDArray[np.float16]
    voicing: npt.NDArray[np.float16]
    channels: npt.NDArray[np.float16]
    classes: npt.NDArray[np.uint8]


def plan(folder: Path, hours: float, seed: int, present: Sequence[str]) -> list[Shard]:
    """All shards, the synthesisers mixed in their proportion from the first shard on; then the held-out one."""
    wanted = {name: SYNTHESISERS[name].hours for name in present}
    shards: list[Shard] = []
    spoken = dict.fromkeys(present, 0.0)
    while sum(spoken.values()) < hours * 3600:
        name = min(present, key=lambda each: (spoken[each] + UTTERANCES * SYNTHESISERS[each].seconds) / wanted[each])
        spoken[name] += UTTERANCES * SYNTHESISERS[name].seconds
        shards.append(Shard(folder, name, len(shards) + 1, seed, UTTERANCES))
    if any(speaker.held_out for name in present for speaker in cast(name)):
        shards.append(Shard(folder, "festival", 0, seed, HELD_OUT_UTTERANCES))
    return shards


@cache
def cast(name: str) -> tuple[Speaker, ...]:
    """The synthesiser's speakers on this machine."""
    return SYNTHESISERS[name].speakers()


def collect_texts(folder: Path) -> None:
    """Write what there is to say, once."""
    path = folder / TEXTS
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(json.dumps(texts.sentences_by_language(), ensure_ascii=False))
        part.rename(path)


@cache
def _texts(folder: Path) -> dict[str, list[str]]:
    return dict(json.loads((folder / TEXTS).read_text()))


def make(shard: Shard) -> float:
    """Write one shard and say how many seconds of speech it holds."""
    spoken = _spoken(shard)
    babble = [at_rate(utterance).samples[: BABBLE_SECONDS * SAMPLE_RATE] for _, utterance in spoken[:BABBLE_VOICES]]
    others = [samples / (np.abs(samples).max() + np.float32(1e-6)) for samples in babble]
    examples = [
        _example(request, utterance, others[:number] + others[number + 1 :], _source(shard, number, ATTEMPTS))
        for number, (request, utterance) in enumerate(spoken)
    ]
    lengths = np.array([len(example.levels) for example in examples], np.int32)
    part = shard.path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            levels=np.concatenate([example.levels for example in examples]),
            voicing=np.concatenate([example.voicing for example in examples]),
            channels=np.concatenate([example.channels for example in examples]),
            classes=np.concatenate([example.classes for example in examples]),
            lengths=lengths,
            voices=np.array([example.voice for example in examples]),
            clean=np.array([example.clean for example in examples]),
        )
    part.rename(shard.path)
    return float(lengths.sum()) / features.RATE


def _source(shard: Shard, number: int, attempt: int) -> np.random.Generator:
    return np.random.default_rng([shard.seed, shard.number, number, attempt])


def _spoken(shard: Shard) -> list[tuple[Request, Utterance]]:
    """Every utterance of the shard; one that fails is drawn anew. Raises ToolFailed (`speech_failed`)."""
    sentences = _texts(shard.folder)
    held_out = shard.number == 0
    speakers = [s for s in cast(shard.synthesiser) if s.held_out == held_out and s.language in sentences]
    found: dict[int, tuple[Request, Utterance]] = {}
    for attempt in range(ATTEMPTS):
        missing = [number for number in range(shard.count) if number not in found]
        requests = [_request(speakers, sentences, _source(shard, number, attempt)) for number in missing]
        spoken = SYNTHESISERS[shard.synthesiser].speak(requests) if requests else []
        for number, request, utterance in zip(missing, requests, spoken, strict=True):
            if utterance and usable(utterance):
                found[number] = request, utterance
        silent = sum(utterance is None for utterance in spoken)
        if silent:
            log.warning("%s: %d of %d utterances failed and are made up for", shard.path.name, silent, len(requests))
    if len(found) < shard.count:
        raise ToolFailed("speech_failed", f"{shard.synthesiser} has spoken {len(found)} of {shard.count} utterances.")
    return [found[number] for number in range(shard.count)]


def _request(speakers: list[Speaker], sentences: dict[str, list[str]], random_source: np.random.Generator) -> Request:
    return draw(speakers, lambda language: texts.draw(sentences[language], random_source), random_source)


def usable(utterance: Utterance) -> bool:
    """Neither a stray syllable nor a monologue."""
    return SHORTEST_SECONDS <= utterance.seconds <= LONGEST_SECONDS and len(utterance.phonemes) >= FEWEST_PHONEMES


def _example(
    request: Request, utterance: Utterance, others: list[npt.NDArray[np.float32]], random_source: np.random.Generator
) -> _Example:
    share = 0.5 if request.speaker.held_out else CLEAN_SHARE
    clean = bool(random_source.random() < share)
    whole = pad(at_rate(utterance) if clean else vary(utterance, random_source), random_source)
    samples = whole.samples if clean else disturb(whole, others, random_source)
    levels, voicing = heard(np.asarray(samples, dtype=np.float32))
    path, classes = targets(whole.phonemes, np.arange(len(levels)) / features.RATE)
    return _Example(request.label, clean, levels, voicing, path.astype(np.float16), classes)


def heard(samples: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
    """(m, 40) level of each mel band in dB / 20, nothing normalised, and (m,) voicing 0..1, 100 times a second."""
    rows = np.concatenate([features._piece(windows) for windows in features._windows([samples])])
    return (rows[:, : features.BANDS] / 20).astype(np.float16), rows[:, features.BANDS + 1].astype(np.float16)
