"""The hardest seconds are where most can go wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lipsync.errors import UnusableInput
from lipsync.excerpt import frames_of, hardest, part_of
from lipsync.plan import Plan
from lipsync.sound.mouth import MouthTrack
from lipsync.stages import Prepared

FRAMES, WINDOW = 1000, 100


@pytest.fixture
def plan() -> Plan:
    """A mouth that opens and closes evenly, with nothing in its way."""
    values = np.zeros((FRAMES, 8), dtype=np.float32)
    values[:, 0] = np.abs(np.sin(np.arange(FRAMES) / 3))
    ones = np.ones(FRAMES, dtype=np.float32)
    mouths = np.zeros((FRAMES, 1), dtype=np.int16)
    track = MouthTrack(values, 0 * ones)
    return Plan(np.arange(FRAMES, dtype=np.int32), track, ones, mouths, ones[:, None], 0 * ones)


def test_dense_speech_is_harder_than_slow_speech(plan: Plan) -> None:
    plan.mouth.values[600:700, 0] = np.abs(np.sin(np.arange(100)))
    assert 560 < hardest(plan, WINDOW).start < 640


def test_a_gap_within_speech_is_hard(plan: Plan) -> None:
    plan.strength[300:340] = 0
    assert set(range(300, 340)) <= set(hardest(plan, WINDOW))


def test_a_turn_of_the_take_is_hard(plan: Plan) -> None:
    base = np.concatenate([np.arange(500), np.arange(500)[::-1]]).astype(np.int32)
    quiet = replace(plan, base=base, mouth=MouthTrack(0 * plan.mouth.values, plan.mouth.still))
    assert 500 in hardest(quiet, WINDOW)


def test_silence_is_not_hard(plan: Plan) -> None:
    plan.mouth.still[: FRAMES // 2] = 1
    plan.strength[100:200] = 0
    assert hardest(plan, WINDOW).start >= FRAMES // 2 - WINDOW // 8


def test_it_begins_in_a_pause_where_that_costs_little(plan: Plan) -> None:
    plan.mouth.still[400:404] = 1
    assert hardest(plan, WINDOW).start in range(400, 404)


def test_a_short_video_is_taken_whole(plan: Plan) -> None:
    assert hardest(plan, FRAMES + 1) == range(FRAMES)


def test_a_part_of_the_plan_is_the_plan_there(plan: Plan) -> None:
    part = part_of(plan, range(200, 300))
    assert len(part) == len(part.mouth) == len(part.mouths) == 100
    assert part.base[0] == 200
    assert part.mouth.values[0, 0] == plan.mouth.values[200, 0]


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.1, float("nan"), float("inf")])
def test_a_length_that_cannot_be_is_refused(seconds: float) -> None:
    with pytest.raises(UnusableInput) as caught:
        frames_of(seconds, Fraction(25))
    assert caught.value.code == "excerpt_too_short"


def test_seconds_are_frames_of_the_clip() -> None:
    assert (frames_of(5, Fraction(30000, 1001)), frames_of(None, Fraction(25))) == (150, None)


def test_a_painter_that_knows_the_whole_plan_paints_the_part(plan: Plan) -> None:
    class Numbers:
        def paint(self, reader, first, last):
            yield from range(first, last)

    prepared = Prepared(plan, Numbers(), "these weights").part(range(200, 300))
    assert list(prepared.painter.paint(None, 10, 13)) == [210, 211, 212]
    assert prepared.painted_with != Prepared(plan, Numbers(), "these weights").part(range(400, 500)).painted_with
