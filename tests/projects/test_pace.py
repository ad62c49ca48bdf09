"""A render's share goes from nothing to nearly all and never back, whatever the engine leaves out."""

from __future__ import annotations

from statistics import fmean

import pytest

from projects.models import Stage
from projects.pace import ORDER, WEIGHTS, Pace

# Seconds of three renders of clips that were new, on two busy cores, 2026-11-29: 4.5 s at 524 x 524, 13.1 s at 512 x 512
# from a clip of 20 s, 8.7 s at 1920 x 1080.
MEASURED = (
    {"look": 5.618, "listen": 1.0, "plan": 0.791, "render": 4.033, "finish": 1.017, "measure": 0.404},
    {"look": 14.914, "listen": 1.409, "plan": 0.496, "render": 7.595, "finish": 2.48, "measure": 0.557},
    {"look": 7.959, "listen": 1.203, "plan": 0.586, "render": 47.92, "finish": 1.648, "measure": 0.633},
)


def shares(stages: list[str]) -> list[float]:
    """The share after every event of a render with these stages."""
    pace, told = Pace(), []
    for stage in stages:
        pace.enter(stage, now=0.0)
        told.append(pace.share)
        for done in range(0, 101, 20) if stage in (Stage.LOOK, Stage.RENDER) else ():
            pace.advance(done, 100)
            told.append(pace.share)
    return told


def test_every_stage_has_its_weight() -> None:
    assert [stage for stage in Stage.values if stage] == list(WEIGHTS)


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_weighs_what_it_takes(stage: str) -> None:
    took = fmean(seconds[stage] / sum(seconds.values()) for seconds in MEASURED)
    assert WEIGHTS[Stage(stage)] / sum(WEIGHTS.values()) == pytest.approx(took, abs=0.04)


@pytest.mark.parametrize("first", ORDER)
def test_it_begins_with_nothing_wherever_the_engine_begins(first: str) -> None:
    assert shares([first])[0] == 0.0


@pytest.mark.parametrize("stages", [list(ORDER), ["plan", "render", "finish"], ["plan", "render", "finish", "measure"]])
def test_it_only_grows_and_is_never_all(stages: list[str]) -> None:
    told = shares(stages)
    assert told == sorted(told)
    assert 0.7 < told[-1] < 1.0


def test_a_clip_that_is_known_gets_no_share_for_looking() -> None:
    whole, known = Pace(), Pace()
    for pace, stages in ((whole, ("look", "listen", "plan", "render")), (known, ("plan", "render"))):
        for stage in stages:
            pace.enter(stage, now=0.0)
    assert known.share < 0.2 < whole.share


def test_looking_again_after_all_does_not_turn_it_back() -> None:
    told = shares(["plan", "render", "look"])
    assert told == sorted(told)


def test_an_unknown_stage_changes_nothing() -> None:
    pace = Pace()
    pace.enter("render", now=0.0)
    pace.advance(50, 100)
    before = pace.share
    pace.enter("polish", now=1.0)
    assert (pace.stage, pace.done, pace.share) == ("", 0, before)


@pytest.mark.parametrize(("done", "total", "kept"), [(12, 9, (9, 9)), (-1, 9, (0, 9)), (3, 0, (0, 0))])
def test_frames_stay_within_bounds(done: int, total: int, kept: tuple[int, int]) -> None:
    pace = Pace()
    pace.enter("render", now=0.0)
    pace.advance(done, total)
    assert (pace.done, pace.total) == kept
    assert 0.0 <= pace.share < 1.0


def test_the_time_left_comes_from_the_frames_alone_and_not_from_what_went_before() -> None:
    told = []
    for looked in (0.0, 500.0):
        pace = Pace()
        pace.enter("look", now=0.0)
        pace.enter("render", now=looked)
        pace.advance(50, 100)
        told.append(pace.seconds_left(now=looked + 30.0))
    assert told[0] == told[1]
    assert told[0] is not None and 30.0 <= told[0] <= 60.0


def test_no_time_is_told_while_it_would_be_a_guess() -> None:
    pace = Pace()
    pace.enter("look", now=0.0)
    pace.advance(50, 100)
    assert pace.seconds_left(now=10.0) is None
    pace.enter("render", now=10.0)
    pace.advance(1, 100)
    assert pace.seconds_left(now=11.0) is None
