"""One person is followed among others."""

from __future__ import annotations

from typing import Self

import numpy as np
import pytest

from lipsync.faces.follower import TURNED_DEGREES, Follower, yaw
from lipsync.faces.landmarks import KEPT, LEFT_EYE, RIGHT_EYE
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


class Trembling(Tracker):
    """One face, turned by so many degrees, whose landmarks are off by a new chance each time they are asked for."""

    def __init__(self, degrees: float) -> None:
        random = np.random.default_rng(5)
        face = random.uniform(-30, 30, (len(KEPT), 3))
        face[RIGHT_EYE], face[LEFT_EYE] = (-20, -10, 0), (20, -10, 0)
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
        self.face = (face @ turn.T + (100, 100, 0)).astype(np.float32)
        self.asked = 0
        self._random = random

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def find(self, frame: Frame, area: Region | None = None) -> list[Region]:
        return [Region.around(self.face)]

    def fit(self, frame: Frame, region: Region) -> np.ndarray:
        self.asked += 1
        return self.face + self._random.normal(0, 0.3, self.face.shape).astype(np.float32)


@pytest.mark.parametrize("degrees", [0.0, TURNED_DEGREES + 8, -TURNED_DEGREES - 8])
def test_a_turned_head_is_looked_at_more_closely(degrees: float):
    tracker = Trembling(degrees)
    assert yaw(tracker.face) == pytest.approx(degrees, abs=0.01)
    picture = np.random.default_rng(4).integers(0, 255, 200 * 200 * 3 // 2, dtype=np.uint8)
    follower = Follower(tracker)
    follower.track(Frame(picture, 200, 200))
    tracker.asked = 0
    found = [follower.track(Frame(picture, 200, 200)) for _ in range(40)]
    off = float(np.std([points - tracker.face for points in found if points is not None]))
    if degrees:
        assert off == pytest.approx(0.3 / np.sqrt(3), rel=0.1)
    else:
        assert off == pytest.approx(0.3, rel=0.1)
        assert tracker.asked < 60  # once a frame, and now and then for company
