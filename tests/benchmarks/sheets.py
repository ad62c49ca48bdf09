"""Contact sheets of a driven take: moments across it, and consecutive frames at full size around its cuts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lipsync.faces.landmarks import JAW, MOUTH_RING
from lipsync.faces.tracker import Box, window_around, window_rgb
from lipsync.media import Frame
from tests.benchmarks.drive import LONGEST_FRAMES, Driven, Looked

MOMENTS = 12
TILE_PIXELS = 220
CONSECUTIVE, CONSECUTIVE_ROWS = 8, 3
MOUTH_TILE_PIXELS = 232


@dataclass(slots=True)
class Sheets:
    """Collects crops while a take is rendered."""

    windows: list[Box]
    mouths: list[Box]
    moments: list[int]
    faces: list[np.ndarray] = field(default_factory=list)
    near: list[np.ndarray] = field(default_factory=list)

    @staticmethod
    def of(looked: Looked) -> Sheets:
        """Crops that follow the head."""
        count = min(len(looked.space), LONGEST_FRAMES)
        own = looked.space.pixels(np.arange(count))
        frame = Frame(np.zeros(0, dtype=np.uint8), looked.facts.width // 2 * 2, looked.facts.height // 2 * 2)
        rings, jaws = own[:, MOUTH_RING], own[:, np.concatenate([JAW, MOUTH_RING])]
        windows = [window_around(frame, points.min(axis=0), points.max(axis=0), margin=0.3) for points in jaws]
        mouths = [window_around(frame, points.min(axis=0), points.max(axis=0), margin=0.1) for points in rings]
        return Sheets(windows, mouths, [int(k) for k in np.linspace(0, count - 1, MOMENTS)])

    def see(self, number: int, before: Frame, after: Frame) -> None:
        """Keep what the sheets will show."""
        if number in self.moments:
            pair = [_tile(frame, self.windows[number], TILE_PIXELS) for frame in (before, after)]
            self.faces.append(np.vstack(pair))
        self.near.append(np.stack([_tile(frame, self.mouths[number], MOUTH_TILE_PIXELS) for frame in (before, after)]))

    def write(self, folder: Path, name: str, driven: Driven) -> None:
        """Two pictures: `name`-moments.png (original above result) and `name`-frames.png (consecutive frames, the take's
        own with these lips above each row of results)."""
        _save(folder / f"{name}-moments.png", np.hstack(self.faces))
        rows = []
        for start in _places(driven, len(self.near)):
            part = range(start, start + CONSECUTIVE)
            rows.append(np.hstack([self.near[driven.truth[number]][0] for number in part]))
            rows.append(np.hstack([self.near[number][1] for number in part]))
        _save(folder / f"{name}-frames.png", np.vstack(rows))


def _places(driven: Driven, count: int) -> list[int]:
    """Where consecutive frames are shown: around changes of mouth, spread over the take."""
    main = np.array([frame.mouths[0] for frame in driven.borrowed])
    cuts = np.flatnonzero(np.abs(np.diff(main)) > 2)
    wanted = np.linspace(0, max(0, count - CONSECUTIVE - 1), CONSECUTIVE_ROWS + 2)[1:-1]
    starts: list[int] = []
    for place in wanted:
        fresh = [int(cut) for cut in cuts if all(abs(cut - start) >= CONSECUTIVE for start in starts)]
        starts.append(min(fresh, key=lambda cut: abs(cut - place)) if fresh else int(place))
    return sorted(min(max(0, start - CONSECUTIVE // 2 + 1), max(0, count - CONSECUTIVE)) for start in starts)


def _tile(frame: Frame, window: Box, side: int) -> np.ndarray:
    picture = window_rgb(frame, window, 1.0)
    method = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=method))


def _save(path: Path, picture: np.ndarray) -> None:
    written, data = cv2.imencode(".png", picture[..., ::-1])
    if not written:
        raise OSError(f"{path} cannot be encoded")
    path.write_bytes(data.tobytes())
