"""Reverse-mode differentiation (Linnainmaa 1970) for the few operations of a one-dimensional convolutional network.

Whoever only wants answers passes no tape, and nothing is recorded. It is small enough to come with the engine, so that a
network is adapted to a take wherever the engine runs, without a framework of gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync.faces.tracker import FloatArray

SMALLEST_VARIANCE = np.float32(1e-5)
# GELU by its tanh form (Hendrycks and Gimpel 2016).
_GELU_SLOPE, _GELU_CUBE = np.float32(0.7978845608), np.float32(0.044715)


class Node:
    """A value on the way from weights to a loss, and what the loss changes by when it does. Both float32, same shape."""

    __slots__ = ("gradient", "value")

    def __init__(self, value: FloatArray) -> None:
        self.value = value
        self.gradient: FloatArray | None = None

    def receive(self, gradient: FloatArray) -> None:
        """Add what one of the node's uses contributes."""
        self.gradient = gradient if self.gradient is None else self.gradient + gradient


class Tape:
    """What was computed, to be walked back. random: decides what dropout drops"""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self._steps: list[Callable[[], None]] = []

    def record(self, result: Node, step: Callable[[FloatArray], None]) -> None:
        """`step` is to be called with the result's gradient once that is known."""

        def walk() -> None:
            if result.gradient is not None:
                step(result.gradient)
                result.gradient = None

        self._steps.append(walk)

    def walk_back(self) -> None:
        """Give every node its gradient, the roots having received theirs."""
        while self._steps:
            self._steps.pop()()


def convolve(
    x: Node, kernel: Node, bias: Node, tape: Tape | None, *, taps: int = 1, dilation: int = 1, stride: int = 1
) -> Node:
    """(B, T // stride, Q) of x (B, T, P), kernel (G, taps * P / G, Q / G), bias (Q,); zeros lie beyond both ends.

    G: groups of channels that do not see each other
    """
    batch, length, width = x.value.shape
    groups, depth, _ = kernel.value.shape
    out, reach = length // stride, (taps - 1) * dilation
    left = (reach + 1 - stride) // 2 if stride > 1 else reach // 2
    padded = np.pad(x.value, ((0, 0), (left, reach - left), (0, 0))) if reach else x.value
    spans = [slice(tap * dilation, tap * dilation + (out - 1) * stride + 1, stride) for tap in range(taps)]
    columns = np.stack([padded[:, span] for span in spans], axis=2).reshape(batch * out, taps, groups, width // groups)
    flat = np.ascontiguousarray(columns.transpose(2, 0, 1, 3)).reshape(groups, batch * out, depth)
    answers = np.matmul(flat, kernel.value).transpose(1, 0, 2).reshape(batch, out, -1)
    result = Node(answers + bias.value)
    if tape is None:
        return result

    def back(gradient: FloatArray) -> None:
        rows = np.ascontiguousarray(gradient.reshape(batch * out, groups, -1).transpose(1, 0, 2))
        kernel.receive(np.matmul(flat.transpose(0, 2, 1), rows))
        bias.receive(gradient.sum(axis=(0, 1)))
        inner = np.matmul(rows, kernel.value.transpose(0, 2, 1)).reshape(groups, batch, out, taps, width // groups)
        inner = inner.transpose(1, 2, 3, 0, 4).reshape(batch, out, taps, width)
        whole = np.zeros_like(padded)
        for tap, span in enumerate(spans):
            whole[:, span] += inner[:, :, tap]
        x.receive(whole[:, left : left + length])

    tape.record(result, back)
    return result


def normalise(x: Node, gain: Node, bias: Node, tape: Tape | None) -> Node:
    """A recording's values to mean 0 and deviation 1, then each channel's gain and bias.

    Group normalisation with one group (Wu and He 2018): it also takes out what differs between voices and rooms.
    """
    centred = x.value - x.value.mean(axis=(1, 2), keepdims=True)
    inverse = 1 / np.sqrt((centred * centred).mean(axis=(1, 2), keepdims=True) + SMALLEST_VARIANCE)
    scaled = centred * inverse
    result = Node(scaled * gain.value + bias.value)
    if tape is None:
        return result

    def back(gradient: FloatArray) -> None:
        gain.receive((gradient * scaled).sum(axis=(0, 1)))
        bias.receive(gradient.sum(axis=(0, 1)))
        inner = gradient * gain.value
        along = (inner * scaled).mean(axis=(1, 2), keepdims=True)
        x.receive((inner - inner.mean(axis=(1, 2), keepdims=True) - scaled * along) * inverse)

    tape.record(result, back)
    return result


def gelu(x: Node, tape: Tape | None) -> Node:
    """x times the probability that a standard normal value lies below it."""
    square = x.value * x.value
    bent = np.tanh(_GELU_SLOPE * x.value * (1 + _GELU_CUBE * square))
    result = Node(0.5 * x.value * (1 + bent))
    if tape is None:
        return result

    def back(gradient: FloatArray) -> None:
        slope = 0.5 * (1 + bent) + 0.5 * x.value * (1 - bent * bent) * _GELU_SLOPE * (1 + 3 * _GELU_CUBE * square)
        x.receive(gradient * slope)

    tape.record(result, back)
    return result


def drop(x: Node, share: float, tape: Tape | None) -> Node:
    """Dropout (Srivastava et al. 2014): while learning, a share of the values is 0 and the others make up for it."""
    if tape is None or share == 0:
        return x
    kept = (tape.random.random(x.value.shape, dtype=np.float32) >= share) * np.float32(1 / (1 - share))
    result = Node(x.value * kept)
    tape.record(result, lambda gradient: x.receive(gradient * kept))
    return result


def add(left: Node, right: Node, tape: Tape | None) -> Node:
    """The sum of two nodes of the same shape."""
    result = Node(left.value + right.value)
    if tape is not None:

        def back(gradient: FloatArray) -> None:
            left.receive(gradient)
            right.receive(gradient)

        tape.record(result, back)
    return result


class Adam:
    """AdamW (Loshchilov and Hutter 2019) on named weights, with gradients clipped to a length of `longest`."""

    def __init__(self, weights: dict[str, Node], *, decay: float, longest: float = 1.0) -> None:
        self._weights, self._decay, self._longest = weights, decay, longest
        self._mean = {name: np.zeros_like(node.value) for name, node in weights.items()}
        self._square = {name: np.zeros_like(node.value) for name, node in weights.items()}
        self._steps = 0

    def step(self, rate: Callable[[str], float]) -> None:
        """Move every weight that received a gradient; `rate` gives each weight's own."""
        self._steps += 1
        gradients = {name: node.gradient for name, node in self._weights.items() if node.gradient is not None}
        length = float(np.sqrt(sum(float((gradient * gradient).sum()) for gradient in gradients.values())))
        clip = np.float32(min(1.0, self._longest / (length + 1e-6)))
        for name, gradient in gradients.items():
            self._move(name, gradient * clip, rate(name))
            self._weights[name].gradient = None

    def _move(self, name: str, gradient: FloatArray, rate: float) -> None:
        mean, square, node = self._mean[name], self._square[name], self._weights[name]
        mean += np.float32(0.1) * (gradient - mean)
        square += np.float32(0.001) * (gradient * gradient - square)
        moved = mean / (1 - 0.9**self._steps) / (np.sqrt(square / (1 - 0.999**self._steps)) + 1e-8)
        if node.value.ndim > 1:
            moved = moved + self._decay * node.value
        node.value = node.value - np.float32(rate) * moved.astype(np.float32)


def as_nodes(weights: dict[str, npt.NDArray[Any]]) -> dict[str, Node]:
    """Stored weights, in single precision and ready to be computed with."""
    return {name: Node(np.asarray(array, dtype=np.float32)) for name, array in weights.items()}
