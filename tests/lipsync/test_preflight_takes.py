"""The preflight card of real takes, good ones and hard ones, from what the tracker sees in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.bank import lip_sharpness
from lipsync.faces.landmarks import KEPT, RIGID
from lipsync.faces.pose import fit_similarity, rigid_reference
from lipsync.faces.tracker import MediapipeTracker
from lipsync.glance import face_light, tiny_picture
from lipsync.joints import HeadMotion, find_joints
from lipsync.media import FrameReader, probe_clip
from lipsync.mouth_space import apertures, widths
from lipsync.preflight import Card, Evidence, Verdict, judge
from lipsync.sound.offset import Offset
from tests.lipsync.media import REAL_CLIPS, real

FARTHEST_YAW = 35.0


def card_of(path: Path) -> Card:
    """The card of a take whose sound is beyond doubt and in which the tracker's first choice is the speaker."""
    facts = probe_clip(path)
    points, lips, light, pictures = [], [], [], []
    with MediapipeTracker() as tracker:
        for frame in FrameReader(path, facts).forward():
            found = tracker.track(frame)
            points.append(np.full((len(KEPT), 3), np.nan) if found is None else found.astype(np.float64))
            lips.append(np.nan if found is None else lip_sharpness(frame, found))
            light.append((np.nan, 0.0) if found is None else face_light(frame, found))
            pictures.append(tiny_picture(frame))
    seen = np.isfinite([point[0, 0] for point in points])
    known = np.flatnonzero(seen)
    filled = np.stack(points)[known[np.searchsorted(known, np.arange(len(seen))).clip(0, len(known) - 1)]]
    poses = fit_similarity(rigid_reference(filled[seen]), filled[:, RIGID])
    shapes, yaw, count = poses.to_own(filled), np.abs(poses.angles[:, 0]), len(seen)
    reasons = np.where(~seen, "no_face", np.where(yaw > FARTHEST_YAW, "turned", np.where(poses.scale < 24, "small", "")))
    gaps = tuple((k, k + 1, str(reasons[k])) for k in range(count) if reasons[k])
    shots = np.zeros(count, np.intp)
    motion = HeadMotion(poses.translation[:, :2], poses.scale, poses.angles, seen, shots, pictures=np.stack(pictures))
    brightness, clipped = np.array(light).T
    return judge(
        Evidence(
            facts=facts,
            seen=seen,
            shots=shots,
            angles=poses.angles,
            iod=poses.scale,
            sharpness=np.array(lips),
            light=brightness,
            clipped=clipped,
            apertures=apertures(shapes),
            widths=widths(shapes),
            strength=(reasons == "").astype(float),
            gaps=gaps,
            part=range(count),
            sound=True,
            offset=Offset(0.0, 0.5),
            joints=find_joints(motion, range(count), float(facts.frame_rate)),
        )
    )


@pytest.mark.parametrize(
    ("name", "verdict", "codes"),
    [
        ("anchor_de_20s_512", Verdict.READY, set()),
        ("idle_silent_11s_704x1216", Verdict.WARNINGS, {"little_movement"}),
        ("hard/cuts_many_people", Verdict.REFUSED, {"face_rarely_seen"}),
        ("hard/near_profile", Verdict.REFUSED, {"near_profile"}),
        ("hard/tiny_face", Verdict.WARNINGS, {"small_face", "short_clip"}),
        ("hard/yaw_12_to_38", Verdict.WARNINGS, {"turned_away", "strong_turn", "short_clip"}),
        ("hard/one_second", Verdict.WARNINGS, {"short_clip"}),
        ("hard/silent_audio_track", Verdict.WARNINGS, {"short_clip"}),
    ],
)
def test_a_real_take_gets_the_verdict_that_a_person_would_give(name, verdict, codes):
    card = card_of(real(REAL_CLIPS, f"{name}.mp4"))
    assert card.verdict is verdict
    assert {finding.code for finding in card.findings if finding.severity != "note"} == codes


def test_the_demo_take_is_ready(synthetic_take):
    assert card_of(synthetic_take.clip).verdict is Verdict.READY
