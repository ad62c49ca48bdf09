"""The preflight card: what makes a take ready, what warns, what refuses, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from lipsync.errors import EnvironmentFault
from lipsync.faces.landmarks import KEPT
from lipsync.joints import HeadMotion, Joints, Jump, Turn, find_joints
from lipsync.media import ClipFacts, Frame, FrameReader, probe_clip
from lipsync.preflight import Card, Evidence, MomentKeeper, Severity, Verdict, card_in_words, draw_strip, judge, save_strip
from lipsync.preflight.figures import shape_richness
from lipsync.preflight.strip import BAR_HEIGHT, GROUND
from lipsync.sound.offset import Offset
from tests.lipsync.media import counting_clip

RATE = 25


def facts(frames: int, *, width: int = 1280, height: int = 720) -> ClipFacts:
    return ClipFacts(
        width=width,
        height=height,
        frame_rate=Fraction(RATE),
        duration=frames / RATE,
        frames=frames,
        codec="h264",
        has_sound=True,
        variable_rate=False,
        rotation=0,
        pixel_format="yuv420p",
        full_range=False,
        sample_aspect=Fraction(1),
        video_start=0.0,
        file_start=0.0,
        colour={},
    )


def good(frames: int = 750, **changes) -> Evidence:
    """A take of a person who speaks to the camera, as thirty real ones were measured."""
    random = np.random.default_rng(4)
    angles = random.normal(0, 3, (frames, 3))
    motion = HeadMotion(
        np.zeros((frames, 2)), np.full(frames, 90.0), np.zeros((frames, 3)), np.ones(frames, bool), np.zeros(frames, np.intp)
    )
    evidence = Evidence(
        facts=facts(frames),
        seen=np.ones(frames, bool),
        shots=np.zeros(frames, np.intp),
        angles=angles,
        iod=np.full(frames, 90.0),
        sharpness=random.normal(2.1, 0.1, frames),
        light=np.full(frames, 120.0),
        apertures=random.uniform(0, 0.25, frames),
        widths=random.uniform(0.65, 0.95, frames),
        strength=np.ones(frames),
        gaps=(),
        part=range(frames),
        sound=True,
        offset=Offset(0.02, 0.5),
        joints=find_joints(motion, range(frames), RATE),
    )
    return replace(evidence, **changes)


def lost(evidence: Evidence, first: int, end: int, reason: str) -> Evidence:
    """The same take with a gap."""
    strength, seen = evidence.strength.copy(), evidence.seen.copy()
    strength[first:end] = 0
    if reason == "no_face":
        seen[first:end] = False
    return replace(evidence, strength=strength, seen=seen, gaps=(*evidence.gaps, (first, end, reason)))


def codes(card: Card, severity: Severity = Severity.WARNING) -> list[str]:
    return [finding.code for finding in card.findings if finding.severity is severity]


def test_a_good_take_is_ready_and_nothing_is_held_against_it():
    card = judge(good())
    assert card.verdict is Verdict.READY
    assert card.findings == ()
    assert card.figures.coverage == 1
    assert card.figures.sound == "own"
    assert card.figures.richness == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"light": np.full(750, 35.0)}, "dark"),
        ({"light": np.full(750, 215.0)}, "overexposed"),
        ({"clipped": np.full(750, 0.2)}, "overexposed"),
        ({"sharpness": np.full(750, 0.8)}, "blurred"),
        ({"iod": np.full(750, 33.0)}, "small_face"),
        ({"apertures": np.full(750, 0.02)}, "little_movement"),
        ({"widths": np.full(750, 0.8)}, "few_shapes"),
        ({"sound": False, "offset": None}, "no_own_sound"),
        ({"sound": False, "silent": True, "offset": None}, "silent_own_sound"),
        ({"offset": Offset(0.1, 0.05), "learnt": False}, "unmatched_sound"),
        ({"faces": 2, "speaker": "largest"}, "several_faces"),
        ({"shots": (np.arange(750) > 300).astype(np.intp)}, "cuts"),
        ({"angles": np.where(np.arange(750)[:, None] < 150, [28.0, 0, 0], 0.0)}, "strong_turn"),
    ],
)
def test_one_fault_gives_one_warning(changes, code):
    card = judge(good(**changes))
    assert card.verdict is Verdict.WARNINGS
    assert codes(card) == [code]


def test_a_dark_skin_in_good_light_is_neither_dark_nor_blurred():
    card = judge(good(light=np.full(750, 66.0), sharpness=np.full(750, 1.5)))
    assert card.verdict is Verdict.READY


def test_a_short_clip_is_told_once_how_long_to_film():
    assert codes(judge(good(125, widths=np.full(125, 0.8)))) == ["short_clip"]
    assert codes(judge(good(50, offset=Offset(0.3, 0.0)))) == ["short_clip"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("no_face", "face_lost"),
        ("turned", "turned_away"),
        ("small", "small_in_places"),
        ("off_picture", "leaves_picture"),
        ("covered", "covered_in_places"),
    ],
)
def test_a_gap_warns_with_its_place_and_reason(reason, code):
    card = judge(lost(good(), 100, 150, reason))
    assert codes(card) == [code]
    finding = card.findings[0]
    assert [(span.start, span.end, span.reason) for span in finding.places] == [(4.0, 6.0, reason)]
    assert card.figures.coverage == pytest.approx(700 / 750, abs=1e-3)


def test_a_gap_that_is_hardly_seen_is_only_noted():
    card = judge(lost(good(), 100, 105, "turned"))
    assert card.verdict is Verdict.READY
    assert codes(card, Severity.NOTE) == ["turned_away"]


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (good(11), "too_short"),
        (lost(good(), 0, 750, "no_face"), "no_face"),
        (lost(good(iod=np.full(750, 20.0)), 0, 750, "small"), "face_too_small"),
        (lost(good(), 200, 750, "no_face"), "face_rarely_seen"),
        (lost(good(), 200, 750, "off_picture"), "mouth_off_picture"),
        (lost(good(), 200, 750, "covered"), "mouth_covered"),
        (good(angles=np.tile([34.0, 0, 0], (750, 1))), "near_profile"),
    ],
)
def test_a_hopeless_take_is_refused_for_what_is_wrong_with_it(evidence, code):
    card = judge(evidence)
    assert card.verdict is Verdict.REFUSED
    assert card.refusal is not None
    assert card.refusal.code == code
    assert "Film" in card.refusal.sentence or "Come closer" in card.refusal.sentence


def test_a_refused_take_names_the_part_that_can_be_used():
    evidence = lost(lost(good(), 0, 400, "no_face"), 620, 750, "no_face")
    card = judge(replace(evidence, shots=(np.arange(750) >= 420).astype(np.intp)))
    assert card.verdict is Verdict.REFUSED
    assert card.figures.usable_part is not None
    assert (card.figures.usable_part.start, card.figures.usable_part.end) == (16.8, 24.8)
    assert "usable_part" in codes(card, Severity.NOTE)
    chosen = judge(replace(evidence, part=range(420, 620)))
    assert codes(chosen) == ["short_clip"]


def test_short_gaps_that_touch_are_one_long_gap():
    evidence = good()
    for first in range(300, 330, 5):
        evidence = lost(evidence, first, first + 5, ("turned", "no_face")[first // 5 % 2])
    evidence = lost(evidence, 100, 105, "turned")
    usable = judge(evidence).figures.usable_part
    assert usable is not None
    assert (usable.start, usable.end) == (13.2, 30.0)
    assert judge(lost(good(), 100, 105, "turned")).figures.usable_part == judge(good()).figures.part


def test_only_the_part_chosen_is_judged():
    evidence = lost(good(), 0, 400, "covered")
    assert judge(evidence).verdict is Verdict.REFUSED
    card = judge(replace(evidence, part=range(400, 750)))
    assert card.verdict is Verdict.READY
    assert (card.figures.part.start, card.figures.part.end) == (16.0, 30.0)
    assert card.figures.gaps == ()


def test_a_speaker_chosen_by_hand_or_by_sound_warns_nobody():
    assert judge(good(faces=2, speaker="point")).findings == ()
    assert codes(judge(good(faces=2, speaker="sound")), Severity.NOTE) == ["several_faces"]


def test_what_limits_long_voices_is_noted():
    moving = Turn(700, 0.04, 2.0)
    card = judge(good(joints=Joints(moving, moving, Jump(700, 10, 0.2, 8.0), moving, moving)))
    assert card.verdict is Verdict.READY
    assert codes(card, Severity.NOTE) == ["moving_ends", "no_loop"]
    assert card.figures.loop_points is not None
    assert card.figures.loop_points.turn_back == 28.0


def test_a_sound_that_is_off_and_notes_of_the_media_layer_are_passed_on():
    card = judge(good(offset=Offset(-0.12, 0.4), notes=("The clip is HDR.",)))
    assert card.verdict is Verdict.READY
    assert [finding.sentence for finding in card.findings][-1] == "The clip is HDR."
    assert "120 ms" in card.findings[0].sentence


def test_more_shapes_are_richer():
    random = np.random.default_rng(1)
    still = shape_richness(random.uniform(0, 0.02, 500), random.uniform(0.6, 0.62, 500))
    some = shape_richness(random.uniform(0, 0.1, 500), random.uniform(0.6, 0.75, 500))
    many = shape_richness(random.uniform(0, 0.3, 500), random.uniform(0.6, 0.9, 500))
    assert 0 < still < 0.2 < some < many == 1
    assert shape_richness(np.zeros(0), np.zeros(0)) == 0


def test_a_card_survives_being_stored():
    evidence = lost(good(faces=2, speaker="largest"), 300, 400, "covered")
    for card in (judge(evidence), judge(lost(good(), 0, 750, "no_face")), judge(good(joints=None))):
        text = json.dumps(card.as_dict(), allow_nan=False)
        assert Card.from_dict(json.loads(text)) == card


def test_an_hour_and_a_half_gives_a_small_card():
    frames = 90 * 60 * RATE
    evidence = good(frames, seen=np.arange(frames) % 500 > 20, shots=np.arange(frames) // 3000)
    gaps = tuple((first, first + 21, "no_face") for first in range(0, frames, 500))
    card = judge(replace(evidence, gaps=gaps))
    assert len(card.figures.yaw.values) <= 200
    assert all(len(finding.places) <= 50 for finding in card.findings)
    assert len(json.dumps(card.as_dict())) < 60_000


def test_the_terminal_shows_verdict_reason_places_and_a_bar():
    text = card_in_words(judge(lost(good(), 375, 750, "covered")))
    assert text.startswith("ready, with warnings")
    assert "#" * 30 + "/" * 30 in text
    assert "covered_in_places: The mouth is covered in places" in text
    assert "(15.0-30.0 s)" in text
    assert card_in_words(judge(lost(good(), 0, 750, "no_face"))).startswith("refused")


# --- the picture


def moments_of(frames: int, *, width: int = 640, height: int = 360) -> MomentKeeper:
    keeper = MomentKeeper(facts(frames, width=width, height=height), range(frames))
    for number in range(frames):
        keeper.offer(number, Frame(np.full(width * height * 3 // 2, 128, np.uint8), width, height))
    return keeper


def face(width: int, height: int) -> np.ndarray:
    """Landmarks all over the middle of a picture."""
    spread = np.random.default_rng(2).uniform(-0.2, 0.2, (len(KEPT), 2)) + 0.5
    return (spread * [width, height]).astype(np.float32)


def stripes(row: np.ndarray) -> int:
    """How often a row of pixels turns from dark to the bright colour of the hatching."""
    return int(np.count_nonzero(np.diff((row[:, 0] > 200).astype(int)) == 1))


@pytest.mark.parametrize(("width", "height", "count"), [(640, 360, 6), (360, 640, 10), (500, 500, 6), (2048, 400, 6)])
def test_moments_are_spread_over_the_take_and_keep_its_shape(width, height, count):
    keeper = moments_of(300, width=width, height=height)
    assert [moment.number for moment in keeper.moments] == keeper.numbers
    assert len(keeper.numbers) == count
    assert set(np.diff(keeper.numbers)) <= {300 // count}
    tall, wide = keeper.moments[0].picture.shape[:2]
    assert wide / tall == pytest.approx(width / height, rel=0.02)


def test_the_face_is_drawn_and_gaps_are_hatched_above_and_below():
    keeper = moments_of(300)
    evidence = lost(good(300), 150, 300, "turned")
    card = judge(replace(evidence, facts=facts(300, width=640, height=360)))
    points = {number: face(640, 360) for number in keeper.numbers}
    plain, drawn = (draw_strip(keeper.moments, found, card, RATE).astype(int) for found in ({}, points))
    changed = np.abs(plain - drawn).sum(axis=(0, 2)) > 0
    assert changed[:950].any()
    assert not changed[990:].any()
    below, above = drawn.shape[0] - 40 - BAR_HEIGHT // 2, 16 + keeper.moments[0].picture.shape[0] - 6
    assert stripes(drawn[below, 1100:1800]) > 30
    assert stripes(drawn[above, 1100:1800]) > 20
    assert stripes(drawn[below, 100:900]) == 0
    assert stripes(drawn[above, 100:900]) == 0


def test_a_cut_splits_the_bar():
    keeper = moments_of(300)
    whole = judge(good(300))
    cut = judge(good(300, shots=(np.arange(300) >= 150).astype(np.intp)))
    before, after = (draw_strip(keeper.moments, {}, card, RATE) for card in (whole, cut))
    middle = before.shape[1] // 2
    row = before.shape[0] - 16 - 24 - BAR_HEIGHT // 2
    assert tuple(after[row, middle]) == GROUND
    assert tuple(before[row, middle]) != GROUND


def test_moments_read_from_a_clip_are_those_of_a_pass(tmp_path):
    clip = counting_clip(tmp_path / "clip.mp4", frames=60)
    clip_facts = probe_clip(clip)
    passing, reading = (MomentKeeper(clip_facts, range(10, 60)) for _ in range(2))
    for number, frame in enumerate(FrameReader(clip, clip_facts).forward()):
        passing.offer(number, frame)
    reading.read(clip)
    assert [moment.number for moment in reading.moments] == reading.numbers
    for one, other in zip(passing.moments, reading.moments, strict=True):
        np.testing.assert_array_equal(one.picture, other.picture)


def test_colours_are_those_of_the_clip():
    red = np.empty(640 * 360 * 3 // 2, np.uint8)
    red[: 640 * 360], red[640 * 360 : 640 * 360 * 5 // 4], red[640 * 360 * 5 // 4 :] = 63, 102, 240  # BT.709, limited range
    keeper = MomentKeeper(replace(facts(10, width=640, height=360), colour={"colorspace": "bt709"}), range(10))
    for number in range(10):
        keeper.offer(number, Frame(red, 640, 360))
    assert keeper.moments[0].picture.reshape(-1, 3).mean(axis=0) == pytest.approx([255, 0, 0], abs=3)


def test_the_strip_is_written_as_its_name_says(tmp_path):
    picture = draw_strip(moments_of(50).moments, {}, judge(good(50)), RATE)
    folder = tmp_path / "written"
    folder.mkdir()
    for name in ("strip.jpg", "strip.png"):
        save_strip(picture, folder / name)
        assert cv2.imread(str(folder / name)).shape == picture.shape
    assert (folder / "strip.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        save_strip(picture, folder / "none" / "strip.jpg")
    assert sorted(path.name for path in folder.iterdir()) == ["strip.jpg", "strip.png"]
