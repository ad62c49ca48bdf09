"""What is looked at while a video is painted, and what it says of the video over time."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import segments as segments_module
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import SilentReporter
from lipsync.faces.landmarks import MOUTH_RING
from lipsync.hearing import hear
from lipsync.media import Encoding, Frame, probe_clip
from lipsync.painting import BorrowedMouths, FrameSource
from lipsync.plan import make_plan, plan_for
from lipsync.quality import MOST_POINTS, Found, look_at
from lipsync.sampling import MOST, Samples, sampled
from lipsync.segments import Renderer, Segment, Tally, cut
from lipsync.spreading import Task, assist, render_all
from lipsync.threads import one_thread
from lipsync.timeline import bounce

COUNT, RATE = 250, 25
SPOILT = range(100, 175)


@pytest.fixture(scope="module")
def planned(synthetic_take, tmp_path_factory):
    """An analysis and a plan of ten seconds in segments of two and a half."""
    clip, root = synthetic_take.clip, tmp_path_factory.mktemp("cache")
    with (
        pytest.MonkeyPatch.context() as patch,
        one_thread(),
        analysed(clip, probe_clip(clip), None, root, Clock(SilentReporter())) as analysis,
    ):
        patch.setattr(segments_module, "SEGMENT_SECONDS", 2.5)
        yield clip, analysis, make_plan(analysis, hear(synthetic_take.voice), bounce(COUNT, len(analysis)))


def render_into(planned, folder: Path, *, measured: bool = True, painter=None, workers: int = 1) -> list[Segment]:
    clip, analysis, plan = planned
    parts = cut(clip, analysis, plan, Encoding(), folder)
    task = Task(clip, analysis.folder, Encoding(), parts, measured)
    render_all(task, analysis, plan, workers, Tally(COUNT, len(parts), lambda done, total: None), painter=painter)
    return parts


def found(planned, parts: Iterable[Segment]) -> Found:
    return look_at([Samples.load(part.samples) for part in parts], *planned[1:], follows=True)


def assert_same(one: Path, other: Path) -> None:
    left, right = Samples.load(one), Samples.load(other)
    assert left is not None and right is not None
    for field in fields(Samples):
        np.testing.assert_array_equal(getattr(left, field.name), getattr(right, field.name))


@pytest.fixture(scope="module")
def in_sequence(planned, tmp_path_factory) -> list[Segment]:
    return render_into(planned, tmp_path_factory.mktemp("sequence"))


@pytest.fixture(scope="module")
def usual(planned, in_sequence) -> Found:
    return found(planned, in_sequence)


def test_the_samples_of_a_segment_are_the_same_alone_and_in_sequence(planned, in_sequence, tmp_path):
    clip, analysis, plan = planned
    renderer = Renderer(clip, analysis, plan, Encoding(), tmp_path, measured=True)
    for part in reversed(in_sequence):
        alone = replace(part, path=tmp_path / part.path.name)
        renderer.render_one(alone, int)
        assert_same(alone.samples, part.samples)
    assert sum(len(Samples.load(part.samples).numbers) for part in in_sequence) == sampled(plan, Fraction(RATE)).sum()


def test_other_processes_and_helpers_leave_the_same_samples(planned, in_sequence, tmp_path):
    for spread, together in zip(render_into(planned, tmp_path / "spread", workers=2), in_sequence, strict=True):
        assert_same(spread.samples, together.samples)
    clip, analysis, plan = planned
    parts = cut(clip, analysis, plan, Encoding(), tmp_path / "helped")
    task = Task(clip, analysis.folder, Encoding(), parts, measured=True)
    task.save(plan)
    assert assist(task.path) == len(parts)
    for helped, together in zip(parts, in_sequence, strict=True):
        assert_same(helped.samples, together.samples)


def test_a_video_is_the_same_whether_it_is_measured_or_not(planned, in_sequence, tmp_path):
    for plain, measured in zip(render_into(planned, tmp_path, measured=False), in_sequence, strict=True):
        assert plain.path.read_bytes() == measured.path.read_bytes()
        assert not plain.samples.exists()


def test_a_good_video_is_told_to_be_one(usual):
    figures = usual.figures()
    assert figures["aperture_followed"] > 0.9 and figures["width_followed"] > 0.8
    assert figures["aperture_error_iod"] < 0.02
    assert 0.85 < figures["sharpness"] < 1.2 and 0.3 < figures["flicker"] < 1.6
    rows = usual.rows(COUNT, RATE)
    assert rows.step == 1.0
    assert len(rows.sync) == len(rows.sharpness) == len(rows.flicker) == COUNT // RATE
    assert min(rows.sync) > 55 and min(rows.sharpness) > 75 and max(rows.flicker) < 200


class Spoiling:
    """Paints as usual, and spoils the mouth of some frames."""

    def __init__(self, planned, spoil) -> None:
        _, self._analysis, self._plan = planned
        self._painter, self._spoil = BorrowedMouths(self._analysis, self._plan), spoil

    def paint(self, reader: FrameSource, first: int, last: int) -> Generator[Frame, None, None]:
        for number, frame in enumerate(self._painter.paint(reader, first, last), first):
            if number in SPOILT:
                ring = self._analysis.space.pixels(self._plan.base[number : number + 1].astype(np.intp))[0, MOUTH_RING]
                (left, top), (right, bottom) = ring.min(axis=0).astype(int), ring.max(axis=0).astype(int)
                mouth = frame.y[top:bottom, left:right]
                mouth[:] = self._spoil(number, mouth)
            yield frame


def softer(number: int, mouth: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(mouth, (0, 0), 3.0)


def unsteady(number: int, mouth: np.ndarray) -> np.ndarray:
    return np.minimum(mouth, 247) + 8 * (number % 2)


@pytest.mark.parametrize(("spoil", "row"), [(softer, "sharpness"), (unsteady, "flicker")])
def test_what_is_spoilt_for_some_seconds_is_told_there_and_only_there(planned, usual, tmp_path, spoil, row):
    rows = found(planned, render_into(planned, tmp_path, painter=Spoiling(planned, spoil))).rows(COUNT, RATE)
    spoilt, well = np.array(getattr(rows, row)), np.array(getattr(usual.rows(COUNT, RATE), row))
    if row == "sharpness":
        assert spoilt[5] < 60 < min(well)
    else:
        assert spoilt[5] > 1.7 * well[5]
    np.testing.assert_array_equal(spoilt[:2], well[:2])
    np.testing.assert_allclose(spoilt[9:], well[9:], atol=2)


@pytest.mark.parametrize("change", ["late", "shut"])
def test_a_mouth_that_does_something_else_is_told(planned, usual, tmp_path, change):
    _, analysis, plan = planned
    mouth = plan.mouth
    if change == "late":
        other = replace(mouth, values=np.roll(mouth.values, 100, axis=0), still=np.roll(mouth.still, 100))
    else:
        other = replace(mouth, still=np.ones_like(mouth.still))
    painter = BorrowedMouths(analysis, plan_for(analysis, other, plan.base))
    seen = found(planned, render_into(planned, tmp_path, painter=painter))
    assert np.mean(seen.rows(COUNT, RATE).sync) < 25 < 60 < np.mean(usual.rows(COUNT, RATE).sync)
    assert seen.figures()["aperture_followed"] < 0.4


def test_mouths_that_follow_no_plan_are_not_held_against_it(planned, in_sequence):
    seen = look_at([Samples.load(part.samples) for part in in_sequence], *planned[1:], follows=False)
    assert set(seen.rows(COUNT, RATE).sync) == {None}
    assert None not in seen.rows(COUNT, RATE).sharpness + seen.rows(COUNT, RATE).flicker
    assert seen.figures()["aperture_followed"] is None and seen.figures()["sharpness"] is not None


def test_samples_that_are_missing_or_damaged_leave_their_seconds_unknown(planned, in_sequence, tmp_path):
    parts = [replace(part, path=tmp_path / part.path.name) for part in in_sequence]
    for part, made in zip(parts, in_sequence, strict=True):
        part.samples.write_bytes(made.samples.read_bytes())
    parts[0].samples.unlink()
    whole = parts[2].samples.read_bytes()
    parts[2].samples.write_bytes(whole[: len(whole) // 2])
    rows = found(planned, parts).rows(COUNT, RATE)
    for row in (rows.sync, rows.sharpness, rows.flicker):
        assert [second for second, value in enumerate(row) if value is None] == [0, 1, 6]


def test_a_disk_that_refuses_the_samples_costs_nothing_but_them(planned, in_sequence, tmp_path):
    clip, analysis, plan = planned
    alone = replace(in_sequence[0], path=tmp_path / in_sequence[0].path.name)
    alone.samples.with_suffix(".npz.part").mkdir()  # cannot be written
    Renderer(clip, analysis, plan, Encoding(), tmp_path, measured=True).render_one(alone, int)
    assert alone.done() and not alone.samples.exists()


def test_nothing_is_known_of_a_moment(planned):
    nothing = look_at([], *planned[1:], follows=True)
    assert set(nothing.figures().values()) == {None}
    rows = nothing.rows(5, RATE)
    assert rows.sync == rows.sharpness == rows.flicker == (None,)


@pytest.mark.parametrize(("frames", "most", "fewest"), [(1, 1, 1), (125, 70, 50), (750, 95, 90), (180_000, MOST, 1_190)])
def test_a_film_of_any_length_is_looked_at_evenly_and_never_too_often(planned, frames, most, fewest):
    _, _, plan = planned
    longer = replace(plan, base=np.zeros(frames, dtype=np.int32), strength=np.ones(frames, dtype=np.float32))
    numbers = np.flatnonzero(sampled(longer, Fraction(RATE)))
    assert fewest <= len(numbers) <= most
    assert len(set(np.diff(numbers))) <= 1


def test_the_rows_of_a_long_film_stay_short():
    numbers = np.arange(75, 180_000, 150)
    asked = np.sin(numbers)
    both = np.stack([asked, asked], axis=1)
    even = np.ones(len(numbers))
    rows = Found(numbers, both, both, np.log(even * 0.9), even * 1.5, even).rows(180_000, RATE)
    assert len(rows.sync) == MOST_POINTS and rows.step * MOST_POINTS == 7200
    assert set(rows.sync) == {100} and set(rows.sharpness) == {90} and set(rows.flicker) == {150}
