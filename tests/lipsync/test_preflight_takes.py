"""The preflight card of real takes, good ones and hard ones."""

from __future__ import annotations

import pytest

from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.judging import preflight
from lipsync.preflight import Severity, Verdict
from tests.lipsync.media import REAL_CLIPS, real


@pytest.mark.parametrize(
    ("name", "verdict", "codes"),
    [
        ("anchor_de_20s_512", Verdict.READY, set()),
        ("idle_silent_11s_704x1216", Verdict.WARNINGS, {"little_movement", "no_own_sound"}),
        ("hard/cuts_many_people", Verdict.REFUSED, {"face_rarely_seen", "several_faces", "cuts"}),
        ("hard/near_profile", Verdict.REFUSED, {"near_profile"}),
        ("hard/tiny_face", Verdict.WARNINGS, {"small_face", "short_clip", "unmatched_sound"}),
        ("hard/yaw_12_to_38", Verdict.WARNINGS, {"turned_away", "strong_turn", "short_clip"}),
        ("hard/one_second", Verdict.WARNINGS, {"short_clip"}),
        ("hard/silent_audio_track", Verdict.WARNINGS, {"short_clip", "silent_own_sound"}),
        ("hard/no_audio_selfie", Verdict.WARNINGS, {"no_own_sound"}),
        ("hard/two_faces", Verdict.READY, set()),
        ("hard/variable_frame_rate", Verdict.WARNINGS, {"short_clip"}),
    ],
)
def test_a_real_take_gets_the_verdict_that_a_person_would_give(name, verdict, codes, tmp_path):
    card = preflight(real(REAL_CLIPS, f"{name}.mp4"), RenderOptions(), SilentReporter())
    assert card.verdict is verdict
    assert {finding.code for finding in card.findings if finding.severity is not Severity.NOTE} == codes


def test_the_demo_take_is_ready_and_its_strip_shows_it(synthetic_take, tmp_path):
    strip = tmp_path / "strip.jpg"
    assert preflight(synthetic_take.clip, RenderOptions(), SilentReporter(), strip).verdict is Verdict.READY
    assert strip.stat().st_size > 20_000


def test_a_part_is_judged_by_itself(synthetic_take, tmp_path):
    part = RenderOptions(start=1.0, end=5.0, cache=tmp_path)
    card = preflight(synthetic_take.clip, part, SilentReporter())
    assert [finding.code for finding in card.findings if finding.severity is Severity.WARNING] == ["short_clip"]
    assert (card.figures.part.start, card.figures.part.end) == (1.0, 5.0)
