"""Where the bank has no mouth like the one wanted, the frame's own lips are moved apart and what opens is filled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync.bank import Mouth
from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.faces import TRACKERS
from lipsync.faces.landmarks import APERTURE_PAIRS, CHIN_TIP, CORNERS, JAW, LEFT_EYE, LIP_OPENING, LIPS, MOUTH_RING, RIGHT_EYE
from lipsync.faces.tracker import Box
from lipsync.fallback import FADE_FRAMES, fallback_share, lip_distance, planes
from lipsync.interior import Interior, Opening, draw, interior_of
from lipsync.layers import Wish, paint
from lipsync.media import Frame, FrameReader, probe_clip
from lipsync.mouth_space import rest_lips
from lipsync.open_mouth import hardly_moves, open_model, with_any_follow
from lipsync.resynth import render
from lipsync.shapes import apertures_of_lips, widths_of_lips
from tests.lipsync import media


@pytest.fixture(scope="module")
def still(synthetic_take, looked_at):
    """The demo take at the moment its mouth is most nearly shut: frame, number, mouth space, interior."""
    space, bank = looked_at
    number = int(space.opening[:, 0].argmin())
    frame = next(iter(FrameReader(synthetic_take.clip, probe_clip(synthetic_take.clip)).forward(number, 1)))
    numbers = np.array([mouth.number for mouth in bank[::40]])
    marks = space.pixels(numbers)
    interior = interior_of(list(zip(bank[::40], marks, strict=True)), space.poses.scale[numbers].tolist())
    return frame, number, with_any_follow(space), interior


def opened(still, aperture: float):
    """Own and wanted landmarks of the still frame, and its px per IOD."""
    _, number, space, _ = still
    model, _ = open_model(space.shapes[np.array([number])][0, LIPS].astype(float))
    lips = model.lips(np.array([aperture]), model.centre[1:], np.zeros((1, 6)))
    numbers = np.array([number])
    return space.pixels(numbers)[0], space.wanted_pixels(numbers, lips, np.ones(1))[0], float(space.poses.scale[number])


def box_of(own, unit: float) -> Box:
    around = own[np.concatenate([JAW, MOUTH_RING])]
    left, top = (int(value) // 2 * 2 for value in around.min(axis=0) - 0.3 * unit)
    right, bottom = (int(value) // 2 * 2 for value in around.max(axis=0) + 0.3 * unit)
    return Box(left, top, right, bottom)


def test_at_rest_the_open_model_is_the_mouth_at_rest(looked_at):
    rest = rest_lips(looked_at[0])
    model, known = open_model(rest)
    np.testing.assert_allclose(model.lips(model.centre[:1], model.centre[1:], np.zeros((1, 6)))[0], rest, atol=1e-9)
    assert known[:, 0].min() >= 0
    assert 0.15 < known[-1, 0] - model.centre[0] < 0.35


def test_the_open_model_opens_as_far_as_it_is_asked(looked_at):
    model, _ = open_model(rest_lips(looked_at[0]))
    asked = model.centre[0] + np.array([0.05, 0.1, 0.15])
    lips = model.lips(asked, np.full(3, model.centre[1]), np.zeros((3, 6)))
    np.testing.assert_allclose(apertures_of_lips(lips), asked, atol=0.02)
    np.testing.assert_allclose(widths_of_lips(lips), model.centre[1], atol=0.03)


def test_the_open_model_treats_both_sides_alike_and_drops_the_lower_lip_most(looked_at):
    rest = rest_lips(looked_at[0])
    model, _ = open_model(rest)
    wide = model.lips(model.centre[:1] + 0.15, model.centre[1:], np.zeros((1, 6)))[0] - rest
    place = {int(point): number for number, point in enumerate(LIPS)}
    upper, lower = ([place[int(point)] for point in side] for side in APERTURE_PAIRS)
    right, left = (wide[place[int(corner)]] for corner in CORNERS)
    np.testing.assert_allclose(right * [-1, 1, 1], left, atol=0.004)
    assert wide[lower, 1].mean() > 2 * abs(wide[upper, 1].mean())


def test_an_opening_mouth_takes_the_chin_along(still):
    own, wanted, unit = opened(still, 0.2)
    assert 0.03 < (wanted[CHIN_TIP, 1] - own[CHIN_TIP, 1]).mean() / unit < 0.3


def test_a_take_that_speaks_is_not_called_still_and_a_still_one_is(looked_at):
    space = looked_at[0]
    assert not hardly_moves(space)
    assert hardly_moves(replace(space, opening=np.repeat(space.opening[:1], len(space), axis=0)))


def test_lips_that_stay_leave_the_frame_as_it_is(still):
    frame, _, _, interior = still
    own, _, unit = opened(still, 0.0)
    box = box_of(own, unit)
    for plane, made, factor in zip(
        (frame.y, frame.u, frame.v), planes(frame, box, own, own, unit, interior), (1, 2, 2), strict=True
    ):
        region = plane[box.top // factor : box.bottom // factor, box.left // factor : box.right // factor]
        assert np.abs(region.astype(int) - made).mean() < 0.3


@pytest.mark.parametrize("aperture", [0.08, 0.14, 0.2])
def test_the_mouth_opens_and_is_found_open(still, aperture):
    frame, _, _, interior = still
    own, wanted, unit = opened(still, aperture)
    box = box_of(own, unit)
    changed = Frame(frame.data.copy(), frame.width, frame.height)
    made = planes(frame, box, own, wanted, unit, interior)
    for plane, new, factor in zip((changed.y, changed.u, changed.v), made, (1, 2, 2), strict=True):
        plane[box.top // factor : box.bottom // factor, box.left // factor : box.right // factor] = new
    with TRACKERS["mediapipe"]() as tracker:
        found = tracker.largest(changed)
    assert found is not None
    size = np.linalg.norm(found[RIGHT_EYE].mean(axis=0) - found[LEFT_EYE].mean(axis=0))
    reached = np.linalg.norm(found[APERTURE_PAIRS[0]] - found[APERTURE_PAIRS[1]], axis=1).mean() / size
    assert reached == pytest.approx(aperture, abs=0.05)


def test_the_edge_of_the_region_is_the_cameras_own_and_the_same_bytes_come_twice(still):
    frame, _, _, interior = still
    own, wanted, unit = opened(still, 0.2)
    box = box_of(own, unit)
    once, again = (planes(frame, box, own, wanted, unit, interior) for _ in range(2))
    luma = frame.y[box.top : box.bottom, box.left : box.right]
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        np.testing.assert_array_equal(once[0][edge], luma[edge])
    for left, right in zip(once, again, strict=True):
        np.testing.assert_array_equal(left, right)


def test_no_strength_shows_no_inside(still):
    frame, _, _, interior = still
    own, wanted, unit = opened(still, 0.2)
    box = box_of(own, unit)
    shown = planes(frame, box, own, wanted, unit, interior)[0]
    hidden = planes(frame, box, own, wanted, unit, interior, strength=0.0)[0]
    x, y = (wanted[list(np.concatenate(APERTURE_PAIRS))].mean(axis=0) - [box.left, box.top]).astype(int)
    assert hidden[y, x] > shown[y, x] + 20


def test_the_speakers_own_open_mouth_fills_the_opening_where_there_is_one(still):
    frame, _, _, interior = still
    own, wanted, unit = opened(still, 0.2)
    box = box_of(own, unit)
    size = (frame.height, frame.width)
    green = np.full((size[0] // 2, size[1] // 2), 60, dtype=np.uint8)
    borrowed = Mouth(0, 0, 0, np.full(size, 90, dtype=np.uint8), green, green, 1.0, np.zeros(4))
    made = planes(frame, box, own, wanted, unit, interior, mouths=((borrowed, wanted, 1.0),))
    x, y = (wanted[list(np.concatenate(APERTURE_PAIRS))].mean(axis=0) - [box.left, box.top]).astype(int)
    assert (made[0][y, x], made[1][y // 2, x // 2]) == (90, 60)
    closed = planes(frame, box, own, wanted, unit, interior, mouths=((borrowed, own, 1.0),))
    assert closed[1][y // 2, x // 2] > 100


@pytest.mark.parametrize("borrowed", [False, True])
def test_the_inside_of_a_mouth_is_faded_with_its_frame(still, looked_at, borrowed):
    """What is made of a frame faded to a sixth is what fading the made picture would give."""
    frame, _, _, interior = still
    own, wanted, unit = opened(still, 0.2)
    box, mouths = box_of(own, unit), ()
    if borrowed:
        space, bank = looked_at
        widest = max(bank, key=lambda mouth: float(space.opening[mouth.number, 0]))
        mouths = ((widest, space.pixels(np.array([widest.number]))[0], 1.0),)
    dark = Frame(frame.data.copy(), frame.width, frame.height)
    fade(dark.y, dark.u, dark.v)
    made, bright = (planes(one, box, own, wanted, unit, interior, mouths=mouths) for one in (dark, frame))
    fade(*bright)
    x, y = (wanted[LIP_OPENING] - [box.left, box.top]).mean(axis=0).astype(int)
    reach = round(0.05 * unit)
    for plane, wished, factor in zip(made, bright, (1, 2, 2), strict=True):
        inside = np.s_[(y - reach) // factor : (y + reach) // factor, (x - reach) // factor : (x + reach) // factor]
        assert np.abs(plane[inside].astype(int) - wished[inside]).mean() < 2


def fade(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> None:
    """Leave a sixth of the picture, the rest black."""
    for plane, black in zip((luma, blue, red), (16, 128, 128), strict=True):
        plane[:] = np.round(black + (plane.astype(np.float32) - black) / 6)


def drawing(gape: float) -> tuple[np.ndarray, np.ndarray]:
    """The inside of a mouth that opens downwards only, 100 px per IOD."""
    across = np.linspace(-35, 35, 11)
    bow = 1 - (across / 35) ** 2
    upper = np.stack([60 + across, 40 - 2 * bow], axis=1)
    lower = np.stack([60 + across, 40 + gape * 100 * bow], axis=1)
    interior = Interior(np.array([150.0, 115, 145]), np.array([120.0, 115, 160]), np.array([160.0, 122, 136]), 0.33)
    return draw(interior, Opening(upper, lower, np.array([60.0, 10.0]), 100.0), 120, 80, 1.0)


def test_the_drawn_inside_is_dark_with_teeth_above_and_shows_between_the_lips_only():
    picture, shows = drawing(0.2)
    assert shows[20].max() == shows[75].max() == 0
    assert shows[50, 60] == pytest.approx(1, abs=1e-3)
    assert picture[42, 64, 0] > 90
    assert picture[48, 64, 0] < 60
    assert picture[..., 0].max() < 160


def test_teeth_hang_on_the_skull_whatever_the_lower_lip_does():
    edges = [int(np.argmin(np.diff(drawing(gape)[0][40:56, 64, 0]))) for gape in (0.15, 0.2, 0.25)]
    assert max(edges) - min(edges) <= 1


def test_near_mouths_are_borrowed_and_far_ones_are_not():
    near, far = np.full(60, 0.02), np.full(60, 0.02)
    far[30:40] = 0.1
    assert not fallback_share(near, still=False).any()
    assert (fallback_share(near, still=True) == 1).all()
    share = fallback_share(far, still=False)
    assert (share[30:40] == 1).all()
    assert share[:20].max() == share[50:].max() == 0
    assert np.abs(np.diff(share)).max() < 1 / FADE_FRAMES


def test_a_distance_about_the_limit_does_not_switch_to_and_fro():
    wobbling = np.full(100, 0.02)
    wobbling[20:80] = np.tile([0.072, 0.06], 30)
    assert (fallback_share(wobbling, still=False)[20:80] == 1).all()


def test_distance_is_none_for_the_same_lips_and_grows_with_the_opening(looked_at):
    rest = rest_lips(looked_at[0])
    model, _ = open_model(rest)
    lips = model.lips(model.centre[0] + np.array([0, 0.05, 0.15]), np.full(3, model.centre[1]), np.zeros((3, 6)))
    distance = lip_distance(lips, np.repeat(rest[None], 3, axis=0))
    assert distance[0] == pytest.approx(0, abs=1e-6)
    assert distance[0] < distance[1] < 0.055 < 0.07 < distance[2]


def test_painting_with_the_fallback_changes_the_lower_face_alone(still, looked_at):
    frame, _, space, interior = still
    own, wanted, unit = opened(still, 0.2)
    mouth = looked_at[1][0]
    marks = space.pixels(np.array([mouth.number]))[0]
    painted = {}
    for share in (0.0, 0.5, 1.0):
        changed = Frame(frame.data.copy(), frame.width, frame.height)
        paint(changed, Wish(own, wanted, unit, ((mouth, marks, 1.0),), 1.0, share, interior))
        rows = np.flatnonzero((changed.y != frame.y).any(axis=1))
        assert rows.min() > own[MOUTH_RING, 1].min() - 0.3 * unit
        painted[share] = changed.y.astype(int)
    middle = (painted[0.0] + painted[1.0]) / 2
    assert np.abs(painted[0.5] - middle).max() <= 1


def test_lips_just_beyond_an_edge_of_the_picture_are_no_crash(still, looked_at):
    frame, _, space, interior = still
    own, wanted, unit = opened(still, 0.2)
    mouth = looked_at[1][0]
    borrowed = ((mouth, space.pixels(np.array([mouth.number]))[0], 1.0),)
    low, high = wanted[LIPS].min(axis=0), wanted[LIPS].max(axis=0)
    size = np.array([frame.width, frame.height])
    for shift in ([size[0] - low[0] + 4, 0], [0, size[1] - low[1] + 4], [-high[0] - 4, 0], [0, -high[1] - 4]):
        changed = Frame(frame.data.copy(), frame.width, frame.height)
        paint(changed, Wish(own + shift, wanted + shift, unit, borrowed, 1.0, 1.0, interior))
        assert (changed.y != frame.y).any()


def test_a_real_take_that_never_speaks_follows_a_voice(tmp_path):
    clip, voice = tmp_path / "clip.mp4", tmp_path / "voice.wav"
    media.ffmpeg("-i", media.real(media.REAL_CLIPS, "idle_silent_11s_704x1216.mp4"), "-t", "3", "-an", clip)
    media.ffmpeg("-i", media.real(media.REAL_SPEECH, "german.wav"), "-t", "4", voice)
    report = render(clip, voice, tmp_path / "out.mp4", RenderOptions(measure=True), SilentReporter())
    assert report.quality["aperture_followed"] > 0.9
