"""Where shots begin, and what is no cut."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lipsync.faces.shots import ShotFinder
from lipsync.media import FrameReader, probe_clip
from tests.lipsync.media import REAL_CLIPS, ffmpeg, real


@cache
def scene(seed: int) -> np.ndarray:
    """(240, 320) uint8 of soft shapes."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((240, 320)), 16)
    return ((noise - noise.min()) / np.ptp(noise) * 200 + 20).astype(np.uint8)


def filmed(seed: int, count: int, *, first: int = 0) -> list[np.ndarray]:
    """A scene before which something dark moves to and fro."""
    pictures = []
    for number in range(first, first + count):
        picture = scene(seed).copy()
        x = round(120 + 30 * np.sin(number / 4))
        picture[80:200, x : x + 70] = picture[80:200, x : x + 70] // 3
        pictures.append(picture)
    return pictures


def begins(pictures: list[np.ndarray]) -> list[int]:
    """The frames that begin a shot."""
    finder = ShotFinder()
    for picture in pictures:
        finder.step(picture)
    numbers = finder.numbers()
    assert len(numbers) == len(pictures) and numbers[0] == 0
    return [int(number) + 1 for number in np.flatnonzero(np.diff(numbers))]


def test_a_cut_is_found_to_the_frame():
    assert begins(filmed(1, 30) + filmed(2, 30) + filmed(1, 30)) == [30, 60]


def test_a_cut_is_told_at_once():
    finder = ShotFinder()
    said = [finder.step(picture) for picture in filmed(1, 30) + filmed(2, 5)]
    assert np.flatnonzero(said).tolist() == [30]


@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_a_flash_is_no_cut(frames, strength):
    pictures = filmed(1, 60)
    for number in range(30, 30 + frames):
        bright = 255 * strength + pictures[number].astype(float) * (1.2 - strength)
        pictures[number] = np.clip(bright, 0, 255).astype(np.uint8)
    assert begins(pictures) == []


def test_a_flash_whose_light_goes_slowly_is_no_cut():
    pictures = filmed(1, 60)
    for age in range(12):
        pictures[30 + age] = np.clip(pictures[30 + age] * (1 + 3 * 0.6**age) + 150 * 0.6**age, 0, 255).astype(np.uint8)
    assert begins(pictures) == []


def test_exposure_that_changes_is_no_cut():
    pictures = filmed(1, 80)
    gains = np.interp(np.arange(80), [0, 30, 32, 80], [1, 1, 0.45, 0.45])
    assert begins([(picture * gain).astype(np.uint8) for picture, gain in zip(pictures, gains, strict=True)]) == []


def test_a_hand_before_the_lens_is_no_cut():
    pictures = filmed(1, 80)
    for number in range(30, 46):
        pictures[number][:, : min(320, (number - 29) * 60, (46 - number) * 60)] = 150
    assert begins(pictures) == []


def test_quick_motion_is_no_cut():
    wide = np.concatenate([scene(1), scene(2)], axis=1)
    shake = np.round(60 + 60 * np.sin(np.arange(60) / 1.5) * np.clip((np.arange(60) - 20) / 6, 0, 1)).astype(int)
    assert begins([wide[:, x : x + 320] for x in shake]) == []


def test_repeated_frames_make_no_cuts():
    pictures = [picture for picture in filmed(1, 40) for _ in range(2)]
    assert begins(pictures) == []


def faded(one: list[np.ndarray], other: list[np.ndarray], level: float) -> list[np.ndarray]:
    """From one scene to another by way of an even grey."""
    share = np.linspace(1, 0, 15)
    leave = [(p * s + level * (1 - s)).astype(np.uint8) for p, s in zip(one[-15:], share, strict=True)]
    enter = [(p * s + level * (1 - s)).astype(np.uint8) for p, s in zip(other[:15], share[::-1], strict=True)]
    return [*one[:-15], *leave, *[np.full((240, 320), level, np.uint8)] * 10, *enter, *other[15:]]


@pytest.mark.parametrize("level", [0, 235])
def test_a_fade_to_another_scene_begins_one_shot_and_a_fade_back_none(level):
    other = begins(faded(filmed(1, 60), filmed(2, 60), level))
    assert len(other) == 1 and 45 <= other[0] <= 90
    assert begins(faded(filmed(1, 60), filmed(1, 60, first=60), level)) == []


@pytest.mark.parametrize("seed", [1, 9, 13, 19])
@pytest.mark.parametrize("frames", [6, 15, 25])
def test_a_dissolve_begins_one_shot(seed, frames):
    one, other = filmed(seed, 75), filmed(seed + 1, 75)
    share = np.clip((np.arange(75) - 24) / frames, 0, 1)
    mixed = [(a * (1 - s) + b * s).astype(np.uint8) for a, b, s in zip(one, other, share, strict=True)]
    (found,) = begins(mixed)
    assert 25 <= found <= 25 + frames


def test_a_jump_cut_within_one_take_is_found():
    clip = real(REAL_CLIPS, "anchor_en_71s_512.mp4")
    assert begins([frame.y for frame in FrameReader(clip, probe_clip(clip)).forward(100, 120)]) == [76]


def test_takes_in_one_piece_have_no_cuts():
    for name in ("turning_ja_20s_720p", "head_en_5s_524", "hard/two_faces", "hard/near_profile", "hard/yaw_12_to_38"):
        clip = real(REAL_CLIPS, f"{name}.mp4")
        assert begins([frame.y for frame in FrameReader(clip, probe_clip(clip)).forward(0, 200)]) == [], name


def test_cuts_made_by_an_editor_are_found(tmp_path):
    one, other = real(REAL_CLIPS, "head_en_5s_524.mp4"), real(REAL_CLIPS, "hard/near_profile.mp4")
    chain = "scale=320:320,fps=25,setsar=1,trim=0:2,setpts=PTS-STARTPTS"
    graph = f"[0:v]{chain}[a];[1:v]{chain}[b];[2:v]{chain}[c];[a][b][c]concat=n=3"
    ffmpeg("-i", one, "-i", other, "-ss", "2", "-i", one, "-filter_complex", graph, "-an", tmp_path / "edit.mp4")
    clip = FrameReader(tmp_path / "edit.mp4", probe_clip(tmp_path / "edit.mp4"))
    assert begins([frame.y for frame in clip.forward()]) == [50, 100]
