"""The fallback: a mouth opened by moving the base frame's own lips apart, where the bank has none like the one wanted.

Two displacements, one for the upper lip and all above it, one for the lower lip and the jaw, meet along the line between
the lips; what opens between them is filled by the inside of one of the speaker's own open mouths, or a drawn one.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, uniform_filter1d

from lipsync.bank import Mouth
from lipsync.faces.landmarks import CHEEKS, CHIN, JAW, LIP_OPENING, LIP_OUTLINE, MOUTH_RING, NOSE, places
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import Box, FloatArray
from lipsync.interior import BARE_SKIN, BLACK, LOWER_OPENING, UPPER_OPENING, Interior, Opening, draw, lip_gap
from lipsync.media.frames import Frame, UInt8Array
from lipsync.shapes import apertures_of_lips
from lipsync.warp import Grid, fields, pick

_AROUND = np.concatenate([JAW, CHEEKS, CHIN, MOUTH_RING, places((57, 43, 287, 273, 186, 410))])
_UPPER = np.concatenate([places((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)), UPPER_OPENING])
_UPPER = np.concatenate([_UPPER, places((164, 167, 165, 92, 393, 391, 322)), _AROUND])
_LOWER = np.concatenate([places((61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)), LOWER_OPENING])
_LOWER = np.concatenate([_LOWER, places((106, 182, 83, 18, 313, 406)), _AROUND])
_MOUTH = np.concatenate([LIP_OUTLINE, LIP_OPENING])

# Points that stay, as shares of a region's width and height: along its sides and lower edge, and the middle of the upper.
_QUARTERS = np.linspace(0, 1, 5)
_EDGE = np.array([(x, y) for x in _QUARTERS for y in _QUARTERS if x in (0, 1) or y == 1 or (x, y) == (0.5, 0)])

Planes = tuple[UInt8Array, UInt8Array, UInt8Array]

# A finer grid would show how little the landmarks of skin and lips agree, as a ruffle in the shadow under the lower lip.
STEP_IOD, INSIDE_STEP_IOD = 0.085, 0.05
SMOOTHNESS, INSIDE_SMOOTHNESS = 3e-3, 1e-2
EDGE_RAMP_IOD = 0.06
SHARP_JOIN_IOD, SOFT_JOIN_IOD = 0.006, 0.04
# A borrowed mouth's own inside serves when it is open by so much of the opening wanted.
OPEN_ENOUGH = 0.5
LEAST_OPEN_IOD = 0.05
TOUCHING_IOD = 0.010
# Distance of the borrowed lips from those wanted beyond which they are not stretched any further, and back again.
FAR_IOD, NEAR_IOD = 0.07, 0.055
FADE_FRAMES = 4
LEAST_LIGHT, MOST_LIGHT = 0.02, 1.6
# How much fainter or stronger, as a natural logarithm, light must be before a mouth is dimmed or lit with it, and from where on
# it is in full: speech alone makes it seem up to the first.
FAINT_CHANGE, CLEAR_CHANGE = 0.16, 0.36


def lip_distance(wanted: DoubleArray, borrowed: DoubleArray) -> DoubleArray:
    """(T,) IOD: how far borrowed lips must be stretched; wanted, borrowed: (T, len(LIPS), 3), own frame.

    The difference of their outlines about their own centres, and that of the openings, which shows more.
    """
    flat, there = wanted[..., :2], borrowed[..., :2]
    difference = (flat - flat.mean(axis=1, keepdims=True)) - (there - there.mean(axis=1, keepdims=True))
    outline = np.sqrt((difference**2).sum(axis=2).mean(axis=1))
    opening = np.abs(apertures_of_lips(wanted) - apertures_of_lips(borrowed))
    return np.asarray(np.maximum(outline, opening / 1.5))


def fallback_share(distance: DoubleArray, *, still: bool) -> DoubleArray:
    """(T,) 0 to 1: how far each frame is made by the fallback; with hysteresis, faded over `FADE_FRAMES` frames.

    distance: (T,) see `lip_distance`; still: the take's mouth hardly moves, so there is nothing to borrow at all
    """
    if still:
        return np.ones(len(distance))
    sign = np.where(distance > FAR_IOD, 1, np.where(distance > NEAR_IOD, 0, -1))
    last = np.maximum.accumulate(np.where(sign == 0, -1, np.arange(len(sign))))
    wanted = (last >= 0) & (sign[last.clip(0)] > 0)
    if not wanted.any():
        return np.zeros(len(distance))
    # Grown first, so that the fade is over when the lips are as far as that.
    grown = binary_dilation(wanted, iterations=FADE_FRAMES)
    return np.asarray(uniform_filter1d(grown.astype(np.float64), 2 * FADE_FRAMES - 1, mode="nearest"))


def sure_light(light: float) -> np.float32:
    """Light of a frame against that of a borrowed mouth: 1 where the difference may be none."""
    change = np.log(np.clip(light, LEAST_LIGHT, MOST_LIGHT))
    sure = np.clip((abs(change) - FAINT_CHANGE) / (CLEAR_CHANGE - FAINT_CHANGE), 0, 1)
    return np.float32(np.exp(change * sure * sure * (3 - 2 * sure)))


def planes(
    frame: Frame,
    box: Box,
    own: DoubleArray,
    wanted: DoubleArray,
    unit: float,
    interior: Interior,
    *,
    strength: float = 1.0,
    mouths: tuple[tuple[Mouth, DoubleArray, float], ...] = (),
) -> Planes:
    """The region of the frame with its own lips moved to the wanted shape, luma and both chroma planes.

    box: even edges, inside the frame; own, wanted: (P, 2) px; unit: px per IOD; strength: 0 shows no inside of the mouth
    mouths: borrowed ones with their landmarks (P, 2) px and shares, for the inside of the mouth; else `interior` is drawn
    """
    width, height = box.right - box.left, box.bottom - box.top
    corner = np.array([box.left, box.top], dtype=np.float64)
    upper = _moved(frame, box, own, wanted, unit, _UPPER)
    lower = _moved(frame, box, own, wanted, unit, _LOWER)
    share = _above_the_line(wanted - corner, width, height, unit)
    opening = Opening.of(wanted, own, corner, unit)
    part = _around(opening, width, height, unit)
    size = (part[1].stop - part[1].start, part[0].stop - part[0].start)
    shifted = Opening.of(wanted, own, corner + [part[1].start, part[0].start], unit)
    light = _light(frame, own, interior)
    picture, shows = draw(interior, shifted, *size, light)
    # Lips that all but touch have their own dark line between them already.
    parted = np.clip((lip_gap(wanted) / unit - TOUCHING_IOD) / TOUCHING_IOD, 0, 1)
    shows *= np.float32(strength * parted)
    borrowed = _borrowed_inside(mouths, shifted, wanted - corner - [part[1].start, part[0].start], size)
    inside = _split(picture) if borrowed is None else _lit(borrowed, sure_light(light))
    found = []
    for index, factor in enumerate((1, 2, 2)):
        whole = share if factor == 1 else _halved(share)
        mixed = lower[index] + (upper[index].astype(np.float32) - lower[index]) * whole
        there = (slice(part[0].start // factor, part[0].stop // factor), slice(part[1].start // factor, part[1].stop // factor))
        blend = shows if factor == 1 else _halved(shows)
        mixed[there] += (inside[index] - mixed[there]) * blend
        found.append(np.asarray(np.clip(mixed + 0.5, 0, 255), dtype=np.uint8))
    return found[0], found[1], found[2]


def _moved(
    frame: Frame, box: Box, own: DoubleArray, wanted: DoubleArray, unit: float, points: npt.NDArray[np.intp]
) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """The frame's region moved so that these points meet; still at the nose and at the region's edge."""
    grid = Grid.over(box.right - box.left, box.bottom - box.top, STEP_IOD * unit, 2)
    corner, size = np.array([box.left, box.top], dtype=np.float64), np.array([grid.width, grid.height])
    still = np.concatenate([own[NOSE] - corner, _EDGE * size])
    target, source = (np.concatenate([marks[points] - corner, still]) for marks in (wanted, own))
    field = fields(target, [source], grid, unit=unit, smoothness=SMOOTHNESS)[0]
    # Nodes up to a step inside the edge have an effect on it.
    inside = np.minimum(grid.places, size - 1 - grid.places).min(axis=-1) - grid.step
    field *= np.clip(inside / (EDGE_RAMP_IOD * unit), 0, 1).astype(np.float32)[..., None]
    full, half = (grid.lookup(field, box.left, box.top, shrink) for shrink in (1, 2))
    return pick(frame.y, full), pick(frame.u, half), pick(frame.v, half)


def _above_the_line(wanted: DoubleArray, width: int, height: int, unit: float) -> FloatArray:
    """(height, width) 1 above the middle of the opening, 0 below; sharp between the lips, soft beyond the corners."""
    line = (wanted[UPPER_OPENING] + wanted[LOWER_OPENING]) / 2
    far = np.array([[-width, line[0, 1]], *line, [2 * width, line[-1, 1]], [2 * width, -height], [-width, -height]])
    above = np.zeros((height, width), dtype=np.float32)
    cv2.fillPoly(above, [np.round(far * 16).astype(np.int32)], (1.0,), cv2.LINE_8, 4)
    lips = np.zeros((height, width), dtype=np.float32)
    cv2.fillConvexPoly(lips, cv2.convexHull(np.round(wanted[_MOUTH]).astype(np.int32)), (1.0,))
    near = cv2.GaussianBlur(lips, (0, 0), SOFT_JOIN_IOD * unit)
    sharp = cv2.GaussianBlur(above, (0, 0), max(0.6, SHARP_JOIN_IOD * unit))
    soft = cv2.GaussianBlur(above, (0, 0), max(1.0, SOFT_JOIN_IOD * unit))
    return np.asarray(soft + (sharp - soft) * np.clip(2 * near - 0.2, 0, 1), dtype=np.float32)


def _around(opening: Opening, width: int, height: int, unit: float) -> tuple[slice, slice]:
    """Rows and columns about the opening, even; inside the region wherever the opening is."""
    pad = 0.08 * unit
    low = np.floor((opening.outline.min(axis=0) - pad) / 2).astype(int) * 2
    high = np.ceil((opening.outline.max(axis=0) + pad) / 2).astype(int) * 2
    left, top = np.clip(low, 0, [width - 2, height - 2]).tolist()
    right, bottom = np.clip(high, [left + 2, top + 2], [width, height]).tolist()
    return slice(top, bottom), slice(left, right)


def _light(frame: Frame, own: DoubleArray, interior: Interior) -> float:
    """How bright the skin beside the nose is in this frame against the take's."""
    x, y = own[BARE_SKIN].round().astype(int).T
    here = frame.y[y.clip(0, frame.height - 1), x.clip(0, frame.width - 1)].astype(np.float64)
    return float(np.clip((np.median(here) - BLACK) / max(interior.skin[0] - BLACK, 8), LEAST_LIGHT, MOST_LIGHT))


def _lit(inside: tuple[FloatArray, FloatArray, FloatArray], light: np.float32) -> tuple[FloatArray, FloatArray, FloatArray]:
    y, u, v = (
        np.float32(black) + light * (plane - np.float32(black)) for plane, black in zip(inside, (BLACK, 128, 128), strict=True)
    )
    return y, u, v


def _borrowed_inside(
    mouths: tuple[tuple[Mouth, DoubleArray, float], ...], opening: Opening, wanted: DoubleArray, size: tuple[int, int]
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """The inside of the borrowed mouths warped to the opening, or None where they are not open enough to show one."""
    asked = lip_gap(wanted)
    if asked < LEAST_OPEN_IOD * opening.unit:
        return None
    open_ones = [(mouth, marks, share) for mouth, marks, share in mouths if lip_gap(marks) >= OPEN_ENOUGH * asked]
    if not open_ones:
        return None
    total = sum(share for _, _, share in open_ones)
    width, height = size
    found = [
        np.zeros((height, width), dtype=np.float32),
        np.zeros((height // 2, width // 2), dtype=np.float32),
        np.zeros((height // 2, width // 2), dtype=np.float32),
    ]
    grid = Grid.over(width, height, INSIDE_STEP_IOD * opening.unit, 2)
    sources = [marks[_MOUTH] - [mouth.left, mouth.top] for mouth, marks, _ in open_ones]
    moves = fields(wanted[_MOUTH], sources, grid, unit=opening.unit, smoothness=INSIDE_SMOOTHNESS)
    for (mouth, _, share), move in zip(open_ones, moves, strict=True):
        full, half = (grid.lookup(move, 0, 0, shrink) for shrink in (1, 2))
        for plane, source, lookup in zip(found, (mouth.y, mouth.u, mouth.v), (full, half, half), strict=True):
            plane += pick(source, lookup) * np.float32(share / total)
    return found[0], found[1], found[2]


def _split(picture: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    return picture[..., 0], _halved(picture[..., 1]), _halved(picture[..., 2])


def _halved(plane: FloatArray) -> FloatArray:
    return np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.float32)
