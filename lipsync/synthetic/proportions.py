"""Another face's proportions: where the landmarks of the sitter go, and the picture warped to them.

The sitter is a real person; the take must not show her. Eyes, nose, jaw, forehead and the outline of the hair all move, and
the open smile becomes a closed mouth at rest. Positions are pixels of the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.synthetic import lips
from lipsync.synthetic.sitter import (
    LOWER_INNER,
    LOWER_OUTER,
    SIZE,
    UPPER_INNER,
    UPPER_OUTER,
    Sitter,
)
from lipsync.synthetic.warp import Image, Points, blend, border_points, fill_polygon, pixel_grid, resample, thin_plate_field

MIDLINE = 324.5
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
"""Lid contours: outer corner, over the upper lid to the inner corner, back along the lower lid."""
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
NOSE = (1, 2, 4, 5, 6, 168, 197, 195, 98, 327, 129, 358, 48, 278, 49, 279, 64, 294, 19, 94)
OVAL = (
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),
)
NOSE_END = (1, 2, 4, 19, 94, 98, 327, 97, 326, 129, 358, 64, 294, 48, 278, 49, 279)
CHEEKS = (50, 280, 101, 330, 117, 346, 205, 425, 187, 411, 147, 376, 36, 266, 118, 347)
CHIN = (18, 199, 175, 200, 208, 428, 201, 421, 204, 424)
HAIR_OUTLINE: Points = np.column_stack(
    [
        (138.0, 150, 196, 262, 330, 400, 452, 492, 506, 482, 158),
        (222.0, 120, 68, 44, 36, 52, 86, 150, 222, 290, 290),
    ]
)


@dataclass(frozen=True, slots=True)
class Proportioned:
    """The face with other proportions. Its lips are in place (lips.NEUTRAL) but still need painting.

    picture: (SIZE, SIZE, 3) float32 BGR; landmarks: (478, 2) pixels.
    """

    picture: Image
    landmarks: Points


def _lower_face(points: Points) -> Points:
    """Shorter nose, longer and narrower chin."""
    moved = points.copy()
    heights, moved_to = (0, 180, 256, 331, 352, 388, 446, 640), (0, 172, 256, 327, 349, 394, 470, 652)
    moved[:, 1] = np.interp(points[:, 1], heights, moved_to)
    narrow = np.interp(points[:, 1], [0, 256, 300, 350, 400, 446, 640], [1, 1, 1.0, 0.94, 0.87, 0.85, 1])
    moved[:, 0] = MIDLINE + (points[:, 0] - MIDLINE) * narrow
    return moved


def target_landmarks(landmarks: Points) -> Points:
    """Where every landmark of the sitter lies on the new face."""
    moved = _lower_face(landmarks)
    for side, (eye, brow) in enumerate(zip(EYES, BROWS, strict=True)):
        outward = -1.0 if side == 0 else 1.0
        around = list(eye)
        centre = landmarks[around].mean(0)
        offset = landmarks[around] - centre
        moved[around] = centre + offset * (1.08, 1.32) + (-2.0 * outward, 3.0)
        moved[around, 1] -= 0.13 * outward * offset[:, 0]
        moved[list(brow)] = landmarks[list(brow)] + (-1.8 * outward, -1.0)
    wings = list(NOSE)
    moved[wings, 0] = MIDLINE + (landmarks[wings, 0] - MIDLINE) * 0.78
    moved[list(NOSE_END), 1] -= 4.0
    rest = lips.curves(lips.NEUTRAL)
    moved[list(UPPER_INNER)], moved[list(LOWER_INNER)] = rest.upper_inner, rest.lower_inner
    moved[list(UPPER_OUTER)], moved[list(LOWER_OUTER)] = rest.upper_outer, rest.lower_outer
    return moved


def _warped(sitter: Sitter, moved: Points, outer: tuple[int, ...], inner: tuple[int, ...], gum: float) -> Image:
    """Warp for one lip. gum: pixels by which its inner source edge is moved into the lip, so that no tooth is sampled."""
    fixed = [i for group in (*EYES, *BROWS, NOSE, OVAL, CHEEKS, CHIN) for i in group]
    source_inner = sitter.landmarks[list(inner)] + (0.0, gum)
    source_outer = sitter.landmarks[list(outer)].copy()
    source_outer[[0, -1], 0] += (-3.0, 3.0)
    source_inner[[0, -1]] = source_outer[[0, -1]] + (0.0, gum)
    squeeze = (HAIR_OUTLINE - (MIDLINE, 256)) * (0.93, 0.97) + (MIDLINE, 256)
    edge = border_points((SIZE, SIZE), 8)
    source = np.vstack([sitter.landmarks[fixed], source_outer, source_inner, HAIR_OUTLINE, edge])
    target = np.vstack([moved[fixed], moved[list(outer)], moved[list(inner)], squeeze, edge])
    x, y = pixel_grid((SIZE, SIZE))
    field = thin_plate_field(target, source, (SIZE, SIZE), step=4)
    picture = resample(sitter.picture, x + field[..., 0], y + field[..., 1], cubic=True)
    return np.asarray(np.clip(picture, 0, 255), np.float32)


def reshape(sitter: Sitter) -> Proportioned:
    """Give the sitter another person's proportions and a closed mouth."""
    moved = target_landmarks(sitter.landmarks)
    upper = _warped(sitter, moved, UPPER_OUTER, UPPER_INNER, -2.0)
    lower = _warped(sitter, moved, LOWER_OUTER, LOWER_INNER, 2.5)
    line = moved[list(UPPER_INNER)]
    above = fill_polygon(
        np.vstack([[[-5, line[0, 1]]], line, [[SIZE + 5, line[-1, 1]]], [[SIZE + 5, -5]], [[-5, -5]]]), (SIZE, SIZE), blur=7
    )
    return Proportioned(blend(lower, upper, above), moved)
