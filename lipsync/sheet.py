"""Contact sheets: the same moments of several videos, one row each, so that they can be compared by eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.faces import TRACKERS
from lipsync.faces.tracker import Box, window_around, window_rgb
from lipsync.machine import check_output
from lipsync.media import Frame, FrameReader, probe_clip

TILE_PIXELS = 240


def contact_sheet(videos: Sequence[Path], output: Path, seconds: Sequence[float], *, tile: int = TILE_PIXELS) -> None:
    """Write a picture, one row per video, one column per moment, cut around the first video's face.

    seconds: moments in the videos; tile: px per side of a tile
    Raises UnusableInput as `probe_clip`, `output_is_input`, and `no_face` where the first video shows none;
    EnvironmentFault (`not_writable`).
    """
    check_output(output, *videos)
    kind = output.suffix or ".jpg"
    if not cv2.haveImageWriter(f"sheet{kind}"):
        raise EnvironmentFault(
            "not_writable", f"{output} cannot be written (its ending is no picture's). Choose another name or folder."
        )
    rows: list[npt.NDArray[np.uint8]] = []
    window: Box | None = None
    for video in videos:
        tiles = []
        for frame in _frames(video, seconds):
            window = window or _around_face(frame)
            tiles.append(cv2.resize(window_rgb(frame, window, 1.0), (tile, tile), interpolation=cv2.INTER_AREA))
        rows.append(np.asarray(np.hstack(tiles), dtype=np.uint8))
    _, data = cv2.imencode(kind, np.vstack(rows)[..., ::-1])
    try:
        output.write_bytes(data.tobytes())
    except OSError as error:
        raise EnvironmentFault(
            "not_writable", f"{output} cannot be written ({error}). Choose another name or folder."
        ) from error


def _frames(video: Path, seconds: Sequence[float]) -> Iterator[Frame]:
    facts = probe_clip(video)
    last = max(0, facts.frames - 1)
    numbers = [min(last, round(moment * facts.frame_rate)) for moment in seconds]
    return FrameReader(video, facts).sequence(numbers)


def _around_face(frame: Frame) -> Box:
    with TRACKERS["mediapipe"]() as tracker:
        found = tracker.largest(frame)
    if found is None:
        raise UnusableInput("no_face", "The first video shows no face at the first moment. Choose other moments.")
    return window_around(frame, found[:, :2].min(axis=0), found[:, :2].max(axis=0), margin=0.25)
