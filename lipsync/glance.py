"""What one frame shows beside its landmarks: the light on the face, and a tiny picture to compare moments by."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import SKIN
from lipsync.faces.tracker import FloatArray
from lipsync.media import Frame

SAMPLES_PER_SIDE = 32
TINY_SIDE = 8
CLIPPED_LUMA = 235


def face_light(frame: Frame, points: FloatArray) -> tuple[float, float]:
    """Mean luma of nose and cheeks, 0 to 255, and the share of their samples at the upper end.

    points: (len(KEPT), 2 or 3) px; a face outside the picture gives 0 and 0
    """
    skin = points[SKIN, :2]
    left, top = np.maximum(skin.min(axis=0), 0).astype(int)
    right, bottom = np.ceil(skin.max(axis=0)).astype(int) + 1
    across, down = max(1, (right - left) // SAMPLES_PER_SIDE), max(1, (bottom - top) // SAMPLES_PER_SIDE)
    samples = frame.y[top : max(top, bottom) : down, left : max(left, right) : across]
    if not samples.size:
        return 0.0, 0.0
    return float(samples.mean()), float((samples >= CLIPPED_LUMA).mean())


def tiny_picture(frame: Frame) -> npt.NDArray[np.uint8]:
    """(TINY_SIDE, TINY_SIDE) uint8 luma of the whole frame, see `HeadMotion.pictures`."""
    step = max(1, min(frame.width, frame.height) // (16 * TINY_SIDE))
    tiny = cv2.resize(frame.y[::step, ::step], (TINY_SIDE, TINY_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(tiny, dtype=np.uint8)
