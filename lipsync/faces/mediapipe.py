"""The tracker made of MediaPipe's models, which come with its package.

Full-range face detector (BlazeFace, Bazarevsky et al. 2019) and Face Mesh with refined lips (Kartynnik et al. 2019; Grishchenko
et al. 2020, "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time").
"""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Sequence
from importlib import import_module
from threading import Thread
from typing import Any, Self

import cv2
import numpy as np

from lipsync.faces.landmarks import KEPT
from lipsync.faces.tracker import FloatArray, PixelArray, Region, Tracker, turned_square
from lipsync.media.frames import Frame

MESH_SIDE_PIXELS = 192
DETECTOR_SIDE_PIXELS = 192
# The mesh was trained on faces with this much around them (MediaPipe's face_landmark_landmarks_to_roi).
MESH_REACH = 1.5
SMALLEST_CONFIDENCE = 0.5

# The mesh alone, without the detector and the memory that MediaPipe's own solution wraps around it. Landmarks leave as plain
# numbers, in px of the square, and all runs in the caller's thread: messages and threads would cost a millisecond more.
_GRAPH = """
executor { name: "" type: "ApplicationThreadExecutor" }
input_stream: "IMAGE:image"
input_stream: "ROI:roi"
output_stream: "FLOATS:numbers"
input_side_packet: "WITH_ATTENTION:with_attention"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
node {
  calculator: "ImagePropertiesCalculator"
  input_stream: "IMAGE:image"
  output_stream: "SIZE:size"
}
node {
  calculator: "LandmarksToTensorCalculator"
  input_stream: "NORM_LANDMARKS:landmarks"
  input_stream: "IMAGE_SIZE:size"
  output_stream: "TENSORS:tensors"
  options { [mediapipe.LandmarksToTensorCalculatorOptions.ext] { attributes: [X, Y, Z] flatten: true } }
}
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:tensors"
  output_stream: "FLOATS:numbers"
}
"""
_KEPT = np.array(KEPT)


class MediapipeTracker(Tracker):
    """See `Tracker`. The models stay loaded for the next one: MediaPipe loses 3 MB each time that it loads and frees them."""

    def __enter__(self) -> Self:
        self._models = _idle.pop() if _idle else _Models()
        return self

    def __exit__(self, *raised: object) -> None:
        # After a fault nobody knows what state they are in.
        if raised[0] is not None or _idle:
            self._models.close()
        else:
            _idle.append(self._models)

    def find(self, frame: Frame, area: Region | None = None) -> list[Region]:
        """See `Tracker.find`."""
        area = area or Region(frame.width / 2, frame.height / 2, max(frame.width, frame.height), 0.0)
        # The detector sees 192 px; averaged down to that here, it finds small faces better than by its own sampling.
        planes, there = turned_square(frame, area, DETECTOR_SIDE_PIXELS)
        found = []
        for face in self._models.detections(planes):
            box, marks = face.location_data.relative_bounding_box, face.location_data.relative_keypoints
            middle = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2]) * DETECTOR_SIDE_PIXELS - 0.5
            x, y = there @ [*middle, 1]
            angle = area.angle + math.atan2(marks[1].y - marks[0].y, marks[1].x - marks[0].x)
            found.append(Region(float(x), float(y), max(box.width, box.height) * area.size, angle))
        return sorted(found, key=lambda region: region.size, reverse=True)

    def fit(self, frame: Frame, region: Region) -> FloatArray | None:
        """See `Tracker.fit`."""
        wide = Region(region.x, region.y, region.size * MESH_REACH, region.angle)
        planes, there = turned_square(frame, wide, MESH_SIDE_PIXELS)
        mesh = self.mesh(planes)
        if mesh is None:
            return None
        points: FloatArray = mesh[_KEPT]
        # The mesh counts from a pixel's edge, pictures from its middle; mirrored pictures show it.
        points[:, :2] = (points[:, :2] - 0.5) @ there[:, :2].T.astype(np.float32) + there[:, 2].astype(np.float32)
        points[:, 2] *= wide.size / MESH_SIDE_PIXELS
        return points

    def mesh(self, planes: PixelArray) -> FloatArray | None:
        """(478, 3) px of an upright face in a square as from `turned_square`, MESH_SIDE_PIXELS large; None: there is none."""
        numbers = self._models.mesh(planes)
        return None if numbers is None else np.array(numbers, dtype=np.float32).reshape(-1, 3)


class _Models:
    """The loaded models. They keep nothing from one picture to the next. Pictures are I420, square, of the model's own side."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        # Where PortAudio is missing, one of its modules keeps the error for good, and with it all that the functions hold
        # under which it was imported. So it is imported first under none of ours.
        importing = Thread(target=import_module, args=("mediapipe",))
        importing.start()
        importing.join()
        import mediapipe  # noqa: PLC0415 - seconds to import; only those who track pay
        from google.protobuf import text_format  # noqa: PLC0415 - as above
        from mediapipe.calculators.tensor import (  # noqa: PLC0415, F401 - as above; the graph's text names its options
            landmarks_to_tensor_calculator_pb2,
        )
        from mediapipe.framework import calculator_pb2  # noqa: PLC0415 - as above
        from mediapipe.framework.formats import rect_pb2  # noqa: PLC0415 - as above

        # The detector is made first: it tells the library where the package's models lie.
        detection: Any = mediapipe.solutions.face_detection
        self._detector = detection.FaceDetection(model_selection=1, min_detection_confidence=SMALLEST_CONFIDENCE)
        self._packets: Any = mediapipe.packet_creator
        self._colours: Any = mediapipe.ImageFormat.SRGB
        self._whole = self._packets.create_proto(rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1))
        self._answers: list[list[float]] = []
        self._asked = 0
        graph = text_format.Parse(_GRAPH, calculator_pb2.CalculatorGraphConfig())
        self._mesh: Any = mediapipe.CalculatorGraph(graph_config=graph)
        unpack: Any = mediapipe.packet_getter.get_float_list
        self._mesh.observe_output_stream("numbers", lambda _, packet: self._answers.append(unpack(packet)))
        self._mesh.start_run({"with_attention": self._packets.create_bool(True)})

    def detections(self, planes: PixelArray) -> Sequence[Any]:
        """What the detector takes for faces."""
        return self._detector.process(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)).detections or []

    def mesh(self, planes: PixelArray) -> list[float] | None:
        """x, y, z of each point, in px of the picture; None: there is no face."""
        picture = self._packets.create_image_frame(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), image_format=self._colours)
        self._asked += 1
        self._answers.clear()
        self._mesh.add_packet_to_input_stream("image", picture.at(self._asked))
        self._mesh.add_packet_to_input_stream("roi", self._whole.at(self._asked))
        self._mesh.wait_until_idle()
        return self._answers[0] if self._answers else None

    def close(self) -> None:
        """Free them."""
        self._mesh.close()
        self._detector.close()


_idle: list[_Models] = []


@atexit.register
def _close_idle() -> None:
    while _idle:
        _idle.pop().close()
