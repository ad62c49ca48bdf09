"""Something in front of the mouth is noticed, and nothing else is taken for it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lipsync.covered import PLACES, Appearance, covered_frames, posture
from lipsync.faces import TRACKERS
from lipsync.faces.follower import Follower
from lipsync.faces.landmarks import KEPT, RIGID
from lipsync.faces.pose import fit_similarity, rigid_reference
from lipsync.media import Frame, FrameReader, probe_clip
from tests.lipsync import media
from tests.lipsync.occluders import draw

FRAMES = 150
RATE = Fraction(25)


@pytest.fixture(scope="module")
def filmed(synthetic_take) -> tuple[list[Frame], list]:
    """The demo take's first frames and their landmarks."""
    return watch(synthetic_take.clip)


def watch(clip, count: int = FRAMES) -> tuple[list[Frame], list]:
    facts = probe_clip(clip)
    frames = list(FrameReader(clip, facts).forward(0, count))
    with TRACKERS["mediapipe"]() as tracker:
        follower = Follower(tracker)
        return frames, [follower.track(frame) for frame in frames]


def judge(frames: list[Frame], points: list, shot=None):
    appearance = Appearance()
    for frame, found in zip(frames, points, strict=True):
        appearance.observe(frame, found)
    seen = np.array([found is not None for found in points])
    filled = np.stack([np.zeros((len(KEPT), 3), np.float32) if found is None else found for found in points])
    filled[~seen] = filled[seen][0]
    poses = fit_similarity(rigid_reference(filled[seen].astype(float)), filled[:, RIGID].astype(float))
    shots = np.zeros(len(frames), dtype=np.intp) if shot is None else shot
    return covered_frames(appearance.finish(), posture(filled, poses), seen, shots, RATE), seen


def hide(filmed, kind: str, first: int, last: int):
    """The take with something raised before the mouth from `first` to `last`, as seen by the tracker."""
    frames = [Frame(frame.data.copy(), frame.width, frame.height) for frame in filmed[0]]
    with TRACKERS["mediapipe"]() as tracker:
        follower = Follower(tracker)
        points = []
        for number, frame in enumerate(frames):
            raised = np.clip(min(number - first + 4, last + 4 - number) / 4, 0, 1)
            if raised > 0:
                draw(frame, filmed[1][number], kind, raised)
            points.append(follower.track(frame))
    return frames, points


def test_a_free_mouth_is_never_called_covered(filmed):
    covered, seen = judge(*filmed)
    assert seen.all()
    assert not covered.any()


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [("hand", 60, 118), ("microphone", 0, 40), ("paper", 50, 70), ("paper over the lower lip", 70, 80)],
)
def test_what_hides_the_mouth_is_noticed_and_nothing_else_is(filmed, kind, first, last):
    covered, seen = judge(*hide(filmed, kind, first, last))
    passed = covered | ~seen
    assert passed[first : last + 1].mean() >= 0.95
    free = np.ones(FRAMES, dtype=bool)
    free[max(0, first - 8) : last + 9] = False
    assert not covered[free].any()


def test_changing_light_covers_nothing(filmed):
    frames = []
    for number, frame in enumerate(filmed[0]):
        changed = Frame(frame.data.copy(), frame.width, frame.height)
        gain = 0.75 + 0.35 * np.sin(number / 15)
        changed.y[:] = np.clip(16 + (frame.y.astype(float) - 16) * gain, 0, 255)
        for plane in (changed.u, changed.v):
            plane[:] = np.clip(128 + (plane.astype(float) - 128) * gain, 0, 255)
        frames.append(changed)
    covered, _ = judge(frames, filmed[1])
    assert not covered.any()


def test_another_shot_is_another_look(filmed):
    frames = [Frame(frame.data.copy(), frame.width, frame.height) for frame in filmed[0]]
    for frame in frames[100:]:
        frame.v[:] = np.clip(frame.v.astype(int) - 20, 0, 255)
        frame.y[:] = frame.y // 2 + 16
    shot = np.repeat([0, 1], [100, FRAMES - 100])
    assert not judge(frames, filmed[1], shot)[0].any()


def test_a_frame_without_a_face_costs_nothing_and_is_not_covered(filmed):
    appearance = Appearance()
    appearance.observe(filmed[0][0], None)
    assert appearance.finish().shape == (1, 3, PLACES)
    assert 3 * PLACES <= 200


@pytest.mark.parametrize("name", ["head_en_5s_524.mp4", "idle_silent_11s_704x1216.mp4", "hard/silent_audio_track.mp4"])
def test_no_real_mouth_is_called_covered(name):
    covered, _ = judge(*watch(media.real(media.REAL_CLIPS, name)))
    assert not covered.any()


def test_a_real_hand_before_a_real_mouth_is_noticed(tmp_path):
    alone = tmp_path / "right.mp4"
    ffmpeg = ("-i", media.real(media.REAL_CLIPS, "hard/two_faces.mp4"), "-vf", "crop=640:720:640:0", "-crf", "14", "-an")
    media.ffmpeg(*ffmpeg, "-preset", "veryfast", alone)
    frames, points = watch(alone, 438)
    covered, _ = judge(frames, points)
    assert covered[0:5].all()
    assert covered[374:380].all()
    assert covered.mean() < 0.15
