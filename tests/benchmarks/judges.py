"""Lips in a video by two judges: the engine's own tracker, and dlib's 68 points, which the engine never uses.

King 2009, "Dlib-ml"; Kazemi and Sullivan 2014 (the regression trees behind the 68 points).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from lipsync.faces import TRACKERS
from lipsync.faces.follower import Follower
from lipsync.faces.landmarks import APERTURE_PAIRS, CORNERS, KEPT, LIPS, RIGID
from lipsync.faces.pose import DoubleArray, fit_similarity, rigid_reference
from lipsync.faces.tracker import FloatArray, Region, Tracker
from lipsync.media import Frame

SEARCH_EVERY_FRAMES = 5
# Right, down and larger by these shares of the face's size.
CROPS = ((0.02, 0.02, 0.97), (-0.02, 0.02, 1.03), (0.02, -0.02, 1.03), (-0.02, -0.02, 0.97))
SEARCH_SIDE_PIXELS = 640
_DLIB_PAIRS = ((61, 67), (62, 66), (63, 65))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge saw, one row per frame, NaN where it saw no face.

    aperture, width: (T,) IOD; lips: (T, n, 2) IOD, in a frame that moves with the head
    """

    aperture: DoubleArray
    width: DoubleArray
    lips: DoubleArray

    @property
    def unsteadiness(self) -> DoubleArray:
        """(T,) mean length of the second temporal difference of the lips; NaN at the ends."""
        second = np.full(len(self.lips), np.nan)
        second[1:-1] = np.linalg.norm(self.lips[2:] - 2 * self.lips[1:-1] + self.lips[:-2], axis=2).mean(axis=1)
        return second


def openings(points: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """(T,) aperture and width; points: (T, len(KEPT), 2 or 3) in any unit"""
    upper, lower = APERTURE_PAIRS
    aperture = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(axis=1)
    return np.asarray(aperture), np.asarray(np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=1))


def by_mediapipe(frames: Iterable[Frame]) -> Judgement:
    """The tracker that the engine looks with: it set the targets, so its verdict is kind.

    One crop alone lets lips jump by a third of a tooth where a dark gap is seen between them: the mean of several is taken.
    """
    points = []
    with TRACKERS["mediapipe"]() as tracker:
        follower = Follower(tracker)
        for frame in frames:
            found = follower.track(frame)
            points.append(np.full((len(KEPT), 3), np.nan) if found is None else _steadied(tracker, frame, found))
    track = np.stack(points)
    seen = ~np.isnan(track[:, 0, 0])
    shapes, flat = np.full_like(track, np.nan), np.full_like(track, np.nan)
    poses = fit_similarity(rigid_reference(track[seen]), track[seen][:, RIGID])
    shapes[seen] = poses.to_own(track[seen])
    # Openings as they lie in the picture: that is what was drawn, however the head is turned.
    flat[seen] = track[seen] * [1, 1, 0] / poses.scale[:, None, None]
    return Judgement(*openings(flat), shapes[:, LIPS, :2])


def _steadied(tracker: Tracker, frame: Frame, found: FloatArray) -> DoubleArray:
    """(len(KEPT), 3) px: the mean of the landmarks in crops a little beside the face found, larger and smaller."""
    here = Region.around(found)
    crops = (Region(here.x + x * here.size, here.y + y * here.size, here.size * scale, here.angle) for x, y, scale in CROPS)
    more = [points for points in (tracker.fit(frame, crop) for crop in crops) if points is not None]
    return np.asarray(np.mean([found, *more], axis=0), dtype=np.float64)


def by_dlib(frames: Iterable[Frame]) -> Judgement:
    """An independent judge."""
    import dlib
    import face_recognition_models

    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    rows: list[DoubleArray] = []
    box: Any = None
    for number, frame in enumerate(frames):
        if box is None or number % SEARCH_EVERY_FRAMES == 0:
            box = _search(detector, frame, dlib.rectangle)
        if box is None:
            rows.append(np.full((68, 2), np.nan))
            continue
        shape = predictor(np.ascontiguousarray(frame.y), box)
        rows.append(np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float64))
    points = np.stack(rows)
    size = np.linalg.norm(points[:, 36:42].mean(axis=1) - points[:, 42:48].mean(axis=1), axis=1)
    aperture = np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in _DLIB_PAIRS], axis=0)
    lips = (points[:, 48:68] - points[:, 27:36].mean(axis=1, keepdims=True)) / size[:, None, None]
    return Judgement(aperture / size, np.linalg.norm(points[:, 48] - points[:, 54], axis=1) / size, lips)


def _search(detector: Any, frame: Frame, rectangle: Any) -> Any:
    scale = min(1.0, SEARCH_SIDE_PIXELS / max(frame.y.shape))
    small = cv2.resize(frame.y, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = detector(small, 0) or detector(small, 1)
    if not found:
        return None
    box = max(found, key=lambda face: face.width() * face.height())
    return rectangle(*(int(edge / scale) for edge in (box.left(), box.top(), box.right(), box.bottom())))
