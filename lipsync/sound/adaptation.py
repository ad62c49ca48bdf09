"""The network, taught one speaker: what a linear or a kernel regression on its answers cannot learn.

All weights move a little (fine-tuning) while a small head learns aperture, width, extra components and whether the mouth
is closed. Sentences of other speakers are mixed in, so that little data does not make it forget. One network per fold:
what each says of the frames that it has not seen tells how good it is, and a voice is answered by their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.faces.pose import DoubleArray
from lipsync.faces.track import IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.sound.bands import augmented
from lipsync.sound.network import EMBEDDING, RATE, Inputs, embed, in_blocks, places
from lipsync.sound.tape import Adam, Node, Tape, as_nodes, convolve, drop, gelu

WEIGHTS = Path(__file__).parent.parent / "weights" / "generic_network.npz"
COMPANY = Path(__file__).parent.parent / "weights" / "grid_sentences.npz"

HEAD_WIDTH, HEAD_TAPS = 64, 5
MEASURES = 3
WINDOW_ROWS = 250
OWN_WINDOWS, COMPANY_WINDOWS = 8, 2
TRUNK_RATE, HEAD_RATE, WARM_UP_STEPS, DECAY = 3e-4, 1.5e-3, 15, 0.05
TRUNK_DROPOUT, HEAD_DROPOUT = 0.2, 0.25
# Aperture, width, then the others; what a change between instants counts, and what the closed mouth counts.
VALUE_WEIGHTS = (2.0, 1.5, 1.0)
CHANGE_WEIGHT, CLOSURE_WEIGHT, CLOSED_WEIGHT = 0.7, 0.3, 1.5
CLOSED_RANGE, CLOSED_SOFTNESS = 0.15, 0.04
FEWEST_KNOWN_ROWS = 30
HEAD = "own."
Weights = dict[str, Node]
Draw = Callable[[np.random.Generator], list["Lesson"]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A recording whose mouth is known, at the network's 50 rows a second.

    x: (2 n, INPUTS) inputs; values: (n, q) standardised; closed: (n,) 0 to 1; known: (n,) 1 where the mouth was seen and may be
    learnt from, else 0
    """

    x: Inputs
    values: FloatArray
    closed: FloatArray
    known: FloatArray

    def only(self, times: DoubleArray, used: IntArray) -> Lesson:
        """The same with nothing known but the frames `used` of those at the times (n,), seconds."""
        mask = np.zeros(len(times))
        mask[used] = 1
        inside = np.interp(_moments(len(self.values)), times, mask) > 0.99
        return Lesson(self.x, self.values, self.closed, self.known * inside.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Adapted:
    """Networks taught one speaker. networks: (k, w) float16, the weights of each in a row; values: how many it answers"""

    networks: npt.NDArray[np.float16]
    values: int

    def __call__(self, x: Inputs, times: DoubleArray) -> DoubleArray:
        """(n, values + 1) standardised values and the logit of closure at the times (n,), seconds, for inputs x (m, INPUTS)."""
        answers = [answer(unpacked(row, self.values), x, times) for row in self.networks]
        return np.asarray(np.mean(answers, axis=0))


def lesson_of(x: Inputs, times: DoubleArray, values: DoubleArray) -> Lesson:
    """A lesson from a recording's inputs and values (n, q) known at the times (n,), seconds."""
    moments = _moments(len(x) // 2)
    resampled = np.stack([np.interp(moments, times, column) for column in values.T], axis=1).astype(np.float32)
    low, high = np.percentile(values[:, 0], (2, 98))
    limit, soft = low + CLOSED_RANGE * (high - low), CLOSED_SOFTNESS * (high - low) + 1e-6
    closed = 1 / (1 + np.exp(-np.clip((limit - resampled[:, 0]) / soft, -30, 30)))
    known = (moments >= times[0]) & (moments <= times[-1])
    return Lesson(x, resampled, closed.astype(np.float32), known.astype(np.float32))


def taught(
    weights: Weights, draw: Draw, values: int, steps: int, seed: int, tick: Callable[[], None], *, head_rate: float = HEAD_RATE
) -> Weights:
    """The network after so many steps on the lessons that `draw` draws; `weights` are left as they are."""
    random = np.random.default_rng(seed)
    own = {name: Node(node.value.copy()) for name, node in weights.items()}
    adam = Adam(own, decay=DECAY)
    for step in range(steps):
        _learn_step(own, [_window(lesson, values, random) for lesson in draw(random)], random)
        pace = (0.5 * (1 + np.cos(np.pi * step / steps)) * 0.95 + 0.05) * min(1.0, (step + 1) / WARM_UP_STEPS)
        adam.step(lambda name, pace=pace: pace * (head_rate if name.startswith(HEAD) else TRUNK_RATE))  # type: ignore[misc]
        tick()
    return own


def answer(weights: Weights, x: Inputs, times: DoubleArray) -> DoubleArray:
    """(n, q + 1) values and the logit of closure at the times (n,), seconds."""
    width = weights["own.out.bias"].value.shape[0]
    rows = in_blocks(x, lambda block: speak(weights, embed(weights, Node(block[None]))).value[0], width)
    where = places(times)
    return np.stack([np.interp(where, np.arange(len(rows)), column) for column in rows.T], axis=1)


def speak(weights: Weights, embedding: Node, tape: Tape | None = None) -> Node:
    """(B, T, q + 1) values and the logit of closure, of an embedding (B, T, EMBEDDING)."""
    kernel, bias = weights["own.wide.kernel"], weights["own.wide.bias"]
    wide = gelu(convolve(gelu(embedding, tape), kernel, bias, tape, taps=HEAD_TAPS), tape)
    return convolve(drop(wide, HEAD_DROPOUT, tape), weights["own.out.kernel"], weights["own.out.bias"], tape)


def fresh_head(values: int, random: np.random.Generator) -> dict[str, FloatArray]:
    """Weights of a head that has learnt nothing."""
    depth = HEAD_TAPS * EMBEDDING
    return {
        "own.wide.kernel": (random.standard_normal((1, depth, HEAD_WIDTH)) * np.sqrt(2 / depth)).astype(np.float32),
        "own.wide.bias": np.zeros(HEAD_WIDTH, dtype=np.float32),
        "own.out.kernel": (random.standard_normal((1, HEAD_WIDTH, values + 1)) * 0.5 / np.sqrt(HEAD_WIDTH)).astype(np.float32),
        "own.out.bias": np.zeros(values + 1, dtype=np.float32),
    }


def guess(x: Inputs) -> FloatArray:
    """(n // 2, MEASURES) standardised aperture, width and chin that any mouth might have, for inputs (n, INPUTS)."""
    return in_blocks(x, lambda block: speak(_shipped(), embed(_shipped(), Node(block[None]))).value[0, :, :MEASURES], MEASURES)


def generic_weights(values: int) -> Weights:
    """The shipped network with a head for so many values: those that any mouth has are known, the others begin at nothing."""
    shipped = _shipped()
    kernel = np.zeros((1, HEAD_WIDTH, values + 1), dtype=np.float32)
    bias = np.zeros(values + 1, dtype=np.float32)
    shared = min(2, values)
    for target, source in [*((k, k) for k in range(shared)), (values, MEASURES)]:
        kernel[..., target] = shipped["own.out.kernel"].value[..., source]
        bias[target] = shipped["own.out.bias"].value[source]
    return {**shipped, "own.out.kernel": Node(kernel), "own.out.bias": Node(bias)}


def packed(weights: Weights) -> npt.NDArray[np.float16]:
    """(w,) all weights in the order of their names."""
    return np.asarray(np.concatenate([weights[name].value.ravel() for name in sorted(weights)]), dtype=np.float16)


def unpacked(row: npt.NDArray[np.float16], values: int) -> Weights:
    """What `packed` packed. Raises ValueError when it is not of this network."""
    found, start = {}, 0
    shapes = {name: node.value.shape for name, node in generic_weights(values).items()}
    if sum(math.prod(shape) for shape in shapes.values()) != len(row):
        raise ValueError("these weights are of another network")
    for name in sorted(shapes):
        size = math.prod(shapes[name])
        found[name] = row[start : start + size].reshape(shapes[name])
        start += size
    return as_nodes(found)


def forget_shipped() -> None:
    """Read the shipped weights anew when they are next wanted: they have been trained anew."""
    _shipped.cache_clear()


@cache
def _shipped() -> Weights:
    with np.load(WEIGHTS) as stored:
        return as_nodes({name: stored[name] for name in stored.files})


@cache
def company() -> list[Lesson]:
    """The sentences of other speakers, see `lipsync.training.generic_mouth`."""
    with np.load(COMPANY) as stored:
        x, values, closed, known, lengths = (stored[name] for name in ("x", "values", "closed", "known", "lengths"))
    return [
        Lesson(*(np.asarray(part, dtype=np.float32) for part in (x[2 * a : 2 * b], values[a:b], closed[a:b], known[a:b])))
        for a, b in pairwise([0, *np.cumsum(lengths).tolist()])
    ]


_Window = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


def _window(lesson: Lesson, values: int, random: np.random.Generator) -> _Window:
    """A part of a lesson: augmented inputs, values, closed, how much each value is known (WINDOW_ROWS // 2, values)."""
    half, count = WINDOW_ROWS // 2, len(lesson.values)
    start = 0
    for _ in range(20):
        start = int(random.integers(0, max(1, count - half)))
        if lesson.known[start : start + half].sum() > FEWEST_KNOWN_ROWS:
            break
    rows = np.minimum(np.arange(start, start + half), count - 1)
    inputs = np.minimum(np.arange(2 * start, 2 * start + WINDOW_ROWS), len(lesson.x) - 1)
    known = lesson.known[rows] * (start + np.arange(half) < count)
    have = min(values, lesson.values.shape[1]) if lesson.values.shape[1] == values else 2
    wanted, weight = np.zeros((half, values), dtype=np.float32), np.zeros((half, values), dtype=np.float32)
    wanted[:, :have] = lesson.values[rows, :have]
    weight[:, :have] = known[:, None]
    return augmented(lesson.x[inputs].astype(np.float32), random, gentle=True), wanted, lesson.closed[rows], weight


def _learn_step(weights: Weights, windows: list[_Window], random: np.random.Generator) -> None:
    x, wanted, closed, known = (np.stack(part) for part in zip(*windows, strict=True))
    tape = Tape(random)
    said = speak(weights, embed(weights, Node(x), tape, TRUNK_DROPOUT), tape)
    values = wanted.shape[2]
    worth = np.array([*VALUE_WEIGHTS[:2], *[VALUE_WEIGHTS[2]] * (values - 2)], dtype=np.float32)
    worth /= worth.mean()
    total = float(known.mean()) + 1e-6
    wrong = (said.value[..., :values] - wanted) * known
    heavy = np.ones_like(wrong)
    heavy[..., 0] += (CLOSED_WEIGHT - 1) * closed
    gradient = np.zeros_like(said.value)
    gradient[..., :values] = 2 * worth * heavy * wrong / wrong.size / total
    change = 2 * CHANGE_WEIGHT * worth * np.diff(wrong, axis=1) / wrong.size / total
    gradient[:, 1:, :values] += change * known[:, 1:]
    gradient[:, :-1, :values] -= change * known[:, :-1]
    logit = np.clip(said.value[..., values], -30, 30)
    gradient[..., values] = CLOSURE_WEIGHT * (1 / (1 + np.exp(-logit)) - closed) * known[..., 0] / closed.size / total
    said.receive(gradient)
    tape.walk_back()


def _moments(count: int) -> DoubleArray:
    """Seconds of the network's rows."""
    return np.asarray((np.arange(count) + 0.25) / RATE)
