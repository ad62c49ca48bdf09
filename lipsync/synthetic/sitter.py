"""The public-domain portrait that ships with scikit-image, levelled, with its landmarks.

Leaves: a (SIZE, SIZE, 3) float32 BGR picture 0..255 and (478, 2) landmark positions in its pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.synthetic.warp import Image, Points

SIZE = 640
"""Side of the working canvas in pixels."""
CROP_SIDE = 256
CROP_LEFT = 98

UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
"""Lip contours of MediaPipe's face mesh from corner to corner, left to right in the picture."""


@dataclass(frozen=True, slots=True)
class Sitter:
    """picture: (SIZE, SIZE, 3) float32 BGR; landmarks: (478, 2) pixels."""

    picture: Image
    landmarks: Points


def find_landmarks(picture: Image) -> Points:
    """(478, 2) landmarks of the one face in a float32 BGR picture."""
    import mediapipe  # noqa: PLC0415 - slow to load, and not needed when the take is there already

    height, width = picture.shape[:2]
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=1) as mesh:
        found = mesh.process(np.ascontiguousarray(picture[..., ::-1]).clip(0, 255).astype(np.uint8))
    points = found.multi_face_landmarks[0].landmark
    return np.array([[point.x * width, point.y * height] for point in points])


def load() -> Sitter:
    """Mirror, crop, enlarge and level the portrait, then find its landmarks."""
    import skimage.data  # noqa: PLC0415 - as for mediapipe

    portrait = skimage.data.astronaut()[  # type: ignore[no-untyped-call]
        :CROP_SIDE, CROP_LEFT : CROP_LEFT + CROP_SIDE, ::-1
    ]
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    enlarged = cv2.resize(mirrored, (SIZE, SIZE), interpolation=cv2.INTER_LANCZOS4).astype(np.float32)
    eyes = find_landmarks(enlarged)[[33, 263]]
    tilt = np.degrees(np.arctan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0]))
    turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), float(tilt), 1.0)
    level = cv2.warpAffine(enlarged, turn, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    picture = np.asarray(np.clip(level, 0, 255), np.float32)
    return Sitter(picture, find_landmarks(picture))
