"""Text to sound and phoneme timing by espeak-ng.

Leaves an Utterance; several sentences are joined with pauses of known length. Raises EnvironmentFault (`espeak_missing`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.errors import EnvironmentFault, ToolFailed
from lipsync.synthetic import espeak_worker

TIMEOUT_SECONDS = 60
SILENCE = "_"
QUIET = 0.01
"""Samples below this part of full scale at a sentence's ends are cut away; espeak-ng pads with silence."""


@dataclass(frozen=True, slots=True)
class Voice:
    """An espeak-ng voice. name: with variant, as in en-us+f2; rate: words per minute; pitch, range: 0..100"""

    name: str
    rate: int = 165
    pitch: int = 50
    range: int = 55


@dataclass(frozen=True, slots=True)
class Phoneme:
    """An IPA symbol (or SILENCE) from `start` to `end`, in seconds."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """samples: (n,) float32 -1..1; phonemes: without gaps, in order"""

    samples: NDArray[np.float32]
    sample_rate: int
    phonemes: tuple[Phoneme, ...]

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.samples) / self.sample_rate


def _missing(detail: str) -> EnvironmentFault:
    return EnvironmentFault(
        "espeak_missing",
        f"The synthetic take needs espeak-ng ({detail}). Install it, on Debian or Ubuntu with: apt-get install espeak-ng",
    )


def say(text: str, voice: Voice) -> Utterance:
    """Speak one sentence, without silence before and after it."""
    try:
        done = _run([(text, voice)], TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ToolFailed("espeak_failed", f"espeak-ng did not finish within {TIMEOUT_SECONDS} s.") from error
    if done.returncode == espeak_worker.EXIT_NO_LIBRARY:
        raise _missing("its library is not there")
    if done.returncode == espeak_worker.EXIT_NO_VOICE:
        raise _missing(f"it has no voice {voice.name}")
    if done.returncode != 0:
        raise ToolFailed(
            "espeak_failed",
            f"espeak-ng stopped with code {done.returncode}. Install it anew, on Debian or Ubuntu with: "
            "apt-get install --reinstall espeak-ng",
            log=done.stderr.decode(errors="replace"),
        )
    spoken = _utterances(done.stdout)
    if spoken[0] is None:
        raise ToolFailed("espeak_failed", "espeak-ng gave no sound. Install it anew.")
    return spoken[0]


def say_each(sentences: Sequence[tuple[str, Voice]]) -> list[Utterance | None]:
    """Speak many sentences in one process. None: gave no sound; the list is shorter where the library crashed."""
    try:
        output = _run(sentences, TIMEOUT_SECONDS + len(sentences)).stdout
    except subprocess.TimeoutExpired as error:
        output = error.output or b""
    return _utterances(output)


def _run(sentences: Sequence[tuple[str, Voice]], seconds: float) -> subprocess.CompletedProcess[bytes]:
    requests = [
        json.dumps({"text": text, "voice": voice.name, "rate": voice.rate, "pitch": voice.pitch, "range": voice.range})
        for text, voice in sentences
    ]
    command = [sys.executable, "-I", str(Path(espeak_worker.__file__))]
    return subprocess.run(command, input="\n".join(requests).encode(), capture_output=True, timeout=seconds, check=False)


def _utterances(output: bytes) -> list[Utterance | None]:
    """What the worker wrote, as far as it came."""
    spoken: list[Utterance | None] = []
    while b"\n" in output:
        head, _, output = output.partition(b"\n")
        header = json.loads(head)
        if len(output) < 2 * header["samples"]:
            break
        samples = np.frombuffer(output, "<i2", count=header["samples"]).astype(np.float32) / 32768
        spoken.append(_trimmed(samples, int(header["sample_rate"]), header["phonemes"]))
        output = output[2 * header["samples"] :]
    return spoken


def _trimmed(samples: NDArray[np.float32], sample_rate: int, events: list[tuple[str, float]]) -> Utterance | None:
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    if not len(loud):
        return None
    first, last = int(loud[0]), int(loud[-1]) + 1
    offset, seconds = first / sample_rate, (last - first) / sample_rate
    starts = [min(max(start - offset, 0.0), seconds) for _, start in events] + [seconds]
    phonemes = tuple(
        Phoneme(symbol or SILENCE, start, end)
        for (symbol, _), start, end in zip(events, starts[:-1], starts[1:], strict=True)
        if end > start
    )
    return Utterance(samples[first:last], sample_rate, phonemes)


def join(sentences: list[Utterance], pauses: list[float], seconds: float | None = None) -> Utterance:
    """Sentences in a row. pauses: seconds of silence before each; seconds: length of the whole (cut or filled)."""
    sample_rate = sentences[0].sample_rate
    parts: list[NDArray[np.float32]] = []
    phonemes: list[Phoneme] = []
    now = 0.0
    for sentence, pause in zip(sentences, pauses, strict=True):
        gap = np.zeros(round(pause * sample_rate), np.float32)
        start = now + len(gap) / sample_rate
        phonemes.append(Phoneme(SILENCE, now, start))
        phonemes += [Phoneme(p.symbol, p.start + start, p.end + start) for p in sentence.phonemes]
        parts += [gap, sentence.samples]
        now = start + sentence.seconds
    samples = np.concatenate(parts)
    if seconds is not None:
        whole = np.zeros(round(seconds * sample_rate), np.float32)
        whole[: len(samples)] = samples[: len(whole)]
        samples = whole
        phonemes.append(Phoneme(SILENCE, now, max(now, seconds)))
    return Utterance(samples, sample_rate, tuple(phonemes))


def write_wav(path: Path, utterance: Utterance) -> None:
    """Save as 16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(utterance.sample_rate)
        file.writeframes((np.clip(utterance.samples, -1, 1) * 32767).astype("<i2").tobytes())
