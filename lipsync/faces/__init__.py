"""Finding the speaker's face: landmarks and head pose per frame."""

from collections.abc import Callable

from lipsync.faces.fan import FanTracker
from lipsync.faces.mediapipe import MediapipeTracker
from lipsync.faces.tracker import Tracker

TRACKERS: dict[str, Callable[[], Tracker]] = {"mediapipe": MediapipeTracker, "fan": FanTracker}
"""Every tracker by its name. Importing one loads no model: that is done on entering it."""
USUAL = "mediapipe"
