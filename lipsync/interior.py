"""The inside of an open mouth, drawn for a speaker of whom the take shows none: dark, soft, lit like the face around it.

Sizes are those of adult mouths (about 63 mm between the eyes): upper incisors 8.5 mm wide that show 2 mm below the closed
lips, side teeth narrowing, a tongue that lies behind the lower lip. Teeth hang on the skull, so they stay where the head
is while the lips move; everything is a smooth function of place, so nothing flickers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.bank import Mouth
from lipsync.faces.landmarks import CORNERS, LIP_OPENING, LIP_OUTLINE, places
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray

BLACK = 16.0
# Luma over black, as a share of the skin's beside the nose; chroma as a share of what lips and skin have.
CAVITY_LUMA, TONGUE_LUMA, TEETH_LUMA = 0.12, 0.36, 0.94
CAVITY_CHROMA, TONGUE_CHROMA, TEETH_CHROMA = 0.30, 0.75, 0.55
INCISOR_SHOWS_IOD = 0.032
REST_PERCENTILE = 75
RIM_IOD, RIM_SHARE, TALLEST_IOD = 0.03, 0.18, 0.075
TEETH_HALF_WIDTH_IOD, TEETH_FADE_IOD = 0.24, 0.09
ARCH = 0.45
# Where one tooth ends and the next begins, from the middle.
_GAPS_IOD = (0.0, 0.125, 0.22, 0.29)
GAP_WIDTH_IOD, GAP_DEPTH = 0.011, 0.18
LIP_SHADOW_IOD, EDGE_SHADOW_IOD = 0.055, 0.030
SOFTNESS_IOD = 0.010
WIDE_IOD, SLIT_LIGHT = 0.10, 0.25
# A mouth open by so much may show teeth, and they are at least so bright against the skin.
OPEN_IOD, DARKEST_TEETH = 0.06, 0.5

UPPER_OPENING = places((78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308))
LOWER_OPENING = places((78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308))
_NOSE_BASE = places((2,))[0]
# Skin that a moustache leaves free.
BARE_SKIN = places((203, 423, 206, 426, 36, 266))
_RED: list[tuple[int, ...]] = [(int(LIP_OUTLINE[k]), int(LIP_OPENING[k])) for k in (3, 4, 5, 6, 7)]


@dataclass(frozen=True, slots=True)
class Interior:
    """What the drawing needs to know of a speaker.

    skin, lips: (3,) luma, blue and red difference beside the nose and on the lips
    teeth: (3,) the same where light falls on them, the speaker's own where the take shows any
    drop: IOD from the base of the nose to the edge of the upper incisors
    """

    skin: DoubleArray
    lips: DoubleArray
    teeth: DoubleArray
    drop: float


@dataclass(frozen=True, slots=True)
class Opening:
    """Where the inside of a mouth shows, in px of a region.

    upper, lower: (11, 2) edges of the lips, corner to corner; nose: (2,) its base; unit: px per IOD
    """

    upper: DoubleArray
    lower: DoubleArray
    nose: DoubleArray
    unit: float

    @staticmethod
    def of(wanted: DoubleArray, own: DoubleArray, corner: DoubleArray, unit: float) -> Opening:
        """From landmarks (P, 2) px wanted and those of the base frame; `corner`: the region's upper left.

        The nose is the base frame's own, because teeth hang on the skull and not on what the warp moves.
        """
        local = wanted - corner
        return Opening(local[UPPER_OPENING], local[LOWER_OPENING], own[_NOSE_BASE] - corner, unit)

    @property
    def outline(self) -> DoubleArray:
        """(20, 2) the closed outline."""
        return np.concatenate([self.upper, self.lower[-2:0:-1]])


def interior_of(mouths: list[tuple[Mouth, DoubleArray]], units: list[float]) -> Interior:
    """A speaker's colours and the place of the teeth, from some of the take's mouths.

    mouths: at least one, each with its landmarks (P, 2) px in the take's frame; units: px per IOD of each
    """
    skin = np.median([_colour(mouth, marks, [(int(point),) for point in BARE_SKIN]) for mouth, marks in mouths], axis=0)
    lips = np.median([_colour(mouth, marks, _RED) for mouth, marks in mouths], axis=0)
    drops = [_drop(marks) / unit for (_, marks), unit in zip(mouths, units, strict=True)]
    teeth = _usual_teeth(skin)
    wide = [pair for pair, unit in zip(mouths, units, strict=True) if lip_gap(pair[1]) > OPEN_IOD * unit]
    seen = [_seen_teeth(mouth, marks) for mouth, marks in wide]
    if seen:
        own = np.median(seen, axis=0)
        # The brightest thing in a mouth without visible teeth is a wet tongue, and that is darker.
        teeth = own if own[0] - BLACK > DARKEST_TEETH * (skin[0] - BLACK) else teeth
    # A smile or a wide mouth lifts the lip: the lower places of its edge are those of a mouth at rest.
    return Interior(skin, lips, teeth, float(np.percentile(drops, REST_PERCENTILE)) + INCISOR_SHOWS_IOD)


def lip_gap(landmarks: DoubleArray) -> float:
    """How far the lips are apart at their middle, px; landmarks: (P, 2) px"""
    return float(np.linalg.norm(landmarks[UPPER_OPENING[5]] - landmarks[LOWER_OPENING[5]]))


def _usual_teeth(skin: DoubleArray) -> DoubleArray:
    chroma = 128 + (skin[1:] - 128) * TEETH_CHROMA
    return np.array([BLACK + (skin[0] - BLACK) * TEETH_LUMA, *chroma])


def _seen_teeth(mouth: Mouth, marks: DoubleArray) -> DoubleArray:
    """(3,) colour of the brightest tenth of what shows between the lips."""
    outline = (marks[LIP_OPENING] - [mouth.left, mouth.top]) / 2
    hole = np.zeros(mouth.u.shape, dtype=np.uint8)
    cv2.fillPoly(hole, [np.round(outline).astype(np.int32)], (1,))
    inside = cv2.erode(hole, np.ones((3, 3), dtype=np.uint8)) > 0
    if not inside.any():
        return np.zeros(3)
    luma = cv2.resize(mouth.y, (hole.shape[1], hole.shape[0]), interpolation=cv2.INTER_AREA)[inside]
    bright = luma >= np.percentile(luma, 90)
    return np.array([luma[bright].mean(), mouth.u[inside][bright].mean(), mouth.v[inside][bright].mean()])


def _drop(marks: DoubleArray) -> float:
    """From the base of the nose to the lower edge of the upper lip, px."""
    across = marks[CORNERS[1]] - marks[CORNERS[0]]
    down = np.array([-across[1], across[0]]) / (np.linalg.norm(across) + 1e-6)
    return float((marks[UPPER_OPENING[5]] - marks[_NOSE_BASE]) @ down)


def _colour(mouth: Mouth, marks: DoubleArray, spots: list[tuple[int, ...]]) -> DoubleArray:
    """(3,) median colour of spots, each the mean of landmarks."""
    where = np.array([marks[list(spot)].mean(axis=0) for spot in spots]) - [mouth.left, mouth.top]
    found = []
    for plane, factor in ((mouth.y, 1), (mouth.u, 2), (mouth.v, 2)):
        small = cv2.blur(plane, (3, 3)) if factor == 1 else plane
        x, y = (where / factor).round().astype(int).T
        found.append(np.median(small[y.clip(0, small.shape[0] - 1), x.clip(0, small.shape[1] - 1)]))
    return np.array(found)


def draw(interior: Interior, opening: Opening, width: int, height: int, light: float) -> tuple[FloatArray, FloatArray]:
    """The inside of the mouth over a region of width x height px.

    light: how bright the face is in this frame against `interior.skin`, 1 = the same
    Returns (height, width, 3) float32 luma, blue and red difference, and (height, width) float32, 0 to 1, where it shows.
    """
    unit = opening.unit
    across = (opening.upper[-1] - opening.upper[0]) / (np.linalg.norm(opening.upper[-1] - opening.upper[0]) + 1e-6)
    down = np.array([-across[1], across[0]])
    origin = opening.nose + down * interior.drop * unit
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    along = ((x - origin[0]) * across[0] + (y - origin[1]) * across[1]) / unit
    depth = ((x - origin[0]) * down[0] + (y - origin[1]) * down[1]) / unit
    top = _edge(opening.upper, origin, across, down, unit, along)
    bottom = _edge(opening.lower, origin, across, down, unit, along)
    hole = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(hole, [np.round(opening.outline * 16).astype(np.int32)], (255,), cv2.LINE_8, 4)
    inside = cv2.distanceTransform(hole, cv2.DIST_L2, 3) / np.float32(unit)
    gape = float((opening.lower[5] - opening.upper[5]) @ down) / unit
    picture = _layers(interior, along, depth, top, bottom, gape)
    shade = 0.25 + 0.75 * _step(inside / EDGE_SHADOW_IOD)
    picture[..., 0] = BLACK + picture[..., 0] * shade * np.float32(light)
    picture[..., 1:] = 128 + (picture[..., 1:] - 128) * np.float32(min(1, light))
    soft = max(0.6, SOFTNESS_IOD * unit)
    blurred = cv2.GaussianBlur(picture, (0, 0), soft)
    shows = cv2.GaussianBlur(hole.astype(np.float32) / 255, (0, 0), max(0.7, 0.009 * unit))
    return np.asarray(blurred, dtype=np.float32), np.asarray(shows, dtype=np.float32)


def _layers(
    interior: Interior, along: FloatArray, depth: FloatArray, top: FloatArray, bottom: FloatArray, gape: float
) -> FloatArray:
    """Cavity, tongue and upper teeth over one another; luma over black."""
    skin = interior.skin[0] - BLACK
    tint = np.array([interior.lips[1], interior.lips[2]]) - 128
    picture = np.empty((*along.shape, 3), dtype=np.float32)
    picture[:] = [skin * CAVITY_LUMA, *(128 + tint * CAVITY_CHROMA)]
    lies = bottom - (0.035 + 0.38 * max(0.0, gape - 0.06)) + 0.9 * along**2
    tongue = _step((depth - lies) / 0.06) * _step((0.27 - np.abs(along)) / 0.12) * np.float32(np.clip(gape / 0.12, 0, 1))
    _over(picture, tongue * np.float32(0.85), [skin * TONGUE_LUMA, *(128 + tint * TONGUE_CHROMA)])
    # However low the lip hangs, a rim of teeth shows under it: a mouth without any looks like a hole.
    rim = min(RIM_IOD, RIM_SHARE * max(0.0, gape))
    edge = np.clip(0, top + rim, top + TALLEST_IOD) - ARCH * along**2
    teeth = _step((edge - depth) / 0.016 + 0.5) * _step(
        (TEETH_HALF_WIDTH_IOD + TEETH_FADE_IOD - np.abs(along)) / TEETH_FADE_IOD
    )
    shine: FloatArray = (0.50 + 0.50 * _step((depth - top) / LIP_SHADOW_IOD)) * (
        1 - 0.5 * np.minimum(np.abs(along) / 0.3, 1) ** 2
    )
    for gap in _GAPS_IOD:
        shine = np.asarray(shine * (1 - GAP_DEPTH * np.exp(-(((np.abs(along) - gap) / GAP_WIDTH_IOD) ** 2))), np.float32)
    # Little light falls through a slit.
    lit = np.clip(gape / WIDE_IOD, SLIT_LIGHT, 1)
    _over(picture, teeth, [(interior.teeth[0] - BLACK) * lit * shine, interior.teeth[1], interior.teeth[2]])
    return picture


def _over(picture: FloatArray, share: FloatArray, colour: list[npt.ArrayLike]) -> None:
    for plane, value in enumerate(colour):
        picture[..., plane] += (np.asarray(value, dtype=np.float32) - picture[..., plane]) * share


def _edge(
    line: DoubleArray, origin: DoubleArray, across: DoubleArray, down: DoubleArray, unit: float, along: FloatArray
) -> FloatArray:
    """How deep a lip's edge lies at every pixel's place along the mouth, IOD."""
    local = (line - origin) / unit
    return np.interp(along, local @ across, local @ down).astype(np.float32)


def _step(value: FloatArray) -> FloatArray:
    """Smoothly from 0 to 1."""
    level = np.clip(value, 0, 1)
    return np.asarray(level * level * (3 - 2 * level), dtype=np.float32)
