"""The speech network: from a recording's levels to what a mouth does that makes such sounds, in any language.

A dilated convolutional network (in the line of Oord et al. 2016 and Bai, Kolter and Koltun 2018) with residual blocks. It
hears a recording of any length in overlapping blocks of 40 s. Trained by `lipsync.training` on synthesised speech; the
channels are those of `lipsync.synthetic.articulation`, the classes those of `sound.phonemes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.sound.phonemes import CLASSES
from lipsync.sound.tape import Node, Tape, add, as_nodes, convolve, drop, gelu, normalise

WEIGHTS = Path(__file__).parent.parent / "weights" / "speech_network.npz"

Inputs = npt.NDArray[np.float32] | npt.NDArray[np.float16]

BANDS = 40
INPUTS = BANDS + 1
RATE = 50
CHANNELS = ("aperture", "width", "protrusion", "jaw", "closure", "tuck")
STEM, TRUNK, EMBEDDING, GROUPS = 96, 144, 48, 4
DILATIONS = (1, 2, 4, 8, 1, 2, 4)
# A recording is heard in blocks of so many rows, each overlapping half of the one before and faded into it.
BLOCK_ROWS = 4000
# What counts as sound when levels are normalised, in units of 20 dB below the recording's top.
ACTIVE = -1.75
FEWEST_ACTIVE_ROWS = 20
# Ten minutes of sound are enough to know a recording by.
MOST_ROWS = 60_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What the networks make of a recording, 50 rows a second, row i at (2 i + 0.5) / 100 s.

    channels: (m, len(CHANNELS)) float32; classes: (m, len(CLASSES)) float32 probabilities; embedding: (m, EMBEDDING) float32
    """

    channels: FloatArray
    classes: FloatArray
    embedding: FloatArray

    def part(self, rows: slice) -> Heard:
        """Some of its rows."""
        return Heard(self.channels[rows], self.classes[rows], self.embedding[rows])


def inputs(levels: Inputs) -> npt.NDArray[np.float16]:
    """(n, INPUTS) float16 of levels (n, BANDS) in units of 20 dB, 0 at the recording's top and -3 at the least.

    Normalised over the part of the recording that sounds, so that voice, room and microphone matter less.
    """
    x = np.zeros((len(levels), INPUTS), dtype=np.float16)
    if len(levels) == 0:
        return x
    loudest = levels.max(axis=1)
    active = np.flatnonzero(loudest > ACTIVE)
    some = active if len(active) >= FEWEST_ACTIVE_ROWS else np.arange(len(levels))
    sounding = levels[some[:: 1 + len(some) // MOST_ROWS]].astype(np.float32)
    mean, deviation = sounding.mean(axis=0), sounding.std(axis=0)
    for start in range(0, len(levels), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        x[part, :BANDS] = np.clip((levels[part] - mean) / (deviation + np.float32(0.1)), -4, 4)
    x[:, BANDS] = loudest + 1
    return x


def fresh_weights(random: np.random.Generator) -> dict[str, FloatArray]:
    """Weights to begin training with (He et al. 2015; the last layer of every residual block starts small)."""
    weights: dict[str, FloatArray] = {}

    def layer(name: str, rows: int, columns: int, scale: float = 1.0, groups: int = 1) -> None:
        shape = (groups, rows // groups, columns // groups)
        weights[f"{name}.kernel"] = (random.standard_normal(shape) * scale * np.sqrt(2 / shape[1])).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(columns, dtype=np.float32)

    def norm(name: str, columns: int) -> None:
        weights[f"{name}.gain"] = np.ones(columns, dtype=np.float32)
        weights[f"{name}.bias"] = np.zeros(columns, dtype=np.float32)

    layer("stem", 5 * INPUTS, STEM)
    layer("halve", 4 * STEM, TRUNK)
    for number in range(len(DILATIONS)):
        norm(f"block{number}.norm", TRUNK)
        layer(f"block{number}.wide", 3 * TRUNK, TRUNK, groups=GROUPS)
        layer(f"block{number}.mix", TRUNK, TRUNK, scale=0.3)
    norm("embed.norm", TRUNK)
    layer("embed", TRUNK, EMBEDDING)
    layer("head", EMBEDDING, len(CHANNELS) + len(CLASSES), scale=0.5)
    return weights


def embed(weights: dict[str, Node], x: Node, tape: Tape | None = None, dropout: float = 0.0) -> Node:
    """(B, T // 2, EMBEDDING) of inputs (B, T, INPUTS)."""
    x = gelu(convolve(x, weights["stem.kernel"], weights["stem.bias"], tape, taps=5), tape)
    x = gelu(convolve(x, weights["halve.kernel"], weights["halve.bias"], tape, taps=4, stride=2), tape)
    for number, dilation in enumerate(DILATIONS):
        name = f"block{number}"
        inner = normalise(x, weights[f"{name}.norm.gain"], weights[f"{name}.norm.bias"], tape)
        wide = convolve(inner, weights[f"{name}.wide.kernel"], weights[f"{name}.wide.bias"], tape, taps=3, dilation=dilation)
        mixed = convolve(gelu(wide, tape), weights[f"{name}.mix.kernel"], weights[f"{name}.mix.bias"], tape)
        x = add(x, drop(mixed, dropout, tape), tape)
    x = normalise(x, weights["embed.norm.gain"], weights["embed.norm.bias"], tape)
    return convolve(x, weights["embed.kernel"], weights["embed.bias"], tape)


def articulate(weights: dict[str, Node], embedding: Node, tape: Tape | None = None) -> Node:
    """(B, T, len(CHANNELS) + len(CLASSES)) channels, then the classes' logits."""
    return convolve(gelu(embedding, tape), weights["head.kernel"], weights["head.bias"], tape)


def places(times: DoubleArray) -> DoubleArray:
    """Where in an answer's rows the given times, seconds, lie."""
    return np.asarray(times * RATE - 0.25)


def listen(x: Inputs, weights: dict[str, Node] | None = None) -> Heard:
    """What the network makes of a recording's inputs (n, INPUTS)."""
    known = shipped() if weights is None else weights

    def answer(x: FloatArray) -> FloatArray:
        embedding = embed(known, Node(x[None]))
        return np.concatenate([embedding.value[0], articulate(known, embedding).value[0]], axis=1)

    answers = in_blocks(x, answer, EMBEDDING + len(CHANNELS) + len(CLASSES))
    embedded, channels, logits = np.split(answers, [EMBEDDING, EMBEDDING + len(CHANNELS)], axis=1)
    return Heard(channels, _shares(logits), embedded)


def in_blocks(x: Inputs, answer: Callable[[FloatArray], FloatArray], width: int) -> FloatArray:
    """(n // 2, width) answers to inputs (n, INPUTS), every block's faded into the next one's over their overlap."""
    count, half = len(x) // 2, BLOCK_ROWS // 4
    answers = np.zeros((count, width), dtype=np.float32)
    for start in range(0, max(1, count - half), half) if count else ():
        part = slice(start, min(count, start + 2 * half))
        fresh = answer(x[2 * part.start : 2 * part.stop].astype(np.float32, copy=False))
        fading = min(half, part.stop - start) if start else 0
        share = np.linspace(0, 1, half, dtype=np.float32)[:fading, None]
        answers[start : start + fading] += share * (fresh[:fading] - answers[start : start + fading])
        answers[start + fading : part.stop] = fresh[fading:]
    return answers


@cache
def shipped() -> dict[str, Node]:
    """The weights that come with the engine."""
    with np.load(WEIGHTS) as stored:
        return as_nodes({name: stored[name] for name in stored.files})


def _shares(logits: FloatArray) -> FloatArray:
    """Softmax."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
