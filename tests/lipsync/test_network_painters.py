"""Mouths that networks make are laid over the take; small networks stand for the large ones, asked and laid the same way."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import SilentReporter
from lipsync.enhancing import RestoredMouths
from lipsync.face_pixels import Colours, cut_square, lay_square
from lipsync.face_squares import FFHQ_POINTS, FaceSquares
from lipsync.faces.landmarks import CHIN_TIP, CORNERS, LEFT_EYE, RIGHT_EYE
from lipsync.hearing import hear
from lipsync.media import Frame, FrameReader, probe_clip
from lipsync.plan import make_plan
from lipsync.sound.speech_mel import SpokenRows
from lipsync.speaking import SpokenMouths, batches, shown
from tests.lipsync.media import ffmpeg
from tests.lipsync.networks import on_cpu

COUNT = 24


class Mouths(nn.Module):
    """The face it is to take after, its lower half as bright as the voice is loud."""

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        made = faces[:, 3:].clone()
        made[:, :, 48:] += (mel.mean(dim=(1, 2, 3)) / 8 + 0.5)[:, None, None, None] * 0.4
        return made.clamp(0, 1)


class Flicker(nn.Module):
    """Makes every other picture brighter, as a network that sees single pictures does."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, faces: Tensor) -> Tensor:
        signs = torch.tensor([(-1.0) ** (self.seen + place) for place in range(len(faces))])
        self.seen += len(faces)
        return faces + 0.2 * signs[:, None, None, None]


@pytest.fixture(scope="module")
def planned(synthetic_take, tmp_path_factory):
    root = tmp_path_factory.mktemp("cache")
    clip = root / "take.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "2.5", "-c:a", "copy", "-crf", "10", clip)
    with analysed(clip, probe_clip(clip), None, root, Clock(SilentReporter())) as analysis:
        base = np.concatenate([np.arange(14), np.arange(12, 2, -1)])
        plan = make_plan(analysis, hear(synthetic_take.voice), base)
        plan.strength[5:7] = [0, 0.5]
        yield clip, analysis, plan


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> SpokenRows:
    sound = np.random.RandomState(3).normal(0, 0.1, 16_000).astype(np.float32)
    rows = tmp_path_factory.mktemp("spoken") / "rows"
    return SpokenRows.write(rows, [sound], np.zeros(COUNT, dtype=np.float32), Fraction(25))


def painted(painter, planned, first: int = 0, last: int = COUNT) -> list[Frame]:
    clip, analysis, _ = planned
    return list(painter.paint(FrameReader(clip, analysis.facts), first, last))


def filmed(planned) -> list[Frame]:
    clip, analysis, plan = planned
    return list(FrameReader(clip, analysis.facts).sequence(plan.base.tolist()))


def mouths(planned, spoken, batch: int = 8) -> SpokenMouths:
    return SpokenMouths(planned[1], planned[2], spoken, on_cpu(Mouths(), batch))


def test_outside_the_outline_no_sample_changes_and_a_strength_of_0_changes_none(planned, spoken):
    squares = FaceSquares(planned[1].space)
    for number, (one, other) in enumerate(zip(painted(mouths(planned, spoken), planned), filmed(planned), strict=True)):
        change = np.abs(one.y.astype(int) - other.y)
        if number == 5:
            np.testing.assert_array_equal(one.data, other.data)
            continue
        (ring,) = squares.rings(planned[2].base[number : number + 1].astype(np.intp))
        low, high = ring.min(axis=0) - 40, ring.max(axis=0) + 40
        rows, columns = np.nonzero(change)
        assert rows.size and low[1] < rows.min() and rows.max() < high[1]
        assert low[0] < columns.min() and columns.max() < high[0]


def test_a_range_alone_is_the_same_to_the_byte(planned, spoken):
    whole = painted(mouths(planned, spoken), planned)
    for first, last in ((0, 3), (8, 16), (16, 24)):
        for alone, together in zip(painted(mouths(planned, spoken), planned, first, last), whole[first:last], strict=True):
            np.testing.assert_array_equal(alone.data, together.data)


def test_batches_end_at_the_same_places_in_every_range():
    assert [part.tolist() for part in batches(3, 10, 4)] == [[3], [4, 5, 6, 7], [8, 9]]
    assert list(batches(4, 4, 4)) == []


def test_the_network_sees_the_face_without_its_lower_half_and_whole():
    faces = np.full((2, 96, 96, 3), 0.5, dtype=np.float32)
    given = shown(faces)
    assert given.shape == (2, 6, 96, 96)
    assert (given[:, :3, 48:] == 0).all() and (given[:, :3, :48] == 0.5).all() and (given[:, 3:] == 0.5).all()


def test_what_is_cut_and_laid_back_is_what_was_there(planned):
    clip, analysis, _ = planned
    squares, colours = FaceSquares(analysis.space), Colours.of(analysis.facts)
    numbers = np.array([9])
    for there in (squares.aligned(numbers)[0], squares.upright(numbers, 512)[0]):
        (frame,) = FrameReader(clip, analysis.facts).forward(9, 1)
        before = frame.y.copy()
        face = cut_square(frame, there, 512, colours)
        (ring,), (unit,) = squares.rings(numbers), squares.units(numbers)
        lay_square(frame, face, there, ring, colours, unit=unit, strength=1.0)
        change = np.abs(frame.y.astype(int) - before)
        assert change.max() <= 25 and 0 < change[before != frame.y].mean() < 2


@pytest.mark.parametrize("colourspace", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("full", [True, False])
def test_colours_there_and_back_are_the_same(colourspace, full):
    chance = np.random.RandomState(2)
    bgr = chance.uniform(0, 1, (8, 8, 3)).astype(np.float32)
    colours = Colours(
        *{"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}[colourspace], full
    )
    np.testing.assert_allclose(colours.to_bgr(*colours.to_planes(bgr)), bgr, atol=1e-4)
    white = colours.to_planes(np.ones((1, 1, 3), dtype=np.float32))
    assert [round(float(plane[0, 0])) for plane in white] == [255 if full else 235, 128, 128]


def test_faces_lie_upright_in_their_square_and_as_in_ffhq(planned):
    _, analysis, _ = planned
    squares, numbers = FaceSquares(analysis.space), np.array([0, 40])
    points = analysis.space.pixels(numbers)
    eyes = (points[:, RIGHT_EYE].mean(axis=1), points[:, LEFT_EYE].mean(axis=1))
    for place, (upright, aligned) in enumerate(zip(squares.upright(numbers, 96), squares.aligned(numbers), strict=True)):
        right, left, chin = (into(upright, mark[place]) for mark in (*eyes, points[:, CHIN_TIP].mean(axis=1)))
        assert abs(right[1] - left[1]) < 3 and 20 < right[0] < 45 < left[0] < 76
        assert 20 < right[1] < 48 and 80 < chin[1] < 96
        marks = [eyes[0][place], eyes[1][place], *points[place, CORNERS]]
        found = np.array([into(aligned, mark) for mark in marks])
        assert np.abs(found - FFHQ_POINTS[[0, 1, 3, 4]]).max() < 35


def into(there: np.ndarray, point: np.ndarray) -> np.ndarray:
    """A point of the frame in the square."""
    return np.linalg.solve(there[:, :2], point - there[:, 2])


def brightness(frames: list[Frame], planned) -> np.ndarray:
    (ring,) = FaceSquares(planned[1].space).rings(np.array([5]))
    left, top = ring.min(axis=0).astype(int) + 25
    right, bottom = ring.max(axis=0).astype(int) - 25
    return np.array([float(frame.y[top:bottom, left:right].mean()) for frame in frames])


def test_restoring_does_not_flicker(planned, spoken):
    class Still(RestoredMouths):
        """Without the frames beside it."""

        def _finished(self, number, here, before, after):
            return super()._finished(number, here, None, None)

    clip, analysis, plan = planned
    planned = clip, analysis, replace(plan, base=np.full(COUNT, 3, dtype=np.int32))
    quiet = mouths(planned, replace(spoken, still=np.ones(COUNT, dtype=np.float32)))
    plain = brightness(painted(quiet, planned, 8, 14), planned)
    alone, averaged = (
        brightness(painted(kind(quiet, *planned[1:], on_cpu(Flicker(), 1)), planned, 8, 14), planned) - plain
        for kind in (Still, RestoredMouths)
    )
    assert np.abs(np.diff(alone)).mean() > 4 > 10 * np.abs(np.diff(averaged)).mean()


def test_restoring_a_range_alone_is_the_same(planned, spoken):
    class Brighter(nn.Module):
        def forward(self, faces: Tensor) -> Tensor:
            return faces * 0.9 + 0.1 * faces.mean(dim=(2, 3), keepdim=True)

    def restored(first: int, last: int) -> list[Frame]:
        return painted(RestoredMouths(mouths(planned, spoken, 1), *planned[1:], on_cpu(Brighter(), 1)), planned, first, last)

    whole = restored(0, 7)
    for first, last in ((0, 1), (3, 5), (6, 7)):
        for alone, together in zip(restored(first, last), whole[first:last], strict=True):
            np.testing.assert_array_equal(alone.data, together.data)
    np.testing.assert_array_equal(restored(COUNT - 3, COUNT)[-1].data, restored(COUNT - 1, COUNT)[-1].data)
