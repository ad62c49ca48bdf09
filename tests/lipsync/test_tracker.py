"""What every tracker does. Adding one to `TRACKERS` puts it through these tests."""

from __future__ import annotations

import cv2
import numpy as np
import psutil
import pytest

from lipsync.faces import TRACKERS, fan
from lipsync.faces.fan import MAP_PIXELS, MESH_POINTS, SIDE_PIXELS
from lipsync.faces.landmarks import EYE_CORNERS, KEPT, LIPS, MOUTH_RING
from lipsync.faces.mediapipe import MESH_SIDE_PIXELS, MediapipeTracker
from lipsync.faces.tracker import Region, Tracker
from lipsync.media import Frame, FrameReader, probe_clip
from lipsync.memory import give_back
from lipsync.weights import usable
from tests.lipsync.media import REAL_CLIPS, real


class AllKnowing:
    """Stands for the face alignment network, whose weights nobody may pass on: it draws its maps where MediaPipe's mesh lies.

    With the published weights installed the tests run on the network itself.
    """

    def __init__(self, tracker: MediapipeTracker) -> None:
        self._tracker = tracker

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        picture = (pictures[0].transpose(1, 2, 0) * 255).astype(np.uint8)
        # The mesh wants faces larger in the picture than the network does, and not so low.
        side, left, top = 186, 35, 50
        small = cv2.resize(picture[top : top + side, left : left + side], (MESH_SIDE_PIXELS,) * 2)
        mesh = self._tracker.mesh(cv2.cvtColor(small, cv2.COLOR_RGB2YUV_I420))
        if mesh is None:
            return np.zeros((1, 68, MAP_PIXELS, MAP_PIXELS), dtype=np.float32)
        there = mesh[list(MESH_POINTS), :2] * (side / MESH_SIDE_PIXELS) + [left, top]
        x, y = there.T[..., None, None] * (MAP_PIXELS / SIDE_PIXELS) - 0.5
        rows, columns = np.mgrid[:MAP_PIXELS, :MAP_PIXELS]
        return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2).astype(np.float32)[None]


@pytest.fixture(scope="module", params=sorted(TRACKERS))
def tracker(request):
    with pytest.MonkeyPatch.context() as patch, MediapipeTracker() as mesh:
        if request.param == "fan" and not usable("fan"):
            patch.setattr(fan, "open_network", lambda: AllKnowing(mesh))
        with TRACKERS[request.param]() as opened:
            yield opened


@pytest.fixture(scope="module")
def frames(synthetic_take) -> list[Frame]:
    return list(FrameReader(synthetic_take.clip, probe_clip(synthetic_take.clip)).forward(0, 25))


def grey(width: int = 512, height: int = 512) -> Frame:
    return Frame(np.full(width * height * 3 // 2, 128, np.uint8), width, height)


def following(tracker: Tracker, frames: list[Frame]) -> list[np.ndarray]:
    """Landmarks in each frame, looked for where they were in the one before."""
    found = [tracker.largest(frames[0])]
    for frame in frames[1:]:
        assert found[-1] is not None
        found.append(tracker.fit(frame, Region.around(found[-1])))
    assert all(points is not None for points in found)
    return found


def test_it_finds_a_face_and_fits_landmarks_to_it(tracker, frames):
    (region,) = tracker.find(frames[0])
    points = tracker.fit(frames[0], region)
    assert points.shape == (len(KEPT), 3) and points.dtype == np.float32
    assert Region.around(points).overlap(region) > 0.5
    left, right = points[EYE_CORNERS]
    assert left[0] < right[0] and points[LIPS, 1].min() > max(left[1], right[1])


def test_it_sees_nothing_where_nothing_is(tracker):
    assert tracker.find(grey()) == []
    assert tracker.fit(grey(), Region(256, 256, 200, 0.0)) is None
    assert tracker.fit(grey(), Region(-500, 256, 200, 0.0)) is None
    assert tracker.largest(grey(1280, 720)) is None


def test_it_keeps_nothing_from_one_frame_to_the_next(tracker, frames):
    before = following(tracker, frames[:3])
    tracker.find(grey())
    tracker.fit(grey(), Region(256, 256, 200, 0.0))
    for one, other in zip(before, following(tracker, frames[:3]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_sees_the_same_and_costs_no_memory(tracker, frames):
    kind = next(name for name, made in TRACKERS.items() if isinstance(tracker, made))
    before = following(tracker, frames[:2])

    def held_after(times: int) -> int:
        for _ in range(times):
            with TRACKERS[kind]() as other:
                for one, again in zip(before, following(other, frames[:2]), strict=True):
                    np.testing.assert_array_equal(one, again)
        give_back()
        return psutil.Process().memory_info().rss

    warm = held_after(3)
    assert held_after(10) - warm < 15 * 2**20  # loaded anew each time, it was 30 MB


def test_it_is_steady_from_frame_to_frame(tracker, frames):
    found = following(tracker, frames)
    steps = np.abs(np.diff([points[LIPS].mean(axis=0)[:2] for points in found], axis=0))
    assert steps.max() < 6


def test_a_region_that_is_somewhat_off_gives_the_same_face(tracker, frames):
    right = tracker.fit(frames[0], Region.around(tracker.largest(frames[0])))
    region = Region.around(right)
    for shift in (-0.2, 0.2):
        off = Region(region.x + shift * region.size, region.y, region.size * 1.15, region.angle + 0.1)
        found = tracker.fit(frames[0], off)
        assert np.abs(found[MOUTH_RING, :2] - right[MOUTH_RING, :2]).mean() < 0.03 * region.size


def test_the_mouth_is_followed_as_it_opens(tracker, frames, synthetic_take):
    from lipsync.mouth_space import apertures

    clip = FrameReader(synthetic_take.clip, probe_clip(synthetic_take.clip))
    found = np.stack(following(tracker, list(clip.forward(0, 150))))
    with np.load(synthetic_take.truth) as truth:
        intended = truth["aperture"][:150]
    assert np.corrcoef(apertures(found), intended)[0, 1] > 0.9


def test_small_faces_are_found(tracker):
    path = real(REAL_CLIPS, "hard/tiny_face.mp4")
    frame = next(FrameReader(path, probe_clip(path)).forward(0, 1))
    points = tracker.largest(frame)
    assert points is not None and Region.around(points).size < 0.15 * frame.width


def test_a_face_that_fills_the_picture_is_found_with_a_border_around_it(tracker, frames):
    face = Region.around(tracker.largest(frames[0]))
    left, top, side = (int(v) // 2 * 2 for v in (face.x - face.size * 0.55, face.y - face.size * 0.6, face.size * 1.1))
    whole = frames[0]
    half = np.s_[top // 2 : (top + side) // 2, left // 2 : (left + side) // 2]
    planes = (whole.y[top : top + side, left : left + side], whole.u[half], whole.v[half])
    close = Frame(np.concatenate([plane.ravel() for plane in planes]), side, side)
    assert len(tracker.find(close, Region(side / 2, side / 2, 1.6 * side, 0.0))) == 1
