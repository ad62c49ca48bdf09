"""The gate: what was seen of the face goes in; how far the mouth may be changed in every frame, and why not, comes out.

Where there is no mouth to change the frame passes as the camera saw it. The change fades in and out inside the good side,
so that nothing is ever painted where no face is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lipsync.covered import covered_frames, posture
from lipsync.faces.landmarks import LIP_OUTLINE, RIGID
from lipsync.faces.pose import Poses, fit_similarity, rigid_reference
from lipsync.faces.track import FaceTrack
from lipsync.faces.tracker import FloatArray
from lipsync.media.frames import UInt8Array

BoolArray = npt.NDArray[np.bool_]

NO_FACE, TURNED, SMALL, OFF_PICTURE, COVERED = REASONS = ("no_face", "turned", "small", "off_picture", "covered")

# A gap begins beyond the first and ends within the second, so that a face about the limit does not flicker.
LARGEST_YAW_DEGREES, CALM_YAW_DEGREES = 35.0, 32.0
# Pitch is measured along forehead and nose, which slope back by so much when a face looks at the camera (30 takes' median).
LEVEL_PITCH_DEGREES = -18.0
LARGEST_PITCH_DEGREES, CALM_PITCH_DEGREES = 38.0, 35.0
SMALLEST_IOD_PIXELS, CALM_IOD_PIXELS = 24.0, 26.0
SMALLEST_MARGIN_IOD, CALM_MARGIN_IOD = 0.02, 0.06

BLOCK_FRAMES = 1000
EASE_SECONDS = Fraction(1, 5)
SHORTEST_STAY_SECONDS = Fraction(3, 10)


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames `first` to `last`, both included, pass as they are; reason: one of `REASONS`, the most frequent"""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """strength: (n,) float32, 0 leaves a frame as it is, 1 lets the mouth be replaced; gaps: in their order"""

    strength: FloatArray
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What the gate wants to know of every frame; values of frames without a face do not matter.

    seen: (n,) a face was found; yaw, pitch: (n,) degrees; size: (n,) px per IOD
    margin: (n,) IOD from the lips to the nearest edge of the picture, negative outside
    """

    seen: BoolArray
    yaw: FloatArray
    pitch: FloatArray
    size: FloatArray
    margin: FloatArray


def view(points: FloatArray, seen: BoolArray, poses: Poses, width: int, height: int) -> View:
    """The same from landmarks (n, len(KEPT), 3) px and their poses, in a picture of width x height px."""
    lips = points[:, LIP_OUTLINE, :2]
    inside = np.minimum(lips, np.array([width - 1, height - 1]) - lips).min(axis=(1, 2))
    yaw, pitch, _ = poses.angles.T.astype(np.float32)
    return View(seen, yaw, pitch, poses.scale.astype(np.float32), (inside / poses.scale).astype(np.float32))


def open_gate(track: FaceTrack, colours: UInt8Array, *, width: int, height: int, frame_rate: Fraction) -> Gate:
    """Decide for every frame of a take, from what was kept of it.

    colours: from `covered.Appearance`; width, height: px of the picture
    """
    seen, shot = track.seen, track.shot
    if not seen.any():
        return Gate(np.zeros(len(seen), dtype=np.float32), (Gap(0, len(seen) - 1, NO_FACE),))
    some = np.flatnonzero(seen)[:: max(1, int(seen.sum()) // BLOCK_FRAMES)]
    reference = rigid_reference(track.points(some).astype(np.float64))
    views, stances = [], []
    for start in range(0, len(seen), BLOCK_FRAMES):
        part = slice(start, start + BLOCK_FRAMES)
        points = track.points(np.arange(start, min(len(seen), start + BLOCK_FRAMES)))
        poses = fit_similarity(reference, points[:, RIGID].astype(np.float64))
        views.append(view(points, seen[part], poses, width, height))
        stances.append(posture(points, poses))
    names = ("seen", "yaw", "pitch", "size", "margin")
    whole = View(*(np.concatenate([getattr(one, name) for one in views]) for name in names))
    facing = seen & (np.abs(whole.yaw) <= LARGEST_YAW_DEGREES)
    covered = covered_frames(colours, np.concatenate(stances), facing, shot, frame_rate)
    return gate(whole, covered, shot, frame_rate)


def gate(take: View, covered: BoolArray, shot: npt.NDArray[np.intp], frame_rate: Fraction) -> Gate:
    """Decide for every frame.

    covered: (n,) see `lipsync.covered`; shot: (n,) number of the shot of each frame: nothing carries over a cut, and a
    change at a cut needs no fading
    """
    strength = np.zeros(len(take.seen), dtype=np.float32)
    gaps: list[Gap] = []
    edges = [0, *(np.flatnonzero(np.diff(shot)) + 1).tolist(), len(shot)]
    for start, end in pairwise(edges):
        part = slice(start, end)
        verdict = _swallow(_verdict(take, covered, part), float(SHORTEST_STAY_SECONDS * frame_rate))
        strength[part] = _eased(verdict == "", max(1, round(EASE_SECONDS * frame_rate)))
        gaps += _gaps(verdict, start)
    return Gate(strength, tuple(gaps))


def _verdict(take: View, covered: BoolArray, part: slice) -> npt.NDArray[np.str_]:
    """(m,) the reason why a frame is bad, empty where it is good."""
    seen = take.seen[part]
    yaw, pitch = np.abs(take.yaw[part]), np.abs(take.pitch[part] - LEVEL_PITCH_DEGREES)
    turned = _beyond(yaw, LARGEST_YAW_DEGREES, CALM_YAW_DEGREES, seen)
    turned |= _beyond(pitch, LARGEST_PITCH_DEGREES, CALM_PITCH_DEGREES, seen)
    small = _beyond(-take.size[part], -SMALLEST_IOD_PIXELS, -CALM_IOD_PIXELS, seen)
    outside = _beyond(-take.margin[part], -SMALLEST_MARGIN_IOD, -CALM_MARGIN_IOD, seen)
    return np.select([~seen, outside, small, turned, covered[part]], [NO_FACE, OFF_PICTURE, SMALL, TURNED, COVERED], default="")


def _beyond(value: FloatArray, limit: float, calm: float, seen: BoolArray) -> BoolArray:
    """Where a value went over the limit and has not come back to calm since."""
    sign = np.where(seen & (value > limit), 1, np.where(seen & (value > calm), 0, -1))
    known = np.where(sign == 0, -1, np.arange(len(sign)))
    last = np.maximum.accumulate(known)
    return np.asarray((last >= 0) & (sign[last.clip(0)] > 0))


def _runs(same: npt.NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """(start, end, value) of the stretches of equal value."""
    edges = [0, *(np.flatnonzero(np.diff(same)) + 1).tolist(), len(same)]
    return [(start, end, bool(same[start])) for start, end in pairwise(edges) if end > start]


def _swallow(verdict: npt.NDArray[np.str_], shortest: float) -> npt.NDArray[np.str_]:
    """Good stretches too short to fade in and out belong to the gap beside them."""
    calm = verdict.copy()
    for start, end, good in _runs(verdict == ""):
        touching = [verdict[place] for place in (start - 1, end) if 0 <= place < len(verdict)]
        if good and touching and end - start < shortest:
            calm[start:end] = touching[0]
    return calm


def _eased(good: BoolArray, frames: int) -> FloatArray:
    """1 inside good stretches, falling smoothly over `frames` frames towards a bad one, where it is 0."""
    eased = np.zeros(len(good), dtype=np.float32)
    for start, end, value in _runs(good):
        if not value:
            continue
        place = np.arange(end - start)
        from_gap = np.full(end - start, np.inf) if start == 0 else place + 1.0
        to_gap = np.full(end - start, np.inf) if end == len(good) else place[::-1] + 1.0
        level = np.minimum(np.minimum(from_gap, to_gap) / (frames + 1), 1)
        eased[start:end] = level * level * (3 - 2 * level)
    return eased


def _gaps(verdict: npt.NDArray[np.str_], offset: int) -> list[Gap]:
    return [
        Gap(offset + start, offset + end - 1, Counter(verdict[start:end].tolist()).most_common(1)[0][0])
        for start, end, bad in _runs(verdict != "")
        if bad
    ]
