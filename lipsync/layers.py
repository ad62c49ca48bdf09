"""Two layers that make a new mouth out of the camera's own samples.

Below, the base frame itself, moved so that jaw, chin, cheeks and outer lips meet the wanted shape: it keeps beard, neck
and light. Above, a borrowed mouth warped to that shape, seen only inside a soft mask around the lips. Both are sampled
plane by plane from the camera's YUV, so what the warp does not move and the mask does not cover is not changed at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync import fallback
from lipsync.bank import Mouth
from lipsync.faces.landmarks import CHEEKS, CHIN, JAW, LIP_OUTLINE, LIP_SURROUND, LIPS, MOUTH_RING, NOSE, places
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import Box, FloatArray
from lipsync.interior import Interior
from lipsync.media.frames import Frame, UInt8Array
from lipsync.warp import displacement, half_size, sample

Planes = tuple[UInt8Array, UInt8Array, UInt8Array]

_BELOW = np.concatenate([LIP_OUTLINE[::2], LIP_SURROUND[::2], JAW, CHIN, CHEEKS, MOUTH_RING[::2]])
_ABOVE = np.concatenate([LIPS, LIP_SURROUND[::2], MOUTH_RING, CHIN[:6], places((205, 425, 207, 427, 187, 411))])
_FACE = np.concatenate([JAW, MOUTH_RING, places((4, 50, 280))])

BELOW_GRID, ABOVE_GRID = 20, 16
BELOW_SMOOTHNESS, ABOVE_SMOOTHNESS = 1e-2, 3e-2
SIDE_MARGIN_IOD, LOWER_MARGIN_IOD, UPPER_MARGIN_IOD = 0.30, 0.55, 0.05
EDGE_RAMP_IOD = 0.12
MASK_SIZE = 0.93
MASK_SOFTNESS_IOD = 0.05
COLOUR_REACH_IOD = 0.22
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
    face = _even_box(frame, wish.own[_FACE], wish.unit)
    mask_box, mask = _mask(face, wish)
    if mask_box.right - mask_box.left < 8 or mask_box.bottom - mask_box.top < 8:
        return
    opened = _opened_planes(frame, face, wish)
    if opened is not None and wish.synthetic >= 1:
        _put(frame, face, opened)
        return
    below = _below_planes(frame, face, wish)
    above = _above_planes(mask_box, wish)
    inside = _inside(mask_box, face)
    mask *= np.float32(wish.strength)
    small_mask = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for layer, mouth, factor in zip(below, above, (1, 2, 2), strict=True):
        part = tuple(slice(edge.start // factor, edge.stop // factor) for edge in inside)
        blend = mask if factor == 1 else np.asarray(small_mask, dtype=np.float32)
        layer[part] = _join(layer[part], mouth, blend, wish.unit / factor, COARSE // factor)
    if opened is not None:
        below = _mixed(below, opened, wish.synthetic)
    _put(frame, face, below)


def _opened_planes(frame: Frame, face: Box, wish: Wish) -> Planes | None:
    """What the fallback makes of the region, or None where it has no share."""
    if wish.synthetic <= 0 or wish.interior is None:
        return None
    return fallback.planes(
        *(frame, face, wish.own, wish.wanted, wish.unit, wish.interior), strength=wish.strength, mouths=wish.mouths
    )


def _mixed(one: Planes, other: Planes, share: float) -> Planes:
    y, u, v = (cv2.addWeighted(here, 1 - share, there, share, 0) for here, there in zip(one, other, strict=True))
    return np.asarray(y, dtype=np.uint8), np.asarray(u, dtype=np.uint8), np.asarray(v, dtype=np.uint8)


def _put(frame: Frame, face: Box, planes: Planes) -> None:
    for plane, layer, factor in zip((frame.y, frame.u, frame.v), planes, (1, 2, 2), strict=True):
        plane[face.top // factor : face.bottom // factor, face.left // factor : face.right // factor] = layer


def _even_box(frame: Frame, points: DoubleArray, unit: float) -> Box:
    low, high = points.min(axis=0), points.max(axis=0)
    left = max(0, int(low[0] - SIDE_MARGIN_IOD * unit)) // 2 * 2
    top = max(0, int(low[1] - UPPER_MARGIN_IOD * unit)) // 2 * 2
    right = min(frame.width, int(high[0] + SIDE_MARGIN_IOD * unit)) // 2 * 2
    bottom = min(frame.height, int(high[1] + LOWER_MARGIN_IOD * unit)) // 2 * 2
    return Box(left, top, max(left + 4, right), max(top + 4, bottom))


def _inside(box: Box, outer: Box) -> tuple[slice, slice]:
    return (
        slice(box.top - outer.top, box.bottom - outer.top),
        slice(box.left - outer.left, box.right - outer.left),
    )


def _below_planes(frame: Frame, box: Box, wish: Wish) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """The base frame's lower face, moved to meet the wanted shape; still at the box's edge."""
    width, height = box.right - box.left, box.bottom - box.top
    corner = np.array([box.left, box.top], dtype=np.float64)
    steps = np.linspace(0, 1, 5)
    edge = [(x * width, y * height) for x in steps for y in steps if (x in (0, 1) or y == 1 or (y == 0 and x == 0.5))]
    still = np.concatenate([wish.own[NOSE] - corner, np.array(edge)])
    field = displacement(
        np.concatenate([wish.wanted[_BELOW] - corner, still]),
        np.concatenate([wish.own[_BELOW] - corner, still]),
        *(width, height),
        unit=wish.unit,
        smoothness=BELOW_SMOOTHNESS,
        grid=BELOW_GRID,
    )
    ramp = EDGE_RAMP_IOD * wish.unit
    across = np.clip(np.minimum(np.arange(width), np.arange(width)[::-1]) / ramp, 0, 1)
    down = np.clip(np.minimum(np.arange(height), np.arange(height)[::-1]) / ramp, 0, 1)
    field *= (down[:, None] * across[None])[..., None].astype(np.float32)
    half = half_size(field)
    return (
        sample(frame.y, field, box.left, box.top),
        sample(frame.u, half, box.left / 2, box.top / 2),
        sample(frame.v, half, box.left / 2, box.top / 2),
    )


def _mask(face: Box, wish: Wish) -> tuple[Box, FloatArray]:
    """The soft mask around the lips, (h, w) float32 0 to 1, and where it lies; even edges, inside `face`."""
    ring = wish.wanted[MOUTH_RING]
    centre = ring.mean(axis=0)
    ring = centre + (ring - centre) * MASK_SIZE
    pad = 3.2 * MASK_SOFTNESS_IOD * wish.unit
    low, high = np.floor(ring.min(axis=0) - pad).astype(int), np.ceil(ring.max(axis=0) + pad).astype(int)
    left, top = max(face.left, low[0] // 2 * 2), max(face.top, low[1] // 2 * 2)
    right, bottom = min(face.right, (high[0] + 1) // 2 * 2), min(face.bottom, (high[1] + 1) // 2 * 2)
    box = Box(int(left), int(top), int(max(left, right)), int(max(top, bottom)))
    width, height = box.right - box.left, box.bottom - box.top
    coarse = np.zeros((height // COARSE + 1, width // COARSE + 1), dtype=np.float32)
    outline = np.round((ring - [box.left, box.top]) / COARSE * 16).astype(np.int32)
    cv2.fillPoly(coarse, [outline], (1.0,), cv2.LINE_8, 4)
    blurred = cv2.GaussianBlur(coarse, (0, 0), max(0.8, MASK_SOFTNESS_IOD * wish.unit / COARSE))
    level = np.clip((blurred - 0.04) / 0.92, 0, 1)
    soft = level * level * (3 - 2 * level)
    stretch = np.array([[COARSE, 0, 0], [0, COARSE, 0]], dtype=np.float32)
    return box, np.asarray(cv2.warpAffine(soft, stretch, (width, height), flags=cv2.INTER_LINEAR), dtype=np.float32)


def _above_planes(box: Box, wish: Wish) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The borrowed mouths warped to the wanted shape and mixed, float32 planes over `box`."""
    width, height = box.right - box.left, box.bottom - box.top
    corner = np.array([box.left, box.top], dtype=np.float64)
    y = np.zeros((height, width), dtype=np.float32)
    u = np.zeros((height // 2, width // 2), dtype=np.float32)
    v = np.zeros_like(u)
    for mouth, landmarks, share in wish.mouths:
        field = displacement(
            wish.wanted[_ABOVE] - corner,
            landmarks[_ABOVE] - [mouth.left, mouth.top],
            *(width, height),
            unit=wish.unit,
            smoothness=ABOVE_SMOOTHNESS,
            grid=ABOVE_GRID,
        )
        half = half_size(field)
        cv2.scaleAdd(sample(mouth.y, field, 0, 0).astype(np.float32), share, y, dst=y)
        cv2.scaleAdd(sample(mouth.u, half, 0, 0).astype(np.float32), share, u, dst=u)
        cv2.scaleAdd(sample(mouth.v, half, 0, 0).astype(np.float32), share, v, dst=v)
    return y, u, v


def _join(below: UInt8Array, above: FloatArray, mask: FloatArray, unit: float, coarse: int) -> npt.NDArray[np.uint8]:
    """Lay the mouth over the face, its slow colour differences taken out along the mask's edge (a membrane)."""
    height, width = mask.shape
    ground = below.astype(np.float32)
    size = (max(1, width // coarse), max(1, height // coarse))
    small_mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    gap = cv2.resize(ground, size, interpolation=cv2.INTER_AREA) - cv2.resize(above, size, interpolation=cv2.INTER_AREA)
    trust = 4 * small_mask * (1 - small_mask) + 1e-4 * (small_mask > 0)
    reach = COLOUR_REACH_IOD * unit / coarse
    spread = cv2.GaussianBlur(gap * trust, (0, 0), reach) / (cv2.GaussianBlur(trust, (0, 0), reach) + 1e-6)
    above = above + cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    mixed = ground + (above - ground) * mask
    return np.asarray(np.clip(mixed + 0.5, 0, 255), dtype=np.uint8)
