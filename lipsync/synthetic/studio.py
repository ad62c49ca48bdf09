"""Hair, clothes and background, painted around the face."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic.proportions import MIDLINE
from lipsync.synthetic.sitter import SIZE
from lipsync.synthetic.warp import Image, Points, blend, fill_polygon, pixel_grid, smooth_step, soften

CANVAS = (SIZE, SIZE)
HAIR_BGR = (24, 28, 38)
HAIR_SHINE_BGR = (66, 80, 104)
CLOTH_BGR = (92, 84, 66)
COLLAR_TOP = 492.0
"""Height of the collar's upper edge in the middle; everything below it is cloth and stays still."""


def background() -> Image:
    """A plain grey-blue studio wall, lighter behind the head."""
    x, y = pixel_grid(CANVAS)
    glow = np.exp(-(((x - 380) / 330) ** 2 + ((y - 250) / 330) ** 2))[..., None]
    return np.asarray(np.float32([118, 108, 98]) * (0.62 + 0.62 * glow), np.float32)


def _strands(seed: int, across: float, along: float) -> NDArray[np.float32]:
    """(SIZE, SIZE) noise of unit deviation, drawn out vertically like hair."""
    raw = np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)
    smooth = soften(raw, across, along)
    return np.asarray(smooth / smooth.std(), np.float32)


def hair_matte(picture: Image) -> NDArray[np.float32]:
    """(SIZE, SIZE) 0..1: the head against the sitter's grey background, found by its yellowness (CIE b*)."""
    lab = cv2.cvtColor(np.clip(picture, 0, 255) / 255, cv2.COLOR_BGR2LAB)
    yellow = soften(lab[..., 2], 2.0)
    dark = soften(lab[..., 0], 1.2)
    likely = np.maximum(smooth_step((yellow - 9) / 8), smooth_step((62 - dark) / 14))
    _, y = pixel_grid(CANVAS)
    likely = likely * smooth_step((395 - y) / 20)
    solid = (likely > 0.5).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((21, 21), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else 0
    return soften((labels == biggest).astype(np.float32), 1.6)


def _dark_hair(picture: Image) -> Image:
    """The sitter's strands in another colour."""
    light = soften(picture.mean(-1), 0.7)
    local = light / np.maximum(soften(light, 22), 12)
    shine = np.clip((light - 60) / 150, 0, 1) ** 1.6 * np.clip(local, 0.4, 1.7) ** 2.2
    x, y = pixel_grid(CANVAS)
    fringe = smooth_step((np.abs(x - MIDLINE) - 112) / 8)
    shine = shine * np.maximum(fringe, smooth_step((208 - y) / 24))
    shine = shine * (1 + 0.10 * _strands(41, 0.9, 3.0))
    return blend(np.broadcast_to(np.float32(HAIR_BGR), picture.shape), HAIR_SHINE_BGR, np.clip(shine, 0, 1.2))


def face_window(points: Points) -> NDArray[np.float32]:
    """(SIZE, SIZE) 0..1: where skin shows between the hair: the face under the fringe, down to the collar."""
    left, right = points[234, 0], points[454, 0]
    outline = np.array(
        [
            [left + 14, 300], [left + 12, 262], [left + 18, 236], [left + 34, 222], [left + 62, 212], [MIDLINE - 30, 204],
            [MIDLINE + 20, 200], [MIDLINE + 62, 196], [right - 40, 214], [right - 18, 226], [right - 10, 262],
            [right - 12, 300], [right - 20, 360], [right - 30, 395], [right - 42, 420], [right - 46, 540], [left + 46, 540],
            [left + 42, 420], [left + 30, 395], [left + 20, 360],
        ]
    )  # fmt: skip
    return fill_polygon(outline, CANVAS, blur=2.5)


def _bob_outline(inset: float) -> Points:
    """Outline of chin-length hair, mirrored about the midline; inset moves the whole edge inwards (pixels)."""
    right = np.array(
        [[0, 70], [90, 84], [148, 130], [167, 200], [184, 280], [197, 350], [198, 420], [190, 470], [170, 506], [138, 522]]
        + [[96, 524], [60, 516]],
        np.float64,
    )
    right[:, 0] = np.maximum(right[:, 0] - inset, 0)
    left = right[::-1] * (-1, 1)
    return np.vstack([right, left]) + (MIDLINE, 0)


def _bob() -> tuple[NDArray[np.float32], Image]:
    """Straight hair down to the jaw on both sides and behind the neck: mask and colours."""
    x, y = pixel_grid(CANVAS)
    shaped = fill_polygon(_bob_outline(0), CANVAS, blur=1.8)
    ragged = cv2.remap(shaped, x + 1.8 * _strands(43, 1.4, 60), y + 3 * _strands(44, 1.2, 40), cv2.INTER_LINEAR)
    side = np.abs(x - MIDLINE)
    down = np.clip((y - 200) / 300, 0, 1)
    along = (x - MIDLINE) / (1 + 0.20 * np.sin(down * 2.6)) + MIDLINE + 3 * np.sin(y / 50)
    flow = dict(interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    fine = cv2.remap(_strands(45, 0.8, 50), along, y, **flow)
    broad = cv2.remap(_strands(46, 4.0, 90), along, y, **flow)
    round_ = np.exp(-(((side - 158) / 26) ** 2))
    sheen = np.exp(-(((y - 330 - 12 * broad) / 58) ** 2)) + 0.30 * np.exp(-(((y - 480) / 30) ** 2))
    light = 0.07 + 0.42 * round_ * sheen + 0.10 * fine * (0.25 + round_) + 0.07 * broad * (0.2 + round_)
    light = light * smooth_step((side - 80) / 45)
    base = np.float32(HAIR_BGR) * (0.55 + 0.45 * smooth_step((side - 80) / 50))[..., None]
    return np.asarray(ragged, np.float32), blend(np.asarray(base, np.float32), HAIR_SHINE_BGR, np.clip(light, 0, 1))


def _curtains() -> NDArray[np.float32]:
    """(SIZE, SIZE) 0..1: the part of the bob that hangs in front of cheeks, neck and collar."""
    x, y = pixel_grid(CANVAS)
    edge = np.interp(y, [180, 230, 290, 350, 420, 470, 520], [118, 104, 100, 100, 94, 86, 84]).astype(np.float32)
    inner = edge + 2.2 * _strands(47, 1.5, 70) + 2.0 * np.sin(y / 37)
    return smooth_step((np.abs(x - MIDLINE) - inner) / 5 + 0.5) * smooth_step((y - 215) / 70)


def _clothes(scene: Image) -> Image:
    """A plain knitted pullover with a high collar."""
    x, y = pixel_grid(CANVAS)
    off = (x - MIDLINE) / 300
    shoulder = 556 + 95 * np.abs(off) ** 2.2 + 6 * np.abs(off)
    body = smooth_step((y - shoulder) / 3 + 0.5)
    knit = _strands(51, 0.8, 3.0) * 0.5 + _strands(52, 3.0, 1.0) * 0.4
    fall = 0.95 - 0.30 * np.abs(off) - 0.10 * smooth_step((y - 600) / 60)
    folds = 0.05 * np.sin(off * 14 + 0.02 * y) * np.exp(-((off / 0.6) ** 2))
    cloth = np.float32(CLOTH_BGR) * (fall + folds + 0.03 * knit)[..., None]
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
    return blend(scene, np.asarray(np.float32(CLOTH_BGR) * lit[..., None], np.float32), collar)


def _neck(skin: Image, points: Points) -> Image:
    """Skin carried down to the collar, in the shade of the chin."""
    x, y = pixel_grid(CANVAS)
    chin = float(points[152, 1])
    rows = slice(int(chin) - 3, int(chin) + 4)
    beside = np.r_[int(MIDLINE) - 62 : int(MIDLINE) - 52, int(MIDLINE) + 52 : int(MIDLINE) + 62]
    sample = skin[rows][:, beside].mean((0, 1))
    fill = np.float32(sample) * (0.90 - 0.30 * np.abs((x - MIDLINE) / 88) ** 3)[..., None]
    fill *= (1 - 0.20 * np.exp(-(((y - chin - 6) / 14) ** 2)))[..., None]
    jaw = chin + 8 - 40 * ((x - MIDLINE) / 85) ** 2
    return blend(skin, np.asarray(fill, np.float32), smooth_step((y - jaw) / 12))


def dress(picture: Image, skin: Image, points: Points) -> Image:
    """Compose the scene: wall, hair behind, neck and face, the sitter's own strands recoloured, pullover, hair in front.

    picture: the face before its skin was toned (the matte is found in it); skin: the face to show.
    """
    _, y = pixel_grid(CANVAS)
    window = face_window(points)
    bob, bob_colours = _bob()
    scene = blend(background(), bob_colours, bob * smooth_step((y - 150) / 60))
    crown = hair_matte(picture) * (1 - window)
    scene = blend(scene, _dark_hair(picture), crown * smooth_step((285 - y) / 70))
    shade = 1 - 0.30 * (soften(1 - window, 9) * window)
    scene = blend(scene, _neck(skin, points) * shade[..., None], window)
    scene = _clothes(scene)
    curtains = _curtains() * bob
    shadow = np.asarray(soften(curtains, 7) * (1 - curtains) * smooth_step((y - 200) / 40), np.float32)
    scene = scene * (1 - 0.45 * shadow[..., None])
    return blend(scene, bob_colours, curtains)
