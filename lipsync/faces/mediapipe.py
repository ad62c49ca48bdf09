"""The tracker made of MediaPipe's models, which come with its package.

Full-range face detector (BlazeFace, Bazarevsky et al. 2019) and Face Mesh with refined lips (Kartynnik et al. 2019; Grishchenko
et al. 2020, "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time").
"""

from __future__ import annotations

import math
import os
from typing import Any, Self

import cv2
import numpy as np

from lipsync.faces.landmarks import KEPT
from lipsync.faces.tracker import FloatArray, Region, Tracker, turned_square
from lipsync.media.frames import Frame

MESH_SIDE_PIXELS = 192
DETECTOR_SIDE_PIXELS = 192
# The mesh was trained on faces with this much around them (MediaPipe's face_landmark_landmarks_to_roi).
MESH_REACH = 1.5
SMALLEST_CONFIDENCE = 0.5

# The mesh alone, without the detector and the memory that MediaPipe's own solution wraps around it.
_GRAPH = """
input_stream: "IMAGE:image"
input_stream: "ROI:roi"
output_stream: "LANDMARKS:landmarks"
input_side_packet: "WITH_ATTENTION:with_attention"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""


class MediapipeTracker(Tracker):
    """See `Tracker`."""

    def __enter__(self) -> Self:
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe  # noqa: PLC0415 - seconds to import; only those who track pay
        from google.protobuf import text_format  # noqa: PLC0415 - as above
        from mediapipe.framework import calculator_pb2  # noqa: PLC0415 - as above
        from mediapipe.framework.formats import rect_pb2  # noqa: PLC0415 - as above
        from mediapipe.python.solution_base import SolutionBase  # noqa: PLC0415 - as above

        graph = text_format.Parse(_GRAPH, calculator_pb2.CalculatorGraphConfig())
        self._mesh: Any = SolutionBase(graph_config=graph, side_inputs={"with_attention": True}, outputs=["landmarks"])
        self._whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1, rotation=0)
        detection: Any = mediapipe.solutions.face_detection
        self._detector = detection.FaceDetection(model_selection=1, min_detection_confidence=SMALLEST_CONFIDENCE)
        return self

    def __exit__(self, *unused: object) -> None:
        self._mesh.close()
        self._detector.close()

    def find(self, frame: Frame, area: Region | None = None) -> list[Region]:
        """See `Tracker.find`."""
        area = area or Region(frame.width / 2, frame.height / 2, max(frame.width, frame.height), 0.0)
        # The detector sees 192 px; averaged down to that here, it finds small faces better than by its own sampling.
        planes, there = turned_square(frame, area, DETECTOR_SIDE_PIXELS)
        found = []
        for face in self._detector.process(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)).detections or []:
            box, marks = face.location_data.relative_bounding_box, face.location_data.relative_keypoints
            middle = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2]) * DETECTOR_SIDE_PIXELS
            x, y = there @ [*middle, 1]
            angle = area.angle + math.atan2(marks[1].y - marks[0].y, marks[1].x - marks[0].x)
            found.append(Region(float(x), float(y), max(box.width, box.height) * area.size, angle))
        return sorted(found, key=lambda region: region.size, reverse=True)

    def fit(self, frame: Frame, region: Region) -> FloatArray | None:
        """See `Tracker.fit`."""
        wide = Region(region.x, region.y, region.size * MESH_REACH, region.angle)
        planes, there = turned_square(frame, wide, MESH_SIDE_PIXELS)
        rgb = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420))
        found = self._mesh.process({"image": rgb, "roi": self._whole}).landmarks
        if found is None:
            return None
        marks = found.landmark
        points = np.array([(marks[k].x, marks[k].y, marks[k].z) for k in KEPT], dtype=np.float32)
        points[:, :2] = points[:, :2] * MESH_SIDE_PIXELS @ there[:, :2].T.astype(np.float32) + there[:, 2].astype(np.float32)
        points[:, 2] *= wide.size
        return points
