"""Warps, masks and the bank: nothing but the mouth changes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lipsync.bank import BankBuilder, Mouth, load_bank, save_bank, usable_mouths
from lipsync.faces.landmarks import APERTURE_PAIRS, JAW, KEPT, LEFT_EYE, LIP_OUTLINE, LIPS, MOUTH_RING, RIGHT_EYE
from lipsync.layers import Wish, paint
from lipsync.media import Frame, FrameReader, probe_clip
from lipsync.timeline import bounce, frames_for
from lipsync.warp import Grid, fields, pick

RANDOM = np.random.default_rng(6)


def test_points_that_stay_leave_the_picture_as_it_is():
    picture = RANDOM.integers(0, 255, (100, 120), dtype=np.uint8)
    points, grid = RANDOM.uniform(10, 90, (9, 2)), Grid(60, 40, 4)
    still = fields(points, [points], grid, unit=30, smoothness=1e-3)[0]
    np.testing.assert_array_equal(pick(picture, grid.lookup(still, 20, 30)), picture[30:70, 20:80])


def test_a_shift_is_a_shift_in_every_plane():
    grid = Grid(60, 40, 8)
    shift = np.full((*grid.shape, 2), [4.0, -2.0], dtype=np.float32)
    picture = RANDOM.integers(0, 255, (100, 120), dtype=np.uint8)
    np.testing.assert_array_equal(pick(picture, grid.lookup(shift, 20, 30)), picture[28:68, 24:84])
    np.testing.assert_array_equal(pick(picture, grid.lookup(shift, 20, 30, 2)), picture[14:34, 12:42])


@pytest.mark.parametrize("shrink", [2, 4])
def test_a_grid_has_nodes_about_as_far_apart_as_wished_and_whole_steps_in_smaller_pictures(shrink):
    steps = np.array([Grid.over(64, 40, wished, shrink).step for wished in np.arange(0.5, 40, 0.7)])
    assert (steps % shrink == 0).all()
    assert (np.abs(steps - np.maximum(np.arange(0.5, 40, 0.7), shrink)) <= shrink / 2).all()


@pytest.mark.parametrize("shrink", [1, 2, 4])
def test_a_field_of_nothing_picks_every_sample_as_it_is(shrink):
    picture = RANDOM.integers(0, 255, (96, 128), dtype=np.uint8)
    grid = Grid(64, 40, 12)
    still = np.zeros((*grid.shape, 2), dtype=np.float32)
    left, top = 16, 24
    part = np.s_[top // shrink : (top + 40) // shrink, left // shrink : (left + 64) // shrink]
    np.testing.assert_array_equal(pick(picture, grid.lookup(still, left, top, shrink)), picture[part])


def test_values_at_the_nodes_spread_evenly_between_them():
    grid = Grid(50, 34, 8)
    across, down = np.meshgrid(np.arange(50), np.arange(34))
    for shrink in (1, 2, 4):
        spread = grid.spread(grid.places, shrink)
        half = (shrink - 1) / 2
        np.testing.assert_allclose(spread[..., 0], across[::shrink, ::shrink][: 34 // shrink, : 50 // shrink] + half, atol=1e-4)
        np.testing.assert_allclose(spread[..., 1], down[::shrink, ::shrink][: 34 // shrink, : 50 // shrink] + half, atol=1e-4)


def test_points_meet_on_a_grid_for_several_sources_at_once():
    target = RANDOM.uniform(20, 180, (12, 2))
    sources = [target + RANDOM.uniform(-6, 6, (12, 2)) for _ in range(3)]
    grid = Grid(200, 200, 4)
    for source, field in zip(sources, fields(target, sources, grid, unit=60, smoothness=1e-6), strict=True):
        spread = grid.spread(field)
        for (x, y), there in zip(target.round().astype(int), source - target, strict=True):
            assert spread[y, x] == pytest.approx(there, abs=0.8)
        alone = fields(target, [source], grid, unit=60, smoothness=1e-6)[0]
        np.testing.assert_allclose(field, alone, atol=1e-3)


def test_a_part_of_a_grid_has_the_same_nodes():
    grid = Grid(200, 160, 8)
    part, (row, column) = grid.around(np.array([6, 7, 9]), np.array([4, 12]))
    corner = np.array([column, row]) * grid.step
    same = grid.places[row : row + part.shape[0], column : column + part.shape[1]]
    np.testing.assert_allclose(part.places + corner, same)


@pytest.fixture(scope="module")
def filmed(synthetic_take, looked_at):
    """The synthetic take: its facts, its file, its mouth space and its bank."""
    return probe_clip(synthetic_take.clip), synthetic_take.clip, *looked_at


def wish_for(filmed, base: int, mouth: int, strength: float = 1.0) -> Wish:
    _, _, space, bank = filmed
    lips = space.shapes[np.array([bank[mouth].number])][:, LIPS].astype(float)
    wanted = space.wanted_pixels(np.array([base]), lips, np.array([strength]))[0]
    borrowed = space.pixels(np.array([bank[mouth].number]))[0]
    return Wish(
        space.pixels(np.array([base]))[0], wanted, float(space.poses.scale[base]), ((bank[mouth], borrowed, 1.0),), strength
    )


def frame_of(filmed, number: int) -> Frame:
    facts, clip, _, _ = filmed
    return next(iter(FrameReader(clip, facts).forward(number, 1)))


def test_outside_the_lower_face_no_sample_changes(filmed):
    before, after = frame_of(filmed, 100), frame_of(filmed, 100)
    wish = wish_for(filmed, 100, 30)
    paint(after, wish)
    changed = np.argwhere(before.y != after.y)
    face = wish.own[np.concatenate([JAW, MOUTH_RING])]
    margin = 0.6 * wish.unit
    assert len(changed) > 500
    assert changed[:, 0].min() > face[:, 1].min() - margin
    assert changed[:, 0].max() < face[:, 1].max() + margin
    assert changed[:, 1].min() > face[:, 0].min() - margin
    assert changed[:, 1].max() < face[:, 0].max() + margin
    assert (before.u != after.u).any()


def test_where_the_face_hardly_moves_samples_stay_the_cameras(filmed):
    """A wish for the frame's own lips moves nothing, so that outside the mouth's mask not one sample differs."""
    _, _, space, _ = filmed
    before, after = frame_of(filmed, 100), frame_of(filmed, 100)
    own = space.pixels(np.array([100]))[0]
    paint(after, replace(wish_for(filmed, 100, 30), own=own, wanted=own))
    changed = np.argwhere(before.y != after.y)[:, ::-1]
    ring = own[MOUTH_RING]
    margin = 0.2 * space.poses.scale[100]
    assert len(changed) > 500
    assert (changed.min(axis=0) > ring.min(axis=0) - margin).all()
    assert (changed.max(axis=0) < ring.max(axis=0) + margin).all()


def test_a_second_mouth_lends_lips_its_brightness_and_the_skin_beside_them_its_folds(filmed):
    """Cross-fades leave no double edges on lips and teeth, and folds of the skin do not pop up."""
    wish = wish_for(filmed, 100, 30)
    mouth, landmarks, _ = wish.mouths[0]
    striped = replace(mouth, y=((np.indices(mouth.y.shape).sum(axis=0) % 2) * 40 + mouth.y // 2).astype(np.uint8))
    alone, other = frame_of(filmed, 100), frame_of(filmed, 100)
    paint(alone, wish)
    paint(other, replace(wish, mouths=((mouth, landmarks, 0.7), (striped, landmarks, 0.3))))
    difference = other.y.astype(np.float32) - alone.y
    detail = np.abs(cv2.Laplacian(difference, cv2.CV_32F))
    lips, ring = (inside(alone, wish.wanted[points]) for points in (LIP_OUTLINE, MOUTH_RING))
    assert difference.min() < -4
    assert detail[cv2.erode(lips.astype(np.uint8), None, iterations=2) == 1].max() < 8
    beside = ring & (cv2.dilate(lips.astype(np.uint8), None, iterations=round(0.15 * wish.unit)) == 0)
    assert np.median(detail[beside]) >= 12


def inside(frame: Frame, outline: np.ndarray) -> np.ndarray:
    """(height, width) of bool."""
    filled = np.zeros((frame.height, frame.width), dtype=np.uint8)
    cv2.fillPoly(filled, [outline.round().astype(np.int32)], 1)
    return filled.astype(bool)


def test_light_that_changes_goes_over_to_the_lips(filmed):
    """A frame twenty levels brighter than the mouth's own moment: the lips are made brighter too."""
    lit, plain = frame_of(filmed, 100), frame_of(filmed, 100)
    lit.y[:] = np.clip(lit.y.astype(int) + 24, 0, 255)
    wish = wish_for(filmed, 100, 30)
    paint(lit, wish)
    paint(plain, wish)
    low, high = wish.wanted[LIPS].min(axis=0).astype(int), wish.wanted[LIPS].max(axis=0).astype(int)
    gain = (lit.y.astype(int) - plain.y)[low[1] : high[1], low[0] : high[0]].mean()
    assert 16 < gain < 27


@pytest.mark.parametrize(("left", "colour"), [(0.15, (16, 128, 128)), (0.4, (16, 128, 128)), (0.25, (235, 128, 128))])
def test_a_mouth_laid_over_a_faded_frame_is_faded_with_it(filmed, left, colour):
    """From black and from white: what is painted on a faded frame is what fading the painted frame would give."""
    plain, faded, wish = frame_of(filmed, 100), frame_of(filmed, 100), wish_for(filmed, 100, 30)
    fade(faded, left, colour)
    paint(faded, wish)
    paint(plain, wish)
    fade(plain, left, colour)
    lips = inside(plain, wish.wanted[LIP_OUTLINE])
    assert np.abs(faded.y[lips].astype(int) - plain.y[lips]).mean() < 3
    for plane, wanted in ((faded.u, plain.u), (faded.v, plain.v)):
        assert np.abs(plane[lips[::2, ::2]].astype(int) - wanted[lips[::2, ::2]]).mean() < 2


def test_what_touches_the_mouths_edge_and_a_passage_without_colour_do_not_fade_it(filmed):
    """Something dark at the chin takes light from the edge, and black and white takes colour: the lips keep their contrast."""
    plain, dark, grey, wish = *(frame_of(filmed, 100) for _ in range(3)), wish_for(filmed, 100, 30)
    lips = inside(plain, wish.wanted[LIP_OUTLINE])
    dark.y[round(wish.wanted[LIP_OUTLINE, 1].max() + 0.1 * wish.unit) :] = 30
    grey.u[:], grey.v[:] = 128, 128
    for frame in (plain, dark, grey):
        paint(frame, wish)
    for frame in (dark, grey):
        assert frame.y[lips].std() == pytest.approx(plain.y[lips].std(), rel=0.05)


def fade(frame: Frame, left: float, colour: tuple[int, int, int]) -> None:
    """Leave so much of the frame, the rest of one colour."""
    for plane, value in zip((frame.y, frame.u, frame.v), colour, strict=True):
        plane[:] = np.round(value + left * (plane.astype(np.float32) - value))


def test_no_strength_changes_nothing(filmed):
    before, after = frame_of(filmed, 100), frame_of(filmed, 100)
    paint(after, wish_for(filmed, 100, 30, strength=0.0))
    np.testing.assert_array_equal(before.data, after.data)


def test_a_frame_that_gets_its_own_mouth_back_is_the_same(filmed):
    _, _, _, bank = filmed
    before, after = frame_of(filmed, bank[30].number), frame_of(filmed, bank[30].number)
    paint(after, wish_for(filmed, bank[30].number, 30))
    assert np.abs(before.data.astype(int) - after.data).max() <= 2


def test_a_mouth_at_the_edge_of_the_picture_is_no_crash(filmed):
    frame = frame_of(filmed, 100)
    wish = wish_for(filmed, 100, 30)
    for shift in ([-300, 0], [300, 250], [0, 400]):
        moved = replace(wish, own=wish.own + shift, wanted=wish.wanted + shift)
        paint(frame, moved)


def staring() -> np.ndarray:
    """(len(KEPT), 3) px of a face about (100, 100): random but for its eyes."""
    points = (np.random.default_rng(1).uniform(-20, 20, (len(KEPT), 3)) + [100, 100, 0]).astype(np.float32)
    points[RIGHT_EYE], points[LEFT_EYE] = [70, 80, 0], [130, 80, 0]
    return points


def offered(count: int, capacity: int) -> list[Mouth]:
    """A bank offered so many mouths, most of them closed, one run wide open."""
    builder = BankBuilder(largest_count=capacity)
    frame = Frame(np.full(200 * 200 * 3 // 2, 128, dtype=np.uint8), 200, 200)
    points = staring()
    for number in range(count):
        here = points.copy()
        if 320 <= number < 336:
            here[LIPS[20:]] += np.array([0, 30, 0], dtype=np.float32) * (np.arange(20) % 2)[:, None]
        builder.offer(number, frame, here, 0.0)
    return builder.finish()


def test_the_bank_stays_within_its_bound_and_keeps_what_is_rare():
    mouths = offered(1000, 64)
    assert 32 <= len(mouths) <= 80
    assert any(320 <= mouth.number < 336 for mouth in mouths)
    assert [mouth.number for mouth in mouths] == sorted({mouth.number for mouth in mouths})


def test_a_head_that_comes_close_at_the_end_does_not_empty_the_bank():
    near, far = (Frame(np.full(side * side * 3 // 2, 128, dtype=np.uint8), side, side) for side in (800, 200))
    points = staring()
    builder = BankBuilder(largest_bytes=2**20)
    for number in range(160):
        builder.offer(number, far, points, 0.0)
    kept = len(builder.finish())
    assert kept > 64
    for number in range(160, 170):
        builder.offer(number, near, 4 * points, 0.0)
    mouths = builder.finish()
    assert sum(mouth.number < 160 for mouth in mouths) > 0.3 * kept and any(mouth.number >= 160 for mouth in mouths)
    assert builder.held == sum(mouth.nbytes for mouth in mouths) <= 2**20


def test_a_mouth_that_leaves_the_picture_is_not_kept():
    builder = BankBuilder()
    frame = Frame(np.zeros(100 * 100 * 3 // 2, dtype=np.uint8), 100, 100)
    builder.offer(0, frame, (RANDOM.uniform(80, 120, (len(KEPT), 3))).astype(np.float32), 0.0)
    assert builder.finish() == []


@pytest.mark.parametrize(("fault", "kept"), [("none", True), ("turned", False), ("small", False)])
def test_a_face_that_the_gate_would_never_pass_takes_no_room_in_the_bank(fault, kept):
    points = staring()
    if fault == "turned":
        points[LEFT_EYE, 2] += 80
    if fault == "small":
        points = points / 4
    builder = BankBuilder()
    builder.offer(0, Frame(np.zeros(200 * 200 * 3 // 2, dtype=np.uint8), 200, 200), points, 0.0)
    assert bool(builder.finish()) is kept


def test_a_long_voice_bounces_through_the_take():
    assert bounce(10, 4).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert bounce(3, 1).tolist() == [0, 0, 0]
    assert bounce(3, 10).tolist() == [0, 1, 2]


def test_the_picture_covers_the_voice():
    assert frames_for(2.0, probe_rate := 25) == 50  # type: ignore[arg-type]
    assert frames_for(2.03, probe_rate) == 51  # type: ignore[arg-type]
    assert frames_for(0.0001, probe_rate) == 1  # type: ignore[arg-type]


def test_a_bank_comes_back_from_its_file_as_it_was(looked_at, tmp_path):
    _, bank = looked_at
    save_bank(tmp_path / "bank", bank[:40])
    back = load_bank(tmp_path / "bank")
    assert [mouth.number for mouth in back] == [mouth.number for mouth in bank[:40]]
    for before, after in zip(bank, back, strict=False):
        for name in ("left", "top", "sharpness"):
            assert getattr(before, name) == getattr(after, name)
        for name in ("y", "u", "v", "look"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    save_bank(tmp_path / "again", back)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "bank").read_bytes()


def test_an_empty_bank_has_a_file_too(tmp_path):
    save_bank(tmp_path / "bank", [])
    assert load_bank(tmp_path / "bank") == []


@pytest.mark.parametrize("harm", ["cut", "foreign", "empty", "longer"])
def test_a_damaged_bank_is_noticed(looked_at, tmp_path, harm):
    _, bank = looked_at
    path = tmp_path / "bank"
    save_bank(path, bank[:3])
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1], "foreign": b"x" * 4000, "empty": b"", "longer": whole + b"x"}[harm])
    with pytest.raises(ValueError, match="bank"):
        load_bank(path)


def test_a_mouth_out_of_the_file_paints_as_the_one_in_memory(filmed, tmp_path):
    _, _, _, bank = filmed
    save_bank(tmp_path / "bank", bank[30:31])
    wish = wish_for(filmed, 100, 30)
    landmarks = wish.mouths[0][1]
    from_file = replace(wish, mouths=((load_bank(tmp_path / "bank")[0], landmarks, 1.0),))
    one, other = frame_of(filmed, 100), frame_of(filmed, 100)
    paint(one, wish)
    paint(other, from_file)
    np.testing.assert_array_equal(one.data, other.data)


def test_only_frames_that_may_be_changed_wholly_are_borrowed():
    mouths = offered(12, 64)
    weight = np.ones(12)
    weight[3:6] = [0.0, 0.5, 0.99]
    assert [mouth.number for mouth in usable_mouths(mouths, weight)] == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert [mouth.number for mouth in usable_mouths(mouths, np.minimum(weight, 0.9))] == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert usable_mouths(mouths, np.zeros(12)) == mouths


def test_the_mask_reaches_down_where_the_frames_own_mouth_is_open_wider(filmed):
    """Landmarks lag behind a wide open lower lip; borrowed skin covers what of it they miss.

    The borrowed mouth is grey, so that its reach can be seen: below the lips the frame differs from one whose mouth is not
    open wider than wanted.
    """
    frame = frame_of(filmed, 100)
    frame.data[:] = 128
    wish = wish_for(filmed, 100, 30)
    mouth, landmarks, _ = wish.mouths[0]
    grey = np.full_like(mouth.u, 128)
    noise = replace(mouth, y=np.random.default_rng(2).integers(90, 160, mouth.y.shape, dtype=np.uint8), u=grey, v=grey)
    gaping = wish.wanted.copy()
    gaping[APERTURE_PAIRS[1], 1] += 0.3 * wish.unit
    reach = []
    for own in (wish.wanted, gaping):
        painted = Frame(frame.data.copy(), frame.width, frame.height)
        paint(painted, replace(wish, own=own, mouths=((noise, landmarks, 1.0),)))
        reach.append(np.argwhere(np.abs(painted.y.astype(int) - 128) > 8)[:, 0].max())
    assert reach[1] > reach[0] + 0.1 * wish.unit


def test_points_met_loosely_give_way_to_points_met_closely():
    target = RANDOM.uniform(20, 180, (40, 2))
    close = np.arange(40) < 20
    source = target + np.where(close[:, None], [3.0, 0.0], [-9.0, 0.0])
    grid = Grid(200, 200, 4)
    smoothness = np.where(close, 1e-3, 3.0)
    spread = grid.spread(fields(target, [source], grid, unit=60, smoothness=smoothness)[0])
    found = np.array([spread[y, x, 0] for x, y in target.round().astype(int)])
    assert np.abs(found[close] - 3).mean() < 1
    assert np.abs(found[~close] + 9).mean() > 3
