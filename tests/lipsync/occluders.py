"""Things drawn over the mouth of a face whose landmarks are known: a hand, a microphone, a sheet of paper."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.faces.landmarks import CHEEKS, LEFT_EYE, LIPS, RIGHT_EYE
from lipsync.media import Frame

BLACK_FOAM, WHITE_PAPER = (40.0, 128.0, 128.0), (215.0, 127.0, 127.0)


def draw(frame: Frame, points, kind: str, raised: float = 1.0) -> None:
    """Draw it in place. points: (len(KEPT), 3) px; raised: 1 in front of the mouth, 0 below the chin."""
    size = float(np.linalg.norm(points[RIGHT_EYE, :2].mean(axis=0) - points[LEFT_EYE, :2].mean(axis=0)))
    x, y = points[LIPS, :2].mean(axis=0) + [0, (1 - raised) * 2.5 * size]
    mask = np.zeros(frame.y.shape, dtype=np.float32)
    shade = np.ones(frame.y.shape, dtype=np.float32)
    colour = {"hand": skin(frame, points), "microphone": BLACK_FOAM}.get(kind, WHITE_PAPER)
    if kind == "hand":
        for finger in range(4):
            low = y + (finger * 0.26 - 0.36) * size
            ends = (int(x - 0.75 * size), int(low)), (int(x + 0.6 * size), int(low - 0.05 * size))
            cv2.line(mask, *ends, 1.0, int(0.26 * size), cv2.LINE_AA)
            cv2.line(shade, (ends[0][0], ends[0][1] + int(0.13 * size)), (ends[1][0], ends[1][1] + int(0.13 * size)), 0.8, 3)
    elif kind == "microphone":
        cv2.circle(mask, (int(x), int(y)), int(0.42 * size), 1.0, -1, cv2.LINE_AA)
        cv2.line(mask, (int(x), int(y)), (int(x + 0.3 * size), int(y + 2 * size)), 1.0, int(0.25 * size), cv2.LINE_AA)
    else:
        top = y + (0.06 if kind == "paper over the lower lip" else -0.3) * size
        cv2.rectangle(mask, (int(x - 1.3 * size), int(top)), (int(x + 1.3 * size), int(top + 3 * size)), 1.0, -1)
    small = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for plane, value, part in zip((frame.y, frame.u, frame.v), colour, (mask, small, small), strict=True):
        wanted = 16 + (value - 16) * shade if plane is frame.y or plane.shape == shade.shape else value
        plane[:] = np.clip(plane + (wanted - plane.astype(np.float32)) * part + 0.5, 0, 255).astype(np.uint8)


def skin(frame: Frame, points) -> tuple[float, float, float]:
    """The colour of the cheeks."""
    places = points[CHEEKS[:2], :2].astype(int)
    return tuple(
        float(np.mean([plane[y // factor - 2 : y // factor + 3, x // factor - 2 : x // factor + 3].mean() for x, y in places]))
        for plane, factor in ((frame.y, 1), (frame.u, 2), (frame.v, 2))
    )  # type: ignore[return-value]
