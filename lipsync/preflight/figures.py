"""The figures of the preflight card: evidence goes in, numbers and courses over time come out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lipsync.covered import BLACK
from lipsync.faces.pose import DoubleArray
from lipsync.joints import Joints
from lipsync.open_mouth import movement
from lipsync.preflight.card import Figures, LoopPoints, Series, Span
from lipsync.preflight.evidence import USABLE_STRENGTH, Evidence
from lipsync.sound.offset import Offset

# Cells of aperture by width, IOD, and how many of them good takes of 20 to 30 s show.
SHAPE_CELL = (0.03, 0.04)
GOOD_TAKE_CELLS = 36
REFERENCE_LIGHT = 130.0
MOST_POINTS = 200
MOST_PLACES = 50
JOINED_SECONDS = 0.3
LONG_GAP_SECONDS = 0.5
SHORTEST_USABLE_PART_SECONDS = 4.0


def measure_figures(evidence: Evidence) -> Figures:
    """All figures of the card."""
    facts, part, rate = evidence.facts, evidence.part, float(evidence.facts.frame_rate)
    inside = np.s_[part.start : part.stop]
    seen = evidence.seen[inside]
    usable = seen & (evidence.strength[inside] >= USABLE_STRENGTH)
    told = usable & np.isfinite(evidence.apertures[inside])
    apertures, widths = evidence.apertures[inside][told], evidence.widths[inside][told]
    cuts = np.flatnonzero(np.diff(evidence.shots[inside])) + 1 + part.start
    sound, offset = _sound(evidence)
    return Figures(
        part=_span(part.start, part.stop, rate),
        coverage=round(float(usable.mean()), 3) if len(usable) else 0.0,
        gaps=_gaps(evidence, rate),
        usable_part=_longest_part(evidence, rate),
        yaw=_series(np.where(seen, evidence.angles[inside, 0], np.nan), part.start, rate, digits=1),
        size=_series(np.where(seen, evidence.iod[inside], np.nan), part.start, rate, digits=1),
        opening=_series(np.where(seen, evidence.apertures[inside], np.nan), part.start, rate, digits=3),
        size_median=_median(evidence.iod[inside][seen], 1),
        sharpness=_crispness(evidence.sharpness[inside][seen], evidence.light[inside][seen]),
        light=_median(evidence.light[inside][seen], 1),
        richness=round(shape_richness(apertures, widths), 3) if len(apertures) else None,
        movement=round(movement(apertures), 3) if len(apertures) else None,
        sound=sound,
        sound_offset=round(offset.seconds, 3) if offset else None,
        sound_match=round(offset.margin, 3) if offset else None,
        faces=evidence.faces,
        speaker=evidence.speaker,
        cuts=tuple(round(float(cut) / rate, 3) for cut in cuts),
        width=facts.width,
        height=facts.height,
        frame_rate=str(facts.frame_rate),
        variable_rate=facts.variable_rate,
        loop_points=_loop_points(evidence.joints, rate),
    )


def _crispness(sharpness: DoubleArray, light: DoubleArray) -> float | None:
    """Sharpness as it would be on a face of usual brightness: contrast of edges grows with the light that falls on them."""
    known = np.isfinite(sharpness) & np.isfinite(light)
    if not known.any():
        return None
    bright = np.maximum(light[known] - BLACK, 8.0) / (REFERENCE_LIGHT - BLACK)
    return round(float(np.median(sharpness[known] - np.log(bright))), 3)


def _sound(evidence: Evidence) -> tuple[str, Offset | None]:
    if not evidence.sound:
        return ("silent" if evidence.silent else "none"), None
    return ("own" if evidence.offset is not None and evidence.learnt else "unmatched"), evidence.offset


def _gaps(evidence: Evidence, rate: float) -> tuple[Span, ...]:
    part = evidence.part
    return tuple(
        _span(max(first, part.start), min(end, part.stop), rate, reason)
        for first, end, reason in evidence.gaps
        if first < part.stop and end > part.start
    )


def _longest_part(evidence: Evidence, rate: float) -> Span | None:
    """The longest stretch in one shot without gaps that last half a second or more together."""
    part = evidence.part
    passes = np.zeros(len(evidence.seen), dtype=bool)
    for first, end, _ in evidence.gaps:
        passes[first:end] = True
    for first, end in _stretches(passes):
        passes[first:end] = end - first >= LONG_GAP_SECONDS * rate
    # A shot's number where the clip can be used, no number elsewhere: stretches of one value are what is asked for.
    values = np.where(passes, -1, evidence.shots - evidence.shots.min())[part.start : part.stop]
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    free = [(first, end) for first, end in pairwise(edges) if end > first and values[first] >= 0]
    first, end = max(free, key=lambda run: run[1] - run[0], default=(0, 0))
    return _span(part.start + first, part.start + end, rate) if end - first >= SHORTEST_USABLE_PART_SECONDS * rate else None


def _loop_points(joints: Joints | None, rate: float) -> LoopPoints | None:
    if joints is None:
        return None
    loop = joints.loop
    return LoopPoints(
        turn_back=round(joints.high.frame / rate, 3),
        turn_back_moved=joints.high.moved,
        turn_forth=round(joints.low.frame / rate, 3),
        turn_forth_moved=joints.low.moved,
        loop_from=round((loop.leaves + 1) / rate, 3),
        loop_to=round(loop.enters / rate, 3),
        loop_moved=loop.moved,
        loop_turned=loop.turned,
    )


def _series(values: DoubleArray, first: int, rate: float, *, digits: int) -> Series:
    block = max(1, -(-len(values) // MOST_POINTS))
    means: list[float | None] = []
    for start in range(0, len(values), block):
        known = values[start : start + block]
        known = known[np.isfinite(known)]
        means.append(round(float(known.mean()), digits) if len(known) else None)
    return Series(round(first / rate, 3), round(block / rate, 4), tuple(means))


def _median(values: DoubleArray, digits: int) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(np.median(known)), digits) if len(known) else None


def _span(first: int, end: int, rate: float, reason: str = "") -> Span:
    return Span(round(first / rate, 3), round(end / rate, 3), reason)


def shape_richness(apertures: DoubleArray, widths: DoubleArray) -> float:
    """Share of the mouth shapes of a good take that are there, 0 to 1: cells of aperture by width that were visited.

    apertures, widths: (m,) IOD, usable frames only
    """
    if not len(apertures):
        return 0.0
    across = (widths - np.median(widths)) / SHAPE_CELL[1] + 0.5
    cells = np.stack([np.floor(apertures / SHAPE_CELL[0]), np.floor(across)], axis=1)
    return min(1.0, len(np.unique(cells, axis=0)) / GOOD_TAKE_CELLS)


def runs(marked: npt.NDArray[np.bool_], first: int, rate: float) -> tuple[Span, ...]:
    """Where the marks are, joined over short breaks; the longest of them, in their order."""
    spans: list[tuple[int, int]] = []
    for start, end in _stretches(marked):
        if spans and start - spans[-1][1] < JOINED_SECONDS * rate:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    longest = sorted(sorted(spans, key=lambda span: span[0] - span[1])[:MOST_PLACES])
    return tuple(_span(first + start, first + end, rate) for start, end in longest)


def _stretches(marked: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and end of every stretch of marks."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
