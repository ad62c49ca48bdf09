"""A file's sound as features, or the reason why it cannot drive a mouth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.errors import UnusableInput
from lipsync.media import read_sound
from lipsync.media.sound import SAMPLE_RATE
from lipsync.sound.features import SoundFeatures, sound_features

SHORTEST_SECONDS = 0.1
SILENT_BELOW = 1e-4
# What a file tells of its length may count what its encoder padded.
MISSING_SECONDS, MISSING_SHARE = 1.0, 0.02


def hear(path: Path) -> SoundFeatures:
    """Features of a sound file, or of a video's sound. Raises UnusableInput (`no_sound`, `silent_sound`)."""
    return sound_features(_checked(path))


def check(path: Path) -> float:
    """Seconds of a sound that `hear` would take. Raises what it would raise, at a fraction of its cost."""
    return sum(len(block) for block in _checked(path)) / SAMPLE_RATE


def broken_off(told: float, heard: float) -> tuple[str, str] | None:
    """Code and sentence where a voice ends before its file says it does. told, heard: seconds"""
    if heard > told - max(MISSING_SECONDS, MISSING_SHARE * told):
        return None
    return (
        "voice_broken_off",
        f"The voice's file should last {told:.1f} s, but only {heard:.1f} s of it can be read, and the result ends there. "
        "Copy or upload the voice again.",
    )


def _checked(path: Path) -> Iterator[npt.NDArray[np.float32]]:
    loudest, heard = 0.0, 0
    for block in read_sound(path):
        loudest = max(loudest, float(np.abs(block).max(initial=0)))
        heard += len(block)
        yield block
    if heard < SHORTEST_SECONDS * SAMPLE_RATE:
        raise UnusableInput("no_sound", "The voice has no length. Choose another recording.")
    if loudest < SILENT_BELOW:
        raise UnusableInput("silent_sound", "The voice is silent throughout. Choose another recording.")
