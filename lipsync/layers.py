"""Two layers that make a new mouth out of the camera's own samples.

Below, the base frame itself, moved so that jaw, chin, cheeks and outer lips meet the wanted shape: it keeps beard, neck
and light. Above, borrowed mouths warped to that shape, seen only inside a soft mask around the lips: detail from the one
that fits best, slow brightness and colour from all of them, so that a change of mouth is no flash. Both are sampled plane
by plane from the camera's YUV, so what the warp does not move and the mask does not cover is not changed at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync import fallback
from lipsync.bank import Mouth
from lipsync.faces.landmarks import (
    BRIDGE,
    CHEEKS,
    CHIN,
    CHIN_TIP,
    JAW,
    LIP_OUTLINE,
    LIP_SURROUND,
    LIPS,
    MOUTH_RING,
    NOSE,
    places,
)
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import Box, FloatArray
from lipsync.interior import BLACK, Interior
from lipsync.media.frames import Frame
from lipsync.shapes import apertures
from lipsync.warp import Grid, fields, pick

_BELOW = np.concatenate([LIP_OUTLINE[::2], LIP_SURROUND[::2], JAW, CHIN, CHEEKS, MOUTH_RING[::2]])
_ABOVE = np.concatenate([LIPS, LIP_SURROUND[::2], MOUTH_RING, CHIN[:6], places((205, 425, 207, 427, 187, 411))])
_BELOW_LOOSE = np.isin(_BELOW, np.concatenate([LIP_SURROUND, MOUTH_RING]))
_ABOVE_LOOSE = ~np.isin(_ABOVE, LIPS)
_TOP = places((4, 50, 280))

STEP_IOD = 0.1
# Lips are met closely. Skin beside them is met loosely: its landmarks are smoothed over more frames than the lips', so that
# in quick movement the two disagree, which would tear a kink into the lips.
BELOW_SMOOTHNESS, ABOVE_SMOOTHNESS, LOOSE = 1e-2, 1e-2, 0.3
# How far beyond the jaw the lower face may move: to the sides, and downwards, where the neck makes room for the chin.
SIDE_REACH_IOD, LOWER_REACH_IOD = 0.25, 0.5
EDGE_RAMP_IOD = 0.15
# Less than the first is no movement at all, so that samples stay as they are; more than the second is moved in full.
LEAST_MOVE_PIXELS, WHOLE_MOVE_PIXELS = 0.1, 0.3
OWN_LIP_SHARE = 0.6
MASK_SOFTNESS_IOD = 0.05
COLOUR_REACH_IOD = 0.22
# Lips take over the light around them only where it differs by more than speech itself makes the skin around them flicker.
LIPS_INSET_IOD = 0.08
FLICKER_GREY_LEVELS = (8.0, 3.0, 3.0)
# Grey levels of colour that say nothing, as in a film without colours.
NO_COLOUR = 5.0
SLOW_IOD = 0.03
# Detail is one mouth's alone until lips blurred by so much have fallen to this; nearer by, two would make the corners vague.
SKIN_REACH_IOD, SKIN_FROM = 0.12, 1 / 6
COARSE = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """What one output frame's mouth shall be.

    own, wanted: (P, 2) px, the base frame's landmarks and where they shall lie
    unit: px per IOD
    mouths: borrowed mouths with their landmarks (P, 2) px in the take's frame, and their shares
    strength: 0 leaves the frame as it is, 1 replaces the mouth
    synthetic: how far the fallback makes the mouth instead of the borrowed ones; it needs `interior`
    """

    own: DoubleArray
    wanted: DoubleArray
    unit: float
    mouths: tuple[tuple[Mouth, DoubleArray, float], ...]
    strength: float
    synthetic: float = 0.0
    interior: Interior | None = None


def paint(frame: Frame, wish: Wish) -> None:
    """Change the frame's mouth in place."""
    if wish.strength <= 0:
        return
    ring = _ring(wish)
    box = mask_box(frame, ring, wish.unit)
    if box.right - box.left < 8 or box.bottom - box.top < 8:
        return
    opened = _opened(frame, wish)  # from the frame as it came
    if opened is None or wish.synthetic < 1:
        _move_face(frame, wish)
        lay_over(frame, box, _borrow(box, wish), soft_mask(box, ring, wish.unit), unit=wish.unit, strength=wish.strength)
    if opened is not None:
        _mix(frame, *opened, wish.synthetic)


def _opened(frame: Frame, wish: Wish) -> tuple[Box, fallback.Planes] | None:
    """What the fallback makes of the lower face, and where it lies; None where it has no share."""
    if wish.synthetic <= 0 or wish.interior is None:
        return None
    box = _face_box(frame, _contour(wish))
    made = fallback.planes(
        frame, box, wish.own, wish.wanted, wish.unit, wish.interior, strength=wish.strength, mouths=wish.mouths
    )
    return box, made


def _mix(frame: Frame, box: Box, planes: fallback.Planes, share: float) -> None:
    """Blend planes over the box into the frame."""
    for plane, made, factor in zip((frame.y, frame.u, frame.v), planes, (1, 2, 2), strict=True):
        area = np.s_[box.top // factor : box.bottom // factor, box.left // factor : box.right // factor]
        plane[area] = cv2.addWeighted(plane[area], 1 - share, made, share, 0)


def _face_box(frame: Frame, contour: DoubleArray) -> Box:
    """The contour's surroundings inside the frame, even edges."""
    low, high = contour.min(axis=0), contour.max(axis=0)
    left, top = (max(0, int(edge) // 2 * 2) for edge in low)
    right, bottom = (min(size, int(edge) // 2 * 2 + 2) for edge, size in zip(high, (frame.width, frame.height), strict=True))
    return Box(left, top, right, bottom)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A mouth to be laid over the face, float32 planes over a box, grey levels.

    y: (h, w); u, v: (h / 2, w / 2); slow: (h / COARSE, w / COARSE, 3) what is added to y, u, v in the slow band
    """

    y: FloatArray
    u: FloatArray
    v: FloatArray
    slow: FloatArray


def _grid(box: Box, unit: float) -> Grid:
    return Grid.over(box.right - box.left, box.bottom - box.top, STEP_IOD * unit, COARSE)


def _move_face(frame: Frame, wish: Wish) -> None:
    """Move the base frame's lower face to meet the wanted shape; beyond the contour, and where little moves, nothing does."""
    contour = _contour(wish)
    box = _face_box(frame, contour)
    left, top = box.left, box.top
    if box.right - left < 8 or box.bottom - top < 8:
        return
    grid = _grid(box, wish.unit)
    still = np.concatenate([wish.own[NOSE], contour[: len(JAW) : 2]])
    corner = np.array([left, top], dtype=np.float64)
    target, source = (np.concatenate([points[_BELOW], still]) - corner for points in (wish.wanted, wish.own))
    smoothness = np.full(len(target), BELOW_SMOOTHNESS)
    smoothness[: len(_BELOW)][_BELOW_LOOSE] = LOOSE
    field = fields(target, [source], grid, unit=wish.unit, smoothness=smoothness)[0]
    inside = np.clip(_depth(grid.places, contour - corner) / (EDGE_RAMP_IOD * wish.unit), 0, 1)
    length = np.hypot(field[..., 0], field[..., 1]) * inside
    moves = np.clip((length - LEAST_MOVE_PIXELS) / (WHOLE_MOVE_PIXELS - LEAST_MOVE_PIXELS), 0, 1)
    field *= (inside * moves)[..., None]
    rows, columns = np.flatnonzero(moves.any(axis=1)), np.flatnonzero(moves.any(axis=0))
    if len(rows) == 0:
        return
    part, cells = grid.around(rows, columns)
    place = (left + cells[1] * grid.step, top + cells[0] * grid.step)
    here = np.ascontiguousarray(field[cells[0] : cells[0] + part.shape[0], cells[1] : cells[1] + part.shape[1]])
    for plane, shrink in ((frame.y, 1), (frame.u, 2), (frame.v, 2)):
        area = np.s_[
            place[1] // shrink : (place[1] + part.height) // shrink, place[0] // shrink : (place[0] + part.width) // shrink
        ]
        plane[area] = pick(plane, part.lookup(here, *place, shrink))


def _contour(wish: Wish) -> DoubleArray:
    """(n, 2) px, corners of a convex area around the lower face: the jaw pushed outwards, nose and upper cheeks."""
    own, jaw = wish.own, wish.own[JAW]
    outwards = jaw - own[MOUTH_RING].mean(axis=0)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
    below = np.clip(outwards @ downwards(own), 0, 1)
    reach = SIDE_REACH_IOD + (LOWER_REACH_IOD - SIDE_REACH_IOD) * below**2
    return np.concatenate([jaw + outwards * (reach * wish.unit)[:, None], own[_TOP], own[MOUTH_RING]])


def _depth(places: FloatArray, points: DoubleArray) -> FloatArray:
    """How far inside the convex hull of the points each place lies, px; negative outside. places: (..., 2)"""
    hull = cv2.convexHull(points.astype(np.float32))[:, 0]
    along = np.roll(hull, -1, axis=0) - hull
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-6)
    distance = places @ normal.T - (hull * normal).sum(axis=1)
    if (hull.mean(axis=0) @ normal.T - (hull * normal).sum(axis=1)).sum() < 0:
        return np.asarray((-distance).min(axis=-1), dtype=np.float32)
    return np.asarray(distance.min(axis=-1), dtype=np.float32)


def _ring(wish: Wish) -> DoubleArray:
    """(n, 2) px, the mask's outline. It reaches lower where the frame's own mouth is open wider than wanted: landmarks lag
    behind a wide open lower lip, which would be seen below the borrowed one."""
    ring = wish.wanted[MOUTH_RING]
    too_wide = max(0.0, float(apertures(wish.own) - apertures(wish.wanted)))
    down = downwards(wish.own)
    below = np.clip((ring - ring.mean(axis=0)) @ down, 0, None)
    drop = OWN_LIP_SHARE * too_wide * below / max(below.max(), 1e-6)
    return np.asarray(ring + drop[:, None] * down)


def downwards(points: DoubleArray) -> DoubleArray:
    """The face's own downward direction in the picture, of length 1."""
    down = points[CHIN_TIP].mean(axis=0) - points[BRIDGE].mean(axis=0)
    return np.asarray(down / (np.linalg.norm(down) + 1e-9))


def mask_box(frame: Frame, ring: DoubleArray, unit: float) -> Box:
    """Where the soft mask of this outline lies: inside the frame, even corner, sides that COARSE divides.

    ring: (n, 2) px; unit: px per IOD
    """
    pad = 3.2 * MASK_SOFTNESS_IOD * unit
    low, high = np.floor(ring.min(axis=0) - pad).astype(int), np.ceil(ring.max(axis=0) + pad).astype(int)
    left, top = (max(0, int(edge) // 2 * 2) for edge in low)
    width = (min(frame.width, int(high[0]) + COARSE) - left) // COARSE * COARSE
    height = (min(frame.height, int(high[1]) + COARSE) - top) // COARSE * COARSE
    return Box(left, top, left + max(0, width), top + max(0, height))


def soft_mask(box: Box, ring: DoubleArray, unit: float) -> FloatArray:
    """(h / COARSE, w / COARSE) float32, 0 to 1, from 0 outside the outline to 1 well inside it; see `mask_box`."""
    blurred = cv2.GaussianBlur(_filled(box, ring), (0, 0), max(0.8, MASK_SOFTNESS_IOD * unit / COARSE))
    level = np.clip((blurred - 0.04) / 0.92, 0, 1)
    return np.asarray(level * level * (3 - 2 * level), dtype=np.float32)


def _filled(box: Box, outline: DoubleArray) -> FloatArray:
    """(h / COARSE, w / COARSE) float32, 1 inside the outline (n, 2) px, 0 outside."""
    coarse = np.zeros(((box.bottom - box.top) // COARSE, (box.right - box.left) // COARSE), dtype=np.float32)
    sixteenths = ((outline - [box.left, box.top] + 0.5) / COARSE - 0.5) * 16
    cv2.fillPoly(coarse, [np.round(sixteenths).astype(np.int32)], (1.0,), cv2.LINE_8, 4)
    return coarse


def _borrow(box: Box, wish: Wish) -> Overlay:
    """The borrowed mouths warped to the wanted shape: detail from the first, the slow band from all.

    Beside the lips, detail comes from the first two, so that folds of the skin come and go over the frames of a fade.
    """
    grid = _grid(box, wish.unit)
    target = wish.wanted[_ABOVE] - np.array([box.left, box.top], dtype=np.float64)
    sources = [landmarks[_ABOVE] - [mouth.left, mouth.top] for mouth, landmarks, _ in wish.mouths]
    smoothness = np.where(_ABOVE_LOOSE, LOOSE, ABOVE_SMOOTHNESS)
    moves = fields(target, sources, grid, unit=wish.unit, smoothness=smoothness)
    first, at_half = wish.mouths[0][0], grid.lookup(moves[0], 0, 0, 2)
    y = pick(first.y, grid.lookup(moves[0], 0, 0)).astype(np.float32)
    u, v = (pick(plane, at_half).astype(np.float32) for plane in (first.u, first.v))
    slow = np.zeros((grid.height // COARSE, grid.width // COARSE, 3), dtype=np.float32)
    if len(wish.mouths) > 1:
        bands = [
            _slow_band(mouth, grid.lookup(move, 0, 0, COARSE)) for (mouth, _, _), move in zip(wish.mouths, moves, strict=True)
        ]
        changes = [np.float32(share) * (band - bands[0]) for (_, _, share), band in zip(wish.mouths, bands, strict=True)]
        next_best = max(range(1, len(changes)), key=lambda place: wish.mouths[place][2])
        skin = _beside_lips(box, wish.wanted[LIP_OUTLINE], wish.unit)
        mouth, _, share = wish.mouths[next_best]
        change = pick(mouth.y, grid.lookup(moves[next_best], 0, 0)) - y
        change *= cv2.resize(np.float32(share) * skin, y.shape[::-1], interpolation=cv2.INTER_LINEAR)
        y += change
        whole = np.sum(changes, axis=0)
        slow = np.asarray(cv2.GaussianBlur(whole, (0, 0), max(0.5, SLOW_IOD * wish.unit / COARSE)), dtype=np.float32)
        slow[..., 0] -= skin * changes[next_best][..., 0]  # it is in the detail already
    return Overlay(y, u, v, slow)


def _beside_lips(box: Box, outline: DoubleArray, unit: float) -> FloatArray:
    """(h / COARSE, w / COARSE) float32, 0 on the lips and their corners, 1 on folds of skin; outline: (n, 2) of the lips, px"""
    lips = _filled(box, outline)
    blurred = cv2.GaussianBlur(lips, (0, 0), max(0.8, SKIN_REACH_IOD * unit / COARSE))
    return np.asarray(np.maximum(0, 1 - blurred / SKIN_FROM), dtype=np.float32)


def _slow_band(mouth: Mouth, lookup: FloatArray) -> FloatArray:
    """(h / COARSE, w / COARSE, 3) float32: the mouth's y, u, v, averaged over squares and warped."""
    small = _coarse(mouth.y, mouth.u, mouth.v)
    return np.asarray(cv2.remap(small, lookup, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)  # type: ignore[call-overload]


def _coarse(y: npt.NDArray[Any], u: npt.NDArray[Any], v: npt.NDArray[Any]) -> FloatArray:
    """(h // COARSE, w // COARSE, 3) float32 means over squares of the three planes."""
    height, width = y.shape[0] // COARSE, y.shape[1] // COARSE
    planes = []
    for plane, factor in ((y, COARSE), (u, COARSE // 2), (v, COARSE // 2)):
        whole = plane[: height * factor, : width * factor]
        planes.append(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.merge(planes), dtype=np.float32)


def lay_over(frame: Frame, box: Box, mouth: Overlay, mask: FloatArray, *, unit: float, strength: float) -> None:
    """Lay the mouth over the face, slow differences in brightness and colour taken out along the mask's edge (a membrane).

    box, mask: from `mask_box` and `soft_mask`; unit: px per IOD
    """
    planes = [
        plane[box.top // shrink : box.bottom // shrink, box.left // shrink : box.right // shrink]
        for plane, shrink in ((frame.y, 1), (frame.u, 2), (frame.v, 2))
    ]
    face, laid = _coarse(*planes), _coarse(mouth.y, mouth.u, mouth.v) + mouth.slow
    light = _light(face, laid, mask)
    if light != 1:
        black = np.array([BLACK, 128, 128], dtype=np.float32)
        y, u, v = (level + light * (plane - level) for level, plane in zip(black, (mouth.y, mouth.u, mouth.v), strict=True))
        mouth, laid = Overlay(y, u, v, light * mouth.slow), black + light * (laid - black)
    tint = _tint(face - laid, mask, unit) + mouth.slow
    share = mask * np.float32(strength)
    for channel, (plane, above) in enumerate(zip(planes, (mouth.y, mouth.u, mouth.v), strict=True)):
        size = plane.shape[::-1]
        change = above + cv2.resize(np.ascontiguousarray(tint[..., channel]), size, interpolation=cv2.INTER_LINEAR)
        change -= plane
        change *= cv2.resize(share, size, interpolation=cv2.INTER_LINEAR)
        change += plane
        change += np.float32(0.5)
        plane[:] = np.clip(change, 0, 255, out=change)


def _light(face: FloatArray, mouth: FloatArray, mask: FloatArray) -> np.float32:
    """How much of the mouth's contrast and colour the face's light leaves, told along the mask's edge; 1 in steady light.

    The middle one of luma, colour and contrast, each of which alone may differ for other reasons: white fades keep luma, a
    passage in black and white has no colour, folds and whatever touches the edge have a contrast of their own.
    face, mouth: (h, w, 3); mask: (h, w)
    """
    edge = 4 * mask * (1 - mask)
    edge /= edge.sum() + np.float32(1e-6)
    means = [float(np.tensordot(edge, picture[..., 0], axes=2)) for picture in (face, mouth)]
    luma = max(means[0] - BLACK, 1) / max(means[1] - BLACK, 1)
    here, there = (picture - np.array([mean, 128, 128], np.float32) for picture, mean in zip((face, mouth), means, strict=True))
    alike, own = (np.tensordot(edge, there * other, axes=2) for other in (here, there))
    colour = (alike[1:].sum() + luma * NO_COLOUR**2) / (own[1:].sum() + NO_COLOUR**2)
    contrast = np.sqrt(np.tensordot(edge, here[..., 0] ** 2, axes=2) / (own[0] + 1))
    return fallback.sure_light(float(np.median((luma, colour, contrast))))


def _tint(gap: FloatArray, mask: FloatArray, unit: float) -> FloatArray:
    """What to add to the mouth so that it meets the face at the mask's edge; inside, the edge's mean, shrunk where small.

    gap: (h, w, 3) face minus mouth; mask: (h, w); all of 1 / COARSE the size
    """
    trust = 4 * mask * (1 - mask) + np.float32(1e-4) * (mask > 0)
    reach = COLOUR_REACH_IOD * unit / COARSE
    weight = cv2.GaussianBlur(trust, (0, 0), reach) + np.float32(1e-6)
    edge = cv2.GaussianBlur(gap * trust[..., None], (0, 0), reach) / weight[..., None]
    mean = np.tensordot(trust, gap, axes=2) / (trust.sum() + np.float32(1e-6))
    shrunk = mean**3 / (mean**2 + np.array(FLICKER_GREY_LEVELS, dtype=np.float32) ** 2)
    inside = cv2.GaussianBlur((mask >= 1).astype(np.float32), (0, 0), LIPS_INSET_IOD * unit / COARSE)
    return np.asarray(edge + (shrunk - edge) * inside[..., None], dtype=np.float32)
