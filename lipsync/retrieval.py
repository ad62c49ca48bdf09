"""Retrieval: for every output frame, which of the speaker's own mouths to borrow.

A cheapest path through the bank (Viterbi 1967), in the line of Video Rewrite (Bregler, Covell and Slaney 1997): each
mouth costs what it differs from the wanted lips and head pose, each change of mouth costs what would be seen as a jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lipsync.bank import Mouth
from lipsync.faces.landmarks import LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.mouth_space import MouthSpace
from lipsync.shapes import apertures_of_lips, widths_of_lips

IntArray = npt.NDArray[np.intp]

CANDIDATES = 32
LIP_STEP_IOD = 0.02
APERTURE_STEP_IOD = 0.03
PLACE_WEIGHT = 0.3
APERTURE_WEIGHT = 2.0
POSE_WEIGHT = 0.3
POSE_STEP_DEGREES = 10.0
BLUR_WEIGHT = 40.0
BLUR_ALLOWED = 0.1
# What a change of mouth costs: as much as a wrong shape would, more where the two look different.
SKIP_COST, NEAR_COST, CUT_COST, JUMP_COST, LARGEST_JUMP = 0.3, 1.6, 3.0, 0.5, 6.0
NEAR_FRAMES = 4
FADE_FRAMES = 3
BLOCK_FRAMES = 512


class Lips(Protocol):
    """Lips over time, `lips[start:end]` (m, len(LIPS), 3): an array, or whatever works them out when asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> DoubleArray: ...


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Which mouths make up one output frame. mouths: positions in the bank; shares: their weights, adding up to 1"""

    mouths: tuple[int, ...]
    shares: tuple[float, ...]


def retrieve(space: MouthSpace, bank: list[Mouth], lips: Lips, base: IntArray) -> list[Borrowed]:
    """The mouths to borrow for every output frame, cross-faded around cuts.

    lips: (T, len(LIPS), 3) wanted; base: (T,) the take's frame that each output frame is built on
    """
    numbers = np.array([mouth.number for mouth in bank])
    look = _Look.of(space, bank, numbers)
    candidates, costs = _candidates(look, space, lips, base)
    path = _cheapest_path(candidates, costs, numbers, look.position)
    return _with_fades(path, numbers)


@dataclass(frozen=True, slots=True)
class _Look:
    """The bank as vectors. position: (m, D) for judging jumps"""

    features: FloatArray
    aperture: FloatArray
    pose: FloatArray
    blur: FloatArray
    position: FloatArray

    @staticmethod
    def of(space: MouthSpace, bank: list[Mouth], numbers: IntArray) -> _Look:
        lips = space.shapes[numbers][:, LIPS].astype(np.float64)
        features, pose = _features(lips), _pose(space, numbers)
        sharpness = np.array([mouth.sharpness for mouth in bank], dtype=np.float32)
        blur = BLUR_WEIGHT * np.maximum(0, _expected_sharpness(lips, sharpness) - BLUR_ALLOWED - sharpness) ** 2
        blur += np.where(space.weight[numbers] < 1, np.float32(1e6), np.float32(0))
        scaled = features / (LIP_STEP_IOD * np.sqrt(features.shape[1]))
        position = np.concatenate([scaled, pose, 2 * sharpness[:, None]], axis=1)
        return _Look(features, apertures_of_lips(lips).astype(np.float32), pose, blur.astype(np.float32), position)


def _expected_sharpness(lips: DoubleArray, sharpness: FloatArray) -> FloatArray:
    """(m,) what this take usually offers at each mouth's aperture and width: teeth are sharper than closed lips."""
    opening = np.stack([apertures_of_lips(lips), widths_of_lips(lips)], axis=1)
    opening = (opening - opening.mean(axis=0)) / (opening.std(axis=0) + 1e-6)
    terms = np.concatenate([np.ones((len(lips), 1)), opening, opening[:, :1] ** 2], axis=1)
    ridge = 0.01 * len(lips) * np.diag([0.0, 1, 1, 1])
    weights = np.linalg.solve(terms.T @ terms + ridge, terms.T @ sharpness)
    return np.asarray(terms @ weights, dtype=np.float32)


def _features(lips: DoubleArray) -> FloatArray:
    """The lips' outline about its own centre, and that centre at a lower weight."""
    flat = lips[..., :2]
    centre = flat.mean(axis=1, keepdims=True)
    place = PLACE_WEIGHT * np.repeat(centre[:, 0], lips.shape[1] // 2, axis=0).reshape(len(lips), -1)
    return np.asarray(np.concatenate([(flat - centre).reshape(len(lips), -1), place], axis=1), dtype=np.float32)


def _pose(space: MouthSpace, numbers: IntArray) -> FloatArray:
    return np.asarray(space.poses.take(numbers).angles * np.array([1, 1, 0.5]) / POSE_STEP_DEGREES, dtype=np.float32)


def _candidates(look: _Look, space: MouthSpace, lips: Lips, base: IntArray) -> tuple[npt.NDArray[np.int16], FloatArray]:
    """(T, K) the best mouths for each frame by themselves, and what they cost."""
    count = min(CANDIDATES, len(look.aperture))
    chosen, costs = [], []
    for start in range(0, len(lips), BLOCK_FRAMES):
        part = slice(start, start + BLOCK_FRAMES)
        features, pose = _features(lips[part]), _pose(space, base[part])
        opening = apertures_of_lips(lips[part]).astype(np.float32)
        cost = _squared(features, look.features) / (features.shape[1] * LIP_STEP_IOD**2)
        cost += APERTURE_WEIGHT * ((opening[:, None] - look.aperture[None]) / APERTURE_STEP_IOD) ** 2
        cost += POSE_WEIGHT * _squared(pose, look.pose) + look.blur[None]
        best = np.argpartition(cost, count - 1, axis=1)[:, :count]
        chosen.append(best.astype(np.int16))  # a copy: a part of what was sorted would keep all of it
        costs.append(np.take_along_axis(cost, best, axis=1))
    return np.concatenate(chosen), np.concatenate(costs)


def _squared(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray((left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T)


def _cheapest_path(candidates: npt.NDArray[np.int16], costs: FloatArray, numbers: IntArray, position: FloatArray) -> IntArray:
    frames, count = candidates.shape
    norms = (position**2).sum(axis=1)
    total = costs[0].astype(np.float64)
    came_from = np.zeros((frames, count), dtype=np.int8)
    for time in range(1, frames):
        before, here = candidates[time - 1], candidates[time]
        step = numbers[here][None] - numbers[before][:, None]
        jump = norms[before][:, None] + norms[here][None] - 2 * position[before] @ position[here].T
        change = CUT_COST + JUMP_COST * np.minimum(jump, LARGEST_JUMP)
        change[np.abs(step) <= NEAR_FRAMES] = NEAR_COST
        change[(step == 0) | (step == 2)] = SKIP_COST
        change[step == 1] = 0
        whole = total[:, None] + change
        came_from[time] = whole.argmin(axis=0)
        total = whole.min(axis=0) + costs[time]
    path = np.zeros(frames, dtype=np.intp)
    place = int(total.argmin())
    for time in range(frames - 1, -1, -1):
        path[time] = candidates[time, place]
        place = int(came_from[time, place])
    return path


def _with_fades(path: IntArray, numbers: IntArray) -> list[Borrowed]:
    """Around each cut, the run on the other side goes on for a few frames at a falling share."""
    place_of = {int(number): place for place, number in enumerate(numbers)}
    extras: list[list[tuple[int, float]]] = [[] for _ in path]
    for time in range(1, len(path)):
        before, after = int(numbers[path[time - 1]]), int(numbers[path[time]])
        if abs(after - before) <= 2:
            continue
        for distance in range(FADE_FRAMES):
            share = 0.5 * (FADE_FRAMES - distance) / (FADE_FRAMES + 1)
            for frame, number in ((time + distance, before + 1 + distance), (time - 1 - distance, after - 1 - distance)):
                if 0 <= frame < len(path) and number in place_of:
                    extras[frame].append((place_of[number], share))
    return [_blend(int(main), extra) for main, extra in zip(path, extras, strict=True)]


def _blend(main: int, extra: list[tuple[int, float]]) -> Borrowed:
    spare = sum(share for _, share in extra)
    shrink = min(1.0, 0.5 / spare) if spare else 1.0
    mouths = (main, *(mouth for mouth, _ in extra))
    return Borrowed(mouths, (1 - spare * shrink, *(share * shrink for _, share in extra)))
