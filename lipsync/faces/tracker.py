"""Landmarks of one face through a video, frame by frame.

A tracker is given frames in order and answers with the landmarks of the followed face, or None where it sees none.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol, Self

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import KEPT
from lipsync.media.frames import Frame

FloatArray = npt.NDArray[np.float32]

# The mesh works on 192 px inside; a larger window costs conversion only.
LARGEST_WINDOW_PIXELS = 512
# The window that is searched reaches this far around the face, in face sizes, and is moved only when the face nears its
# edge: the mesh follows its own last result, which a moving window would displace.
WINDOW_MARGIN = 0.55
WINDOW_SLACK = 0.2
SEARCH_SIDE_PIXELS = 960


class Tracker(Protocol):
    """What every tracker offers. Use as a context manager; frames come in their order."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *unused: object) -> None: ...

    def track(self, frame: Frame) -> FloatArray | None:
        """(len(KEPT), 3) float32 in px of the frame, z growing away from the camera; None: no face."""
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in px: left, top inclusive; right, bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, points: FloatArray, slack: float) -> bool:
        """Whether all points lie at least `slack` px inside."""
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        inside = low[0] >= self.left + slack and low[1] >= self.top + slack
        return bool(inside and high[0] <= self.right - slack and high[1] <= self.bottom - slack)


class MediapipeTracker:
    """MediaPipe Face Mesh inside a window around the face, which the full-range detector finds first.

    Bazarevsky et al. 2019 (BlazeFace), Kartynnik et al. 2019 (Face Mesh); the models come with the package.
    """

    def __init__(self) -> None:
        self._window: Box | None = None

    def __enter__(self) -> Self:
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe  # noqa: PLC0415 - seconds to import; only those who track pay

        solutions: Any = mediapipe.solutions
        self._mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.5
        )
        self._detector = solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)
        return self

    def __exit__(self, *unused: object) -> None:
        self._mesh.close()
        self._detector.close()

    def track(self, frame: Frame) -> FloatArray | None:
        """See `Tracker.track`."""
        if self._window is None:
            self._window = self._search(frame)
            if self._window is None:
                return None
            self._mesh.reset()
        found = self._fit(frame, self._window)
        if found is None:
            self._window = None
            return None
        size = float(np.ptp(found[:, :2], axis=0).max())
        if not self._window.holds(found, WINDOW_SLACK * size) and not self._at_edge(frame, found, size):
            self._window = window_around(frame, found[:, :2].min(axis=0), found[:, :2].max(axis=0))
            self._mesh.reset()
        return found

    def _at_edge(self, frame: Frame, found: FloatArray, size: float) -> bool:
        """Whether the window already reaches as far as the picture allows, so that moving it would change nothing."""
        return self._window == window_around(frame, found[:, :2].min(axis=0), found[:, :2].max(axis=0))

    def _search(self, frame: Frame) -> Box | None:
        rgb = cv2.cvtColor(frame.stacked, cv2.COLOR_YUV2RGB_I420)
        scale = min(1.0, SEARCH_SIDE_PIXELS / max(frame.width, frame.height))
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
        faces = self._detector.process(small).detections or []
        if not faces:
            return None
        largest = max((face.location_data.relative_bounding_box for face in faces), key=lambda box: box.width * box.height)
        low = np.array([largest.xmin * frame.width, largest.ymin * frame.height])
        high = low + np.array([largest.width * frame.width, largest.height * frame.height])
        return window_around(frame, low, high)

    def _fit(self, frame: Frame, window: Box) -> FloatArray | None:
        width, height = window.right - window.left, window.bottom - window.top
        rgb = window_rgb(frame, window, min(1.0, LARGEST_WINDOW_PIXELS / max(width, height)))
        faces = self._mesh.process(rgb).multi_face_landmarks
        if not faces:
            return None
        marks = faces[0].landmark
        points = np.array([(marks[k].x, marks[k].y, marks[k].z) for k in KEPT], dtype=np.float32)
        points *= np.array([width, height, width], dtype=np.float32)
        points[:, :2] += np.array([window.left, window.top], dtype=np.float32)
        return points


def window_rgb(frame: Frame, window: Box, scale: float) -> npt.NDArray[np.uint8]:
    """The window's pixels as RGB, scaled, (height, width, 3) of even size; the window's edges must be even."""
    width = round((window.right - window.left) * scale / 2) * 2
    height = round((window.bottom - window.top) * scale / 2) * 2
    half = np.s_[window.top // 2 : window.bottom // 2, window.left // 2 : window.right // 2]
    # Scaled plane by plane before the conversion, which costs half of scaling its result.
    planes = np.empty((height * 3 // 2, width), dtype=np.uint8)
    planes[:height] = _scaled(frame.y[window.top : window.bottom, window.left : window.right], width, height)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    chroma[0] = _scaled(frame.u[half], width // 2, height // 2)
    chroma[1] = _scaled(frame.v[half], width // 2, height // 2)
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)


def _scaled(plane: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[Any]:
    if plane.shape == (height, width):
        return plane
    # Averaging areas costs four times as much, and pays only where several samples become one.
    method = cv2.INTER_AREA if width < 0.6 * plane.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(plane, (width, height), interpolation=method)


def window_around(frame: Frame, low: npt.NDArray[Any], high: npt.NDArray[Any], *, margin: float = WINDOW_MARGIN) -> Box:
    """A square of even size around a face, cut at the picture's edges; margin: in face sizes"""
    size = float((high - low).max())
    centre = (low + high) / 2
    half = size * (0.5 + margin)
    left, top = (max(0, int(c - half) // 2 * 2) for c in centre)
    right = min(frame.width, int(centre[0] + half) // 2 * 2)
    bottom = min(frame.height, int(centre[1] + half) // 2 * 2)
    return Box(left, top, max(left + 2, right), max(top + 2, bottom))
