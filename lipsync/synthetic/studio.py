"""Hair, clothes and background, painted around the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from lipsync.synthetic.proportions import MIDLINE
from lipsync.synthetic.sitter import SIZE
from lipsync.synthetic.warp import Image, Points, blend, fill_polygon, pixel_grid, resample, smooth_step, soften, vector

CANVAS = (SIZE, SIZE)
HAIR_BGR = (24, 28, 38)
HAIR_SHINE_BGR = (66, 80, 104)
CLOTH_BGR = (92, 84, 66)
HAIR_HEIGHTS = (30, 34, 46, 70, 110, 160, 220, 300, 380, 450, 500, 528)
HAIR_REACHES = (0, 40, 78, 111, 138, 156, 167, 175, 179, 176, 166, 152)
"""Outline of the hair: how far it reaches to either side of the midline at each height, in pixels."""
FRINGE_Y = 209.0
FOREHEAD_Y = 214.0
COLLAR_TOP = 492.0
"""Height of the collar's upper edge in the middle; everything below it is cloth and stays still."""


def background() -> Image:
    """A plain grey-blue studio wall, lighter behind the head."""
    x, y = pixel_grid(CANVAS)
    glow = np.exp(-(((x - 380) / 330) ** 2 + ((y - 250) / 330) ** 2))[..., None]
    return np.asarray(vector(118, 108, 98) * (0.62 + 0.62 * glow), np.float32)


def _strands(seed: int, across: float, along: float) -> NDArray[np.float32]:
    """(SIZE, SIZE) noise of unit deviation, drawn out vertically like hair."""
    raw = np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)
    smooth = soften(raw, across, along)
    return np.asarray(smooth / smooth.std(), np.float32)


def face_window(points: Points) -> NDArray[np.float32]:
    """(SIZE, SIZE) 0..1: skin as far as it is the sitter's: the face under the fringe, down to the collar."""
    heights = np.array([190.0, 229, 262, 300, 360, 395, 420, 540])
    insets = np.array([28.0, 18, 11, 13, 25, 39, 50, 50])
    left = np.column_stack([points[234, 0] + insets, heights])
    right = np.column_stack([points[454, 0] - insets, heights])
    return fill_polygon(np.vstack([left[::-1], right]), CANVAS, blur=2.5)


def _half_width(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the hair reaches to either side of the midline at a height, in pixels; 0 above the head."""
    fine = PchipInterpolator(HAIR_HEIGHTS, HAIR_REACHES)(np.clip(y, HAIR_HEIGHTS[0], HAIR_HEIGHTS[-1]))
    return np.asarray(fine, np.float32)


def hair() -> tuple[NDArray[np.float32], Image]:
    """A dark bob with a fringe: mask and colours.

    Strands follow the meridians of the head: lines of constant `across`, that all meet at the crown.
    """
    x, y = pixel_grid(CANVAS)
    reach = _half_width(y)
    uneven = 1.3 * _strands(43, 5, 22) + 0.012 * (y - HAIR_HEIGHTS[0]) * np.sin(y / 47)
    across = (x - MIDLINE + 6) / np.maximum(reach, 1)
    ends = HAIR_HEIGHTS[-1] - 6 + 2.5 * _strands(44, 1.3, 60) - 5 * across**2
    mask = smooth_step((reach + uneven - np.abs(x - MIDLINE)) / 4 + 0.5) * smooth_step((ends - y) / 5)
    mask = mask * smooth_step((y - HAIR_HEIGHTS[0]) / 4)
    column = MIDLINE + across * 190 + 3 * np.sin(y / 60 + across * 2)
    fine = resample(_strands(45, 0.9, 45), column, y)
    broad = resample(_strands(46, 4.5, 90), column, y)
    angle = np.abs(across)
    round_ = np.exp(-(((angle - 0.80) / 0.15) ** 2)) * smooth_step((y - 230) / 90)
    sheen = np.exp(-(((y - 335 - 12 * broad) / 60) ** 2)) + 0.30 * np.exp(-(((y - 480) / 30) ** 2))
    halo = np.exp(-(((y - 112 - 95 * angle**2 - 9 * broad - 4 * fine) / 25) ** 2)) * (1 - 0.5 * angle)
    light = 0.08 + 0.40 * round_ * sheen + 0.36 * halo + (0.07 * fine + 0.06 * broad) * (0.35 + round_ + halo)
    inner = smooth_step((np.abs(x - MIDLINE) - 80) / 50)
    lit = np.maximum(inner, smooth_step((250 - y) / 60))
    base = vector(*HAIR_BGR) * (0.55 + 0.45 * lit)[..., None]
    dim = 1 - 0.45 * np.clip((angle - 0.86) / 0.14, 0, 1)
    colours = blend(np.asarray(base, np.float32), HAIR_SHINE_BGR, np.clip(light * lit * dim, 0, 1))
    return np.asarray(mask, np.float32), colours


def _curtains() -> NDArray[np.float32]:
    """(SIZE, SIZE) 0..1: the part of the hair that hangs in front of forehead, cheeks, neck and collar."""
    x, y = pixel_grid(CANVAS)
    side = np.abs(x - MIDLINE)
    inner = np.interp(y, [180, 230, 290, 350, 420, 470, 520], [104, 100, 97, 93, 86, 81, 80]).astype(np.float32)
    inner = inner + 1.6 * _strands(47, 1.5, 70) + 2.0 * np.sin(y / 37)
    fringe = FRINGE_Y + 0.0016 * side**2 + 3.0 * _strands(48, 1.6, 50) + 2.0 * np.sin(x / 31)
    below = smooth_step((side - inner) / 5 + 0.5)
    return np.maximum(below, smooth_step((fringe - y) / 6 + 0.5))


def _clothes(scene: Image) -> Image:
    """A plain knitted pullover with a high collar."""
    x, y = pixel_grid(CANVAS)
    off = (x - MIDLINE) / 300
    shoulder = 556 + 95 * np.abs(off) ** 2.2 + 6 * np.abs(off)
    body = smooth_step((y - shoulder) / 3 + 0.5)
    knit = _strands(51, 0.8, 3.0) * 0.5 + _strands(52, 3.0, 1.0) * 0.4
    fall = 0.95 - 0.30 * np.abs(off) - 0.10 * smooth_step((y - 600) / 60)
    folds = 0.05 * np.sin(off * 14 + 0.02 * y) * np.exp(-((off / 0.6) ** 2))
    cloth = vector(*CLOTH_BGR) * (fall + folds + 0.03 * knit)[..., None]
    scene = blend(scene, np.asarray(cloth, np.float32), body)
    across = (x - MIDLINE) / 92
    top = COLLAR_TOP + 12 * (1 - np.clip(across, -1, 1) ** 2) - 4
    base = 566 + 22 * (1 - np.clip(across, -1, 1) ** 2)
    roll = np.sqrt(np.clip(1 - across**2, 0, 1))
    ribs = 0.5 + 0.5 * np.sin(np.arcsin(np.clip(across, -1, 1)) * 46)
    lit = (0.42 + 0.62 * roll) * (0.90 + 0.12 * ribs) + 0.03 * knit
    lit = lit * (1 - 0.25 * np.exp(-(((y - top - 3) / 5) ** 2))) * (1 - 0.30 * smooth_step((y - base + 16) / 16))
    lit = lit * (1 - 0.14 * np.exp(-(((y - top - 40) / 9) ** 2)))
    collar = smooth_step((y - top) / 3) * smooth_step((base - y) / 4) * smooth_step((1 - np.abs(across)) * 92 / 3)
    under = np.exp(-(((y - base) / 12) ** 2)) * (np.abs(across) < 1.15)
    scene = scene * (1 - 0.35 * soften(under.astype(np.float32), 4)[..., None] * body[..., None])
    return blend(scene, np.asarray(vector(*CLOTH_BGR) * lit[..., None], np.float32), collar)


def _neck(skin: Image, points: Points) -> Image:
    """Skin carried down to the collar, in the shade of the chin."""
    x, y = pixel_grid(CANVAS)
    chin = float(points[152, 1])
    rows = slice(int(chin) - 3, int(chin) + 4)
    beside = np.r_[int(MIDLINE) - 62 : int(MIDLINE) - 52, int(MIDLINE) + 52 : int(MIDLINE) + 62]
    sample = skin[rows][:, beside].mean((0, 1))
    fill = sample * (0.90 - 0.30 * np.abs((x - MIDLINE) / 88) ** 3)[..., None]
    fill *= (1 - 0.20 * np.exp(-(((y - chin - 6) / 14) ** 2)))[..., None]
    jaw = chin + 8 - 40 * ((x - MIDLINE) / 85) ** 2
    return blend(skin, np.asarray(fill, np.float32), smooth_step((y - jaw) / 12))


def _forehead(skin: Image) -> Image:
    """The sitter's fringe hangs low at the sides: skin from the middle of the forehead takes its place."""
    x, y = pixel_grid(CANVAS)
    sample = skin[222:232, int(MIDLINE) - 25 : int(MIDLINE) + 25].mean((0, 1))
    fill = sample * (0.93 - 0.25 * np.clip(np.abs(x - MIDLINE) / 100, 0, 1) ** 2)[..., None]
    return blend(skin, np.asarray(fill, np.float32), smooth_step((FOREHEAD_Y - y) / 10))


def dress(skin: Image, points: Points) -> Image:
    """Compose the scene: wall, hair behind, neck and face, pullover, hair in front. skin: the face to show."""
    window = face_window(points)
    mask, colours = hair()
    scene = blend(background(), colours, mask)
    shade = 1 - 0.30 * (soften(1 - window, 9) * window)
    scene = blend(scene, _forehead(_neck(skin, points)) * shade[..., None], window)
    scene = _clothes(scene)
    curtains = _curtains() * mask
    shadow = np.asarray(soften(curtains, 7) * (1 - curtains), np.float32)
    scene = scene * (1 - 0.60 * shadow[..., None])
    return blend(scene, colours, curtains)
