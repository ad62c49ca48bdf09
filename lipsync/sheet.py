"""Contact sheets: the same moments of several videos, one row each, so that they can be compared by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.faces import TRACKERS
from lipsync.faces.tracker import Box, window_around, window_rgb
from lipsync.machine import keep_inputs
from lipsync.media import Frame, FrameReader, probe_clip

TILE_PIXELS = 240


def contact_sheet(videos: Sequence[Path], output: Path, seconds: Sequence[float], *, tile: int = TILE_PIXELS) -> None:
    """Write a picture, one row per video, one column per moment, cut around the first video's face.

    seconds: moments in the videos; tile: px per side of a tile
    Raises UnusableInput as `probe_clip`, `output_is_input`, and `no_face` where the first video shows none;
    EnvironmentFault (`not_writable`).
    """
    keep_inputs(output, *videos)
    rows: list[npt.NDArray[np.uint8]] = []
    window: Box | None = None
    for video in videos:
        frames = _frames(video, seconds)
        window = window or _around_face(frames[0])
        tiles = [cv2.resize(window_rgb(frame, window, 1.0), (tile, tile), interpolation=cv2.INTER_AREA) for frame in frames]
        rows.append(np.asarray(np.hstack(tiles), dtype=np.uint8))
    written, data = cv2.imencode(output.suffix or ".jpg", np.vstack(rows)[..., ::-1])
    try:
        if not written:
            raise OSError("unknown kind of picture")
        output.write_bytes(data.tobytes())
    except OSError as error:
        raise EnvironmentFault(
            "not_writable", f"{output} cannot be written ({error}). Choose another name or folder."
        ) from error


def _frames(video: Path, seconds: Sequence[float]) -> list[Frame]:
    facts = probe_clip(video)
    last = max(0, facts.frames - 1)
    numbers = [min(last, round(moment * facts.frame_rate)) for moment in seconds]
    return list(FrameReader(video, facts).sequence(numbers))


def _around_face(frame: Frame) -> Box:
    with TRACKERS["mediapipe"]() as tracker:
        found = tracker.largest(frame)
    if found is None:
        raise UnusableInput("no_face", "The first video shows no face at the first moment. Choose other moments.")
    return window_around(frame, found[:, :2].min(axis=0), found[:, :2].max(axis=0), margin=0.25)
