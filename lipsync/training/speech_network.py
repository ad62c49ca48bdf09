"""Train the speech network on synthesised speech: `python -m lipsync.training.speech_network SHARDS [--minutes 25]`.

SHARDS is what `python -m lipsync.training.speech` wrote. The result is `lipsync/weights/speech_network.npz`, in half
precision, and a line of scores on utterances kept aside. The same shards, seed and number of steps give the same weights.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.faces.tracker import FloatArray
from lipsync.sound.bands import augmented
from lipsync.sound.network import CHANNELS, WEIGHTS, articulate, embed, fresh_weights, inputs
from lipsync.sound.phonemes import CLASSES
from lipsync.sound.tape import Adam, Node, Tape, as_nodes

WINDOW_ROWS = 256
BATCH = 24
STEPS = 3000
RATE, WARM_UP_STEPS, DECAY, DROPOUT = 2e-3, 100, 0.01, 0.1
CHANNEL_WEIGHTS = np.array([1.5, 1, 1, 1, 1.5, 1], dtype=np.float32)
CHANNEL_LOSS, CHANGE_LOSS, CLASS_LOSS, SMOOTHING = 10.0, 10.0, 0.5, 0.05
KEPT_ASIDE = 160
AVERAGED = 0.998
FULL_SCALE = 3.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """x: (n, INPUTS) float16; channels: (n, len(CHANNELS)) float16; classes: (n,) uint8; all 100 rows a second"""

    x: npt.NDArray[np.float16]
    channels: npt.NDArray[np.float16]
    classes: npt.NDArray[np.uint8]


def read_shards(paths: list[Path]) -> list[Utterance]:
    """Every utterance of the shards, its levels normalised as the network hears a recording."""
    found = []
    for path in paths:
        with np.load(path) as shard:
            levels, channels, classes, lengths = (shard[name] for name in ("levels", "channels", "classes", "lengths"))
        start = 0
        for length in lengths.tolist():
            part = slice(start, start + length)
            start += length
            if length >= WINDOW_ROWS // 2:
                found.append(Utterance(inputs(relative(levels[part])), channels[part], classes[part]))
    return found


def relative(levels: npt.NDArray[np.float16]) -> FloatArray:
    """Levels in units of 20 dB as `sound.features` gives them: 0 at the recording's top, -3 at the least."""
    plain = levels.astype(np.float32)
    top = np.percentile(plain.max(axis=1), 95)
    return np.asarray(np.maximum(plain - top, -FULL_SCALE), dtype=np.float32)


def batch(
    utterances: list[Utterance], count: int, random: np.random.Generator
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.intp]]:
    """(count, WINDOW_ROWS, INPUTS) augmented inputs; channels and classes at half that rate."""
    xs, channels, classes = [], [], []
    for number in random.integers(0, len(utterances), count):
        chosen = utterances[number]
        start = int(random.integers(0, max(1, len(chosen.x) - WINDOW_ROWS + 1)))
        part = np.minimum(np.arange(start, start + WINDOW_ROWS), len(chosen.x) - 1)
        xs.append(augmented(chosen.x[part].astype(np.float32), random))
        channels.append(chosen.channels[part[::2]].astype(np.float32))
        classes.append(chosen.classes[part[::2]].astype(np.intp))
    return np.stack(xs), np.stack(channels), np.stack(classes)


def loss(answers: Node, channels: FloatArray, classes: npt.NDArray[np.intp]) -> dict[str, float]:
    """Errors of the network's answers, whose gradient is left in the node: channels, their change, and classes."""
    kinds = len(CHANNELS)
    wrong = answers.value[..., :kinds] - channels
    change = np.diff(wrong, axis=1)
    gradient = np.zeros_like(answers.value)
    gradient[..., :kinds] = 2 * CHANNEL_LOSS * CHANNEL_WEIGHTS * wrong / wrong.size
    gradient[:, 1:, :kinds] += 2 * CHANGE_LOSS * change / change.size
    gradient[:, :-1, :kinds] -= 2 * CHANGE_LOSS * change / change.size
    logits = answers.value[..., kinds:]
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares = raised / raised.sum(axis=-1, keepdims=True)
    wanted = np.full_like(shares, SMOOTHING / len(CLASSES))
    np.put_along_axis(wanted, classes[..., None], np.float32(1 - SMOOTHING + SMOOTHING / len(CLASSES)), axis=-1)
    gradient[..., kinds:] = CLASS_LOSS * (shares - wanted) / classes.size
    answers.receive(gradient)
    entropy = -(wanted * np.log(shares + 1e-9)).sum(axis=-1).mean()
    return {"channels": float((CHANNEL_WEIGHTS * wrong**2).mean()), "classes": float(entropy)}


def train(utterances: list[Utterance], steps: int, seed: int) -> dict[str, FloatArray]:
    """Weights after so many steps: the running mean of what the optimiser passed through."""
    random = np.random.default_rng(seed)
    weights = as_nodes(fresh_weights(random))
    adam = Adam(weights, decay=DECAY)
    mean = {name: node.value.copy() for name, node in weights.items()}
    began = time.monotonic()
    for step in range(steps):
        rate = RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * (0.5 * (1 + np.cos(np.pi * step / steps)) + 0.01)
        x, channels, classes = batch(utterances, BATCH, random)
        tape = Tape(random)
        answers = articulate(weights, embed(weights, Node(x), tape, DROPOUT), tape)
        errors = loss(answers, channels, classes)
        tape.walk_back()
        adam.step(lambda name, rate=rate: rate)  # type: ignore[misc]
        keep = min(AVERAGED, (step + 1) / (step + 10))
        for name, node in weights.items():
            mean[name] += np.float32(1 - keep) * (node.value - mean[name])
        if step % 200 == 0:
            told = ", ".join(f"{name} {value:.4f}" for name, value in errors.items())
            sys.stdout.write(f"step {step} of {steps}, {time.monotonic() - began:.0f} s: {told}\n")
            sys.stdout.flush()
    return mean


def scores(weights: dict[str, npt.NDArray[np.float16]], utterances: list[Utterance]) -> dict[str, float]:
    """Pearson's r of each channel and the share of right classes, mean over the utterances."""
    nodes = as_nodes(weights)
    fits, right = [], []
    for utterance in utterances:
        answers = articulate(nodes, embed(nodes, Node(utterance.x.astype(np.float32)[None]))).value[0]
        true = utterance.channels[::2][: len(answers)].astype(np.float32)
        fits.append([_correlation(answers[:, k], true[:, k]) for k in range(len(CHANNELS))])
        classes = answers[:, len(CHANNELS) :].argmax(axis=1)
        right.append(float((classes == utterance.classes[::2][: len(classes)]).mean()))
    found = dict(zip(CHANNELS, np.nanmean(fits, axis=0).round(3).tolist(), strict=True))
    return {**found, "classes": round(float(np.mean(right)), 3)}


def _correlation(left: FloatArray, right: FloatArray) -> float:
    return float(np.corrcoef(left, right)[0, 1]) if left.std() > 0 and right.std() > 0 else float("nan")


def main(arguments: list[str]) -> None:
    """Train on every shard in the folder, tell the scores, write the weights."""
    parser = argparse.ArgumentParser(description="Train the speech network on synthesised speech.")
    parser.add_argument("shards", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    chosen = parser.parse_args(arguments)
    utterances = read_shards(sorted(chosen.shards.glob("*-[0-9]*.npz")))
    order = np.random.default_rng(chosen.seed).permutation(len(utterances))
    aside, used = ([utterances[k] for k in part] for part in (order[:KEPT_ASIDE], order[KEPT_ASIDE:]))
    sys.stdout.write(f"{len(used)} utterances, {sum(len(u.x) for u in used) / 360_000:.1f} h, {len(aside)} kept aside\n")
    weights = {name: array.astype(np.float16) for name, array in train(used, chosen.steps, chosen.seed).items()}
    np.savez(chosen.output, **weights)
    size = chosen.output.stat().st_size
    sys.stdout.write(f"wrote {chosen.output.name}, {size} bytes: {scores(weights, aside)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
