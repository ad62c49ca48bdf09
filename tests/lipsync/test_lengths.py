"""A voice longer or shorter than the clip, and a part of the clip: what the finished video shows and says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.errors import UnusableInput
from lipsync.media import FrameReader, SoundChoice, probe_clip, probe_voice
from lipsync.media.sound import read_heard
from lipsync.resynth import render
from tests.lipsync.media import ffmpeg

CLIP_FRAMES = 75


@pytest.fixture(scope="module")
def scene(synthetic_take, tmp_path_factory):
    """Three seconds of a take, a voice of nine seconds and one of one second, and a folder for what is known of the clip."""
    folder = tmp_path_factory.mktemp("lengths")
    clip, short = folder / "clip.mp4", folder / "short.wav"
    ffmpeg("-i", synthetic_take.clip, "-t", "3", "-c:v", "libx264", "-crf", "12", "-c:a", "aac", clip)
    ffmpeg("-i", synthetic_take.voice, "-t", "1", short)
    return clip, synthetic_take.voice, short, folder / "cache"


def made(scene, output, voice, **choice):
    options = RenderOptions(cache=scene[3], **choice)
    report = render(scene[0], voice, output, options, SilentReporter())
    return report, [frame.y[:200].astype(np.int16) for frame in FrameReader(output, probe_clip(output)).forward()]


def above(scene):
    return [frame.y[:200].astype(np.int16) for frame in FrameReader(scene[0], probe_clip(scene[0])).forward()]


def nearest(picture, pictures) -> int:
    return int(np.argmin([np.abs(picture - other).mean() for other in pictures]))


def test_cleaning_the_sound_changes_what_is_heard_and_not_one_picture(scene, tmp_path):
    plain, cleaner = tmp_path / "plain.mp4", tmp_path / "cleaner.mp4"
    first, shown = made(scene, plain, scene[2])
    second, shown_cleaner = made(scene, cleaner, scene[2], sound=SoundChoice(denoise=True, loudness=True))
    assert (second.duration, second.frames) == (first.duration, first.frames)
    assert all(np.array_equal(one, other) for one, other in zip(shown, shown_cleaner, strict=True))
    heard, heard_cleaner = (np.concatenate(list(read_heard(path)))[:, 0] for path in (plain, cleaner))
    assert len(heard) == len(heard_cleaner)
    assert not np.allclose(heard, heard_cleaner, atol=0.01)
    likeness = correlate(heard, heard_cleaner, method="fft")
    assert abs(int(likeness.argmax()) - len(heard) + 1) <= 24  # half a millisecond
    assert {path.name for path in tmp_path.iterdir() if path.suffix in (".flac", ".parts")} == set()


def test_a_voice_that_breaks_off_is_rendered_as_far_as_it_goes_and_told(scene, tmp_path):
    whole, part = tmp_path / "whole.flac", tmp_path / "part.flac"
    ffmpeg("-i", scene[1], "-t", "4", whole)
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    report, _ = made(scene, tmp_path / "out.mp4", part)
    assert report.duration < 2
    assert any("should last 4.0 s" in notice for notice in report.notices)


def test_a_loop_goes_on_forwards_after_its_jump(scene, tmp_path):
    report, shown = made(scene, tmp_path / "out.mp4", scene[1], longer="loop")
    filmed = above(scene)
    places = np.array([nearest(picture, filmed) for picture in shown[::5]])
    steps = np.diff(places)
    assert len(shown) == report.frames > 2 * CLIP_FRAMES
    assert (steps > 0).sum() > 4 * (steps < 0).sum() > 0
    assert any("again and again" in notice for notice in report.notices)


def test_a_hold_stays_near_the_end(scene, tmp_path):
    report, shown = made(scene, tmp_path / "out.mp4", scene[1], longer="hold")
    filmed = above(scene)
    assert {nearest(picture, filmed) for picture in shown[CLIP_FRAMES + 10 :: 10]} <= set(range(10, CLIP_FRAMES))
    assert any("go to and fro" in notice for notice in report.notices)


def test_a_cut_ends_picture_and_sound_with_the_clip(scene, tmp_path):
    report, shown = made(scene, tmp_path / "out.mp4", scene[1], longer="cut")
    assert len(shown) == CLIP_FRAMES
    assert probe_voice(tmp_path / "out.mp4").duration == pytest.approx(3.0, abs=0.05)
    assert any("was cut at 3.0 s" in notice for notice in report.notices)


def test_a_shorter_voice_ends_the_video_or_leaves_the_mouth_at_rest(scene, tmp_path):
    cut, shown = made(scene, tmp_path / "cut.mp4", scene[2])
    kept, whole = made(scene, tmp_path / "kept.mp4", scene[2], shorter="keep", measure=True)
    assert (len(shown), len(whole)) == (25, CLIP_FRAMES)
    assert cut.notices == [notice for notice in kept.notices if "lasts only" in notice or "Only" in notice]


def test_a_part_of_the_clip_is_all_that_is_shown(scene, tmp_path):
    _, shown = made(scene, tmp_path / "out.mp4", scene[1], start=1.0, end=2.6)
    filmed = above(scene)
    places = [nearest(picture, filmed) for picture in shown[::4]]
    assert places[0] == pytest.approx(25, abs=1)
    assert min(places) >= 24
    assert max(places) <= 65


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({"longer": "stretch"}, "unknown_length_mode"),
        ({"start": 5.0}, "start_outside_clip"),
        ({"end": 9.0}, "end_outside_clip"),
        ({"start": 1.0, "end": 1.2}, "part_too_short"),
    ],
)
def test_a_choice_that_cannot_be_is_told_before_the_long_look(scene, tmp_path, choice, code):
    with pytest.raises(UnusableInput) as caught:
        render(scene[0], scene[1], tmp_path / "out.mp4", RenderOptions(cache=tmp_path / "new", **choice), SilentReporter())
    assert caught.value.code == code
    assert not (tmp_path / "new").exists()
