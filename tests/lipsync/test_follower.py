"""One person is followed among others."""

from __future__ import annotations

from typing import Self

import numpy as np

from lipsync.faces.follower import Follower
from lipsync.faces.landmarks import KEPT
from lipsync.faces.tracker import Region, Tracker
from lipsync.media import Frame


class Two(Tracker):
    """Two faces side by side that never move."""

    def __init__(self) -> None:
        face = np.random.default_rng(3).uniform(-30, 30, (len(KEPT), 3)).astype(np.float32)
        self.faces = [face + np.array([x, 100, 0], dtype=np.float32) for x in (60, 130)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def find(self, frame: Frame, area: Region | None = None) -> list[Region]:
        return [Region.around(points) for points in self.faces]

    def fit(self, frame: Frame, region: Region) -> np.ndarray:
        return min(self.faces, key=lambda points: abs(Region.around(points).x - region.x))


def test_company_is_counted_in_the_seconds_it_lasts():
    picture = np.random.default_rng(4).integers(0, 255, 200 * 200 * 3 // 2, dtype=np.uint8)
    follower = Follower(Two(), frame_rate=25.0)
    for _ in range(20):
        assert follower.track(Frame(picture, 200, 200)) is not None
    assert 0.4 < follower.company <= 20 / 25
