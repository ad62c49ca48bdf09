"""Paint the neutral portrait: skin, eyes, brows, lips, hair, clothes and background of somebody who does not exist.

Enters: the face with other proportions. Leaves: a Portrait, from which every frame of the take is warped.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.synthetic import lips, studio
from lipsync.synthetic.proportions import BROWS, EYES, OVAL, Proportioned
from lipsync.synthetic.sitter import SIZE
from lipsync.synthetic.warp import Image, Points, blend, draw_line, fill_polygon, pixel_grid, smooth_step, soften, vector

CANVAS = (SIZE, SIZE)
FOLDS = ((129, 203, 206, 216, 212, 202, 204), (358, 423, 426, 436, 432, 422, 424))
"""From the wing of the nose round the corner of the mouth to the chin: the fold of a smile."""
AROUND_MOUTH = (98, 203, 206, 216, 212, 202, 204, 201, 421, 424, 422, 432, 436, 426, 423, 327)
JAWLINE = ((172, 136, 150, 149, 176, 148), (397, 365, 379, 378, 400, 377))
UNDER_EYES = ((130, 25, 110, 24, 23, 22, 26, 112), (359, 255, 339, 254, 253, 252, 256, 341))
IRISES = ((468, 469), (473, 474))
UPPER_LIP_BGR = (86, 92, 146)
LOWER_LIP_BGR = (104, 106, 168)
LINING_BGR = (62, 52, 122)
"""The wet inside of the lips, seen when they part."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A neutral face with a closed mouth; below and above the lip line each lip goes on as its wet inside.

    upper, lower: (SIZE, SIZE, 3) float32 BGR 0..255, alike except near the lip line; landmarks: (478, 2) pixels.
    """

    upper: Image
    lower: Image
    landmarks: Points


def _noise(seed: int, sigma: float, sigma_y: float | None = None) -> NDArray[np.float32]:
    """(SIZE, SIZE) smooth noise of unit deviation."""
    raw = np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)
    smooth = soften(raw, sigma, sigma_y)
    return np.asarray(smooth / smooth.std(), np.float32)


def _mouth_mask(grow: float, blur: float) -> NDArray[np.float32]:
    rest = lips.curves(lips.NEUTRAL)
    outline = np.vstack([lips.dense(rest.upper_outer), lips.dense(rest.lower_outer)[::-1]])
    centre = np.array(lips.CENTRE)
    outward = outline - centre
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    return fill_polygon(outline + outward * grow, CANVAS, blur=blur)


def relax(picture: Image, points: Points) -> Image:
    """Take the mouth out and smooth away the folds of the smile, keeping the light on the face."""
    hole = (_mouth_mask(7.0, 0.0) > 0.3).astype(np.uint8)
    bare = cv2.inpaint(np.clip(picture, 0, 255).astype(np.uint8), hole, 7, cv2.INPAINT_TELEA).astype(np.float32)
    bare = blend(bare, soften(bare, 7), _mouth_mask(9.0, 4.0))
    face = fill_polygon(_oval(points, 0.93), CANVAS, blur=6)
    smooth = soften(bare * face[..., None], 13) / np.maximum(soften(face, 13), 0.05)[..., None]
    mask = np.zeros(CANVAS, np.float32)
    for fold in FOLDS:
        mask = np.maximum(mask, draw_line(points[list(fold)], CANVAS, thickness=24, blur=7))
    for jaw in JAWLINE:
        mask = np.maximum(mask, 0.75 * draw_line(points[list(jaw)], CANVAS, thickness=26, blur=7))
    around = fill_polygon(points[list(AROUND_MOUTH)], CANVAS, blur=7)
    result = blend(bare, smooth, np.maximum(np.minimum(mask * 1.2, 1), around) * face * 0.9)
    for line in UNDER_EYES:
        bags = draw_line(points[list(line)] + (0, 4), CANVAS, thickness=9, blur=4)
        result = blend(result, soften(result, 9), bags * 0.5)
    return result


def _oval(points: Points, scale: float = 1.0) -> Points:
    ring = points[list(OVAL)]
    hull: Points = cv2.convexHull(ring.astype(np.float32))[:, 0].astype(np.float64)
    centre = hull.mean(0)
    return np.asarray(centre + (hull - centre) * scale)


def tone_skin(picture: Image) -> Image:
    """A deeper, warmer skin: lower lightness, more yellow and red, with fine pores."""
    lab = np.asarray(cv2.cvtColor(np.clip(picture, 0, 255) / 255, cv2.COLOR_BGR2LAB), np.float32)
    light = lab[..., 0]
    lab[..., 0] = 100 * (np.clip(light, 0, 100) / 100) ** 1.42 * 0.93
    lab[..., 1] = lab[..., 1] * 0.75 + 5.5
    lab[..., 2] = lab[..., 2] * 0.70 + 6.5
    pores = 0.6 * _noise(11, 0.9) + 0.4 * _noise(12, 2.2)
    lab[..., 0] += pores * np.clip((lab[..., 0] - 25) / 30, 0, 1)
    return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR) * 255, 0, 255), np.float32)


def _paint_eyes(picture: Image, points: Points) -> Image:
    """Grey-green irises, lash lines and full dark brows."""
    result = picture
    x, y = pixel_grid(CANVAS)
    for eye, (centre, rim) in zip(EYES, IRISES, strict=True):
        middle = points[centre]
        radius = float(np.linalg.norm(points[rim] - middle))
        opening = fill_polygon(points[list(eye)], CANVAS, blur=0.8)
        distance = np.hypot(x - middle[0], y - middle[1])
        iris = smooth_step((radius - distance) / 1.5 + 0.5) * opening
        light = result.mean(-1)
        tinted = np.clip(light[..., None] * vector(0.95, 1.25, 1.1) + vector(12, 26, 18), 0, 170)
        pupil = smooth_step((radius * 0.42 - distance) / 1.5 + 0.5)[..., None]
        tinted = tinted * (1 - 0.85 * pupil * (light < 140)[..., None])
        result = blend(result, tinted, iris * 0.85)
        white = opening * (1 - iris) * np.clip((light - 70) / 60, 0, 1)
        result = result * (1 - 0.06 * white[..., None])
        lashes = draw_line(points[list(eye[:9])] + (0, -0.5), CANVAS, thickness=2, blur=0.8)
        result = blend(result, (18, 20, 26), lashes * 0.75)
        below = draw_line(points[list(eye[9:])] + (0, 1.0), CANVAS, thickness=1, blur=1.0)
        result = blend(result, (34, 40, 56), below * 0.35)
    hairs = 0.75 + 0.25 * _noise(21, 1.6, 0.8)
    for brow in BROWS:
        upper, lower = points[list(brow[:5])], points[list(brow[5:])]
        body = fill_polygon(np.vstack([upper + np.array([0, 1]), lower + np.array([0, 3.5])]), CANVAS, blur=2.2)
        result = blend(result, (26, 30, 40), np.clip(body * hairs, 0, 1) * 0.85)
    return result


def _lip_coordinates() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Per pixel: position along the mouth (-1..1), lip line, upper edge and lower edge (y in pixels)."""
    rest = lips.curves(lips.NEUTRAL)
    x, _ = pixel_grid(CANVAS)

    def height(curve: Points) -> NDArray[np.float32]:
        fine = lips.dense(curve)
        return np.interp(x, fine[:, 0], fine[:, 1]).astype(np.float32)

    along = (x - np.float32(lips.CENTRE[0])) / np.float32(lips.NEUTRAL.half_width)
    return along, height(rest.upper_inner), height(rest.upper_outer), height(rest.lower_outer)


def paint_lips(picture: Image) -> tuple[Image, Image]:
    """Both lips in one colour scheme, each over its own copy of the picture."""
    along, line, top, bottom = _lip_coordinates()
    _, y = pixel_grid(CANVAS)
    creases = 0.6 * _noise(31, 1.0, 5.0) + 0.5 * _noise(32, 2.0, 6.0) + 0.3 * _noise(33, 0.8)
    inside = _mouth_mask(0.4, 1.3)
    fade = smooth_step((1.02 - np.abs(along)) / 0.16)
    depth_upper = np.clip((y - top) / np.maximum(line - top, 1.0), 0, 1.6)
    depth_lower = np.clip((bottom - y) / np.maximum(bottom - line, 1.0), 0, 1.6)
    relief = picture.mean(-1) / np.maximum(soften(picture.mean(-1), 12), 1)

    def lip(colour: tuple[int, int, int], light: NDArray[np.float32], past: NDArray[np.float32]) -> Image:
        shaded = vector(*colour) * (light * (1 + 0.045 * creases) * relief)[..., None]
        shaded += np.maximum(light - 1.04, 0)[..., None] * vector(95, 95, 80)
        return np.asarray(shaded + (vector(*LINING_BGR) - shaded) * past[..., None], np.float32)

    upper_light = 1.06 - 0.24 * np.clip(depth_upper, 0, 1) ** 1.3 - 0.06 * along**2
    shine = np.exp(-(((depth_lower - 0.62) / 0.22) ** 2)) * np.exp(-((along / 0.42) ** 2)) * (1 + 0.25 * creases)
    lower_light = 0.90 + 0.10 * np.clip(depth_lower * 2, 0, 1) + 0.16 * shine - 0.10 * along**2
    lower_light -= 0.16 * smooth_step((depth_lower - 0.85) / 0.15)
    past_upper = smooth_step((y - line - 0.3) / 2.5)
    past_lower = smooth_step((line - y - 0.3) / 2.5)
    edge = blend(picture, soften(picture, 3) * vector(0.86, 0.86, 0.93), _mouth_mask(2.0, 3.0) * 0.8)
    shadow = np.exp(-((((y - bottom - 7) / 6.0) ** 2) + (along / 0.62) ** 2))
    edge = edge * (1 - 0.13 * shadow[..., None])
    alpha = inside * fade
    return (
        blend(edge, lip(UPPER_LIP_BGR, upper_light, past_upper), alpha * 0.93),
        blend(edge, lip(LOWER_LIP_BGR, lower_light, past_lower), alpha * 0.93),
    )


def paint(face: Proportioned) -> Portrait:
    """The whole neutral portrait."""
    skin = tone_skin(relax(face.picture, face.landmarks))
    skin = _paint_eyes(skin, face.landmarks)
    scene = studio.dress(skin, face.landmarks)
    upper, lower = paint_lips(scene)
    return Portrait(upper, lower, face.landmarks)
