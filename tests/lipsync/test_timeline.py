"""Voices longer and shorter than the take: which frames are shown, and where the take turns."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lipsync.errors import UnusableInput
from lipsync.joints import HeadMotion, find_joints
from lipsync.timeline import LengthChoice, Longer, Shorter, chosen_part, fill, frames_for, length_choice, notice

RATE = Fraction(25)
NTSC = Fraction(30000, 1001)


def swaying(frames: int, *, period: float = 70.0, amount: float = 0.4) -> HeadMotion:
    """A head that sways sideways like a pendulum: it stands still only where it goes back."""
    sway = amount * np.cos(2 * np.pi * np.arange(frames) / period)
    centre = np.stack([300 + 100 * sway, np.full(frames, 200.0)], axis=1)
    angles = np.stack([10 * sway, np.zeros(frames), np.zeros(frames)], axis=1)
    return HeadMotion(centre, np.full(frames, 100.0), angles, np.ones(frames, bool), np.zeros(frames, np.intp))


def timeline(voice: int, longer: Longer, frames: int = 250, part: range | None = None, motion: HeadMotion | None = None):
    part = part or range(frames)
    joints = find_joints(motion or swaying(frames), part, 25.0)
    return fill(voice, LengthChoice(longer), part, joints), joints


def steps(base) -> set[int]:
    return set(np.diff(base).tolist())


def test_a_voice_that_fits_plays_the_take_as_it_is():
    for mode in Longer:
        line, _ = timeline(250, mode)
        assert line.base.tolist() == list(range(250))
        assert (line.spoken, line.unheard) == (250, 0)


def test_bouncing_never_jumps_and_never_shows_an_end_twice():
    line, joints = timeline(2000, Longer.BOUNCE)
    assert len(line.base) == line.spoken == 2000
    assert steps(line.base) == {1, -1}
    turns = line.base[1:-1][np.diff(line.base)[1:] != np.diff(line.base)[:-1]]
    assert set(turns.tolist()) == {joints.low.frame, joints.high.frame}


def test_the_first_pass_begins_at_the_start_chosen_and_stays_within_the_part():
    for mode in (Longer.BOUNCE, Longer.LOOP, Longer.HOLD):
        line, _ = timeline(1000, mode, 400, range(100, 350))
        assert line.base[:100].tolist() == list(range(100, 200))
        assert line.base.min() >= 100
        assert line.base.max() < 350


def test_play_turns_where_the_head_stands_still():
    line, joints = timeline(2000, Longer.BOUNCE)
    for turn in (joints.low, joints.high):
        assert min(turn.frame % 35, 35 - turn.frame % 35) <= 1
        assert turn.moved < 0.003
    assert joints.low.frame < 0.15 * 250
    assert joints.high.frame >= 0.85 * 250 - 1
    assert np.diff(line.base).tolist().count(-1) > 600


def test_hands_that_move_keep_play_from_turning():
    pictures = np.full((250, 16, 16), 90, np.uint8)
    pictures[225:, 8:, :] += (np.arange(25) % 2 * 40).astype(np.uint8)[:, None, None]
    _, joints = timeline(900, Longer.BOUNCE, motion=replace(swaying(250, amount=0.0), pictures=pictures))
    assert joints.high.frame < 225


def test_play_turns_before_the_face_is_lost():
    usable = np.ones(250, bool)
    usable[150:] = False
    usable[:20] = False
    line, joints = timeline(900, Longer.BOUNCE, motion=replace(swaying(250), usable=usable))
    assert 100 < joints.high.frame < 150
    assert joints.low.frame >= 20
    assert line.base[0] == 0
    assert line.base.max() == joints.high.frame


def test_a_loop_goes_on_where_the_head_would_have_gone():
    line, joints = timeline(2000, Longer.LOOP)
    jump = joints.loop
    assert steps(line.base) == {1, jump.enters - jump.leaves}
    assert jump.moved < 0.01
    assert abs((jump.leaves + 1 - jump.enters) / 70 - round((jump.leaves + 1 - jump.enters) / 70)) < 0.03
    assert jump.leaves + 1 - jump.enters >= 0.6 * 250


def test_a_loop_stays_within_one_shot():
    shots = (np.arange(250) >= 60).astype(np.intp)
    line, joints = timeline(2000, Longer.LOOP, motion=replace(swaying(250), shots=shots))
    assert joints.loop.enters >= 60 and joints.loop.leaves >= 60
    assert line.base[:70].tolist() == list(range(70))


def test_a_cut_inside_the_take_is_no_motion():
    motion = swaying(250, amount=0.0)
    motion.centre[245:] += 200
    _, joints = timeline(900, Longer.BOUNCE, motion=replace(motion, shots=(np.arange(250) >= 245).astype(np.intp)))
    assert joints.high.frame == 249
    assert joints.high.moved == 0


def test_holding_breathes_over_a_short_quiet_span_near_the_end():
    line, joints = timeline(1000, Longer.HOLD)
    low, high = joints.hold_low.frame, joints.hold_high.frame
    assert 50 <= high - low <= 75
    assert high >= 250 - 38
    assert line.base[: high + 1].tolist() == list(range(high + 1))
    assert set(line.base[high:].tolist()) == set(range(low, high + 1))
    assert steps(line.base) == {1, -1}


def test_cutting_ends_with_the_take_and_says_so():
    line, _ = timeline(300, Longer.CUT)
    assert (len(line.base), line.spoken, line.unheard) == (250, 250, 50)
    told = notice(line, LengthChoice(Longer.CUT), range(250), RATE)
    assert told is not None
    assert told[0] == "voice_cut"
    assert "was cut at 10.0 s" in told[1]


def test_a_shorter_voice_ends_the_video_unless_the_rest_is_kept():
    joints = find_joints(swaying(250), range(250), 25.0)
    assert len(fill(100, LengthChoice(), range(250), joints).base) == 100
    kept = fill(100, LengthChoice(shorter=Shorter.KEEP), range(250), joints)
    assert kept.base.tolist() == list(range(250))
    assert kept.spoken == 100


@pytest.mark.parametrize("mode", [Longer.BOUNCE, Longer.LOOP, Longer.HOLD])
def test_a_notice_tells_what_is_seen_of_a_long_voice(mode):
    line, _ = timeline(300, mode)
    told = notice(line, LengthChoice(mode), range(250), RATE)
    assert told is not None
    assert "longer than the clip" in told[1]
    short, _ = timeline(200, mode)
    assert notice(short, LengthChoice(mode), range(250), RATE) is None


@pytest.mark.parametrize("frames", [1, 2, 3, 12, 27])
@pytest.mark.parametrize("mode", [Longer.BOUNCE, Longer.LOOP, Longer.HOLD])
def test_a_very_short_take_fills_any_length(frames, mode):
    line, _ = timeline(200, mode, frames)
    assert len(line.base) == 200
    assert 0 <= line.base.min() <= line.base.max() < frames


def test_a_take_without_a_usable_frame_still_gives_joints():
    motion = replace(swaying(100), usable=np.zeros(100, bool))
    line, _ = timeline(300, Longer.BOUNCE, 100, motion=motion)
    assert len(line.base) == 300


def test_an_hour_and_a_half_is_planned_at_once():
    frames = 90 * 60 * 25
    began = time.process_time()
    line, _ = timeline(frames, Longer.BOUNCE, 1500)
    assert steps(line.base) == {1, -1}
    line, _ = timeline(frames + 1000, Longer.LOOP, frames)
    assert len(line.base) == frames + 1000
    assert time.process_time() - began < 3


def test_runs_are_long_enough_to_be_decoded_in_one_go():
    line, _ = timeline(3000, Longer.BOUNCE)
    turns = np.flatnonzero(np.diff(np.diff(line.base)))
    assert np.diff(turns).min() >= 2 * 25


def test_the_part_is_chosen_in_seconds_on_the_exact_grid():
    assert chosen_part(LengthChoice(), 600, NTSC) == range(600)
    assert chosen_part(LengthChoice(start=10.01, end=None), 600, NTSC) == range(300, 600)
    assert chosen_part(LengthChoice(start=3600.0, end=3610.0), 120_000, NTSC) == range(107892, 108192)
    assert chosen_part(LengthChoice(end=20.5), 600, NTSC) == range(600)
    assert chosen_part(LengthChoice(), 1, NTSC) == range(1)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (-0.1, None, "start_outside_clip"),
        (20.1, None, "start_outside_clip"),
        (float("nan"), None, "start_outside_clip"),
        (None, 30.0, "end_outside_clip"),
        (None, 0.0, "end_outside_clip"),
        (None, float("inf"), "end_outside_clip"),
        (5.0, 5.2, "part_too_short"),
        (8.0, 5.0, "part_too_short"),
    ],
)
def test_a_part_that_is_none_is_refused(start, end, code):
    with pytest.raises(UnusableInput) as caught:
        chosen_part(LengthChoice(start=start, end=end), 500, RATE)
    assert caught.value.code == code


def test_plain_values_become_a_choice_or_are_refused():
    assert length_choice("hold", "keep", 1.0) == LengthChoice(Longer.HOLD, Shorter.KEEP, 1.0, None)
    with pytest.raises(UnusableInput, match="bounce, loop, hold, cut") as caught:
        length_choice("stretch")
    assert caught.value.code == "unknown_length_mode"


def test_the_picture_covers_the_voice():
    assert frames_for(2.0, RATE) == 50
    assert frames_for(2.03, RATE) == 51
    assert frames_for(0.0001, RATE) == 1
