"""Frames lie on an exact grid whatever the file's own timestamps are."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.media import FrameReader, intake_notices, probe_clip, probe_voice, save_still
from tests.lipsync.media import REAL_CLIPS, ffmpeg, real, tone
from tests.lipsync.numbered import assert_ranges_alone_are_the_same, numbered_clip, numbers

FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
# A camera that wanders by a third of a frame, leaves out every seventh picture, and stands still for two seconds.
WANDERING = "setpts='(N + floor(N/6) + 0.33*sin(N) + if(gt(N,300),60,0)) / 30 / TB'"


def shown_at(path: Path) -> np.ndarray:
    """(pictures,) seconds at which a file's pictures are shown, the first at 0."""
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
        str(path),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    times = np.sort([float(line.strip(",")) for line in lines])
    return times - times[0]


def lateness(path: Path, shown: list[int], rate: Fraction) -> float:
    """By how many frames the worst frame's picture is off: 0 where the picture is on show at the frame's own time."""
    begins = shown_at(path)
    ends = np.append(begins[1:], np.inf)
    times = np.arange(len(shown)) / float(rate)
    picture = np.array(shown)
    return float(np.max(np.maximum(begins[picture] - times, times - ends[picture])) * rate)


@pytest.mark.parametrize(("name", "count"), [("a.mp4", 3000), ("a.mkv", 500), ("a.ts", 500)])
def test_a_wandering_rate_is_made_constant_without_drift(tmp_path, name, count):
    path = numbered_clip(
        tmp_path / name,
        *("-vf", f"settb=1/90000,{WANDERING}", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"),
        *(*FAST, "-g", "60", "-video_track_timescale", "90000"),
        frames=count,
    )
    facts = probe_clip(path)
    assert facts.variable_rate
    assert facts.frame_rate == 30
    assert any("30 frames per second" in notice for notice in intake_notices(facts))
    reader = FrameReader(path, facts)
    shown = assert_ranges_alone_are_the_same(reader, (317, 450))
    assert len(shown) == pytest.approx(facts.frames, abs=2)
    assert lateness(path, shown, facts.frame_rate) <= 0.501
    assert max(shown) >= count - 2


@pytest.mark.parametrize(
    ("name", "filmed", "rate", "step"),
    [
        ("a.mp4", "120", "60", 2),
        ("a.mp4", "240", "60", 4),
        ("a.mkv", "240", "60", 4),
        ("a.mkv", "120000/1001", "60000/1001", 2),
        ("a.mov", "100", "50", 2),
    ],
)
def test_slow_motion_enters_as_every_nth_picture(tmp_path, name, filmed, rate, step):
    path = numbered_clip(tmp_path / name, *FAST, "-g", "30", frames=240, rate=filmed)
    facts = probe_clip(path)
    assert (facts.frame_rate, facts.picture_step) == (Fraction(rate), step)
    assert len(intake_notices(facts)) == 1
    shown = assert_ranges_alone_are_the_same(FrameReader(path, facts), [33])
    assert set(np.diff(shown)) == {step}
    assert lateness(path, shown, facts.frame_rate) <= 0.5


def test_a_rate_that_is_told_a_little_wrong_is_read_as_it_is(tmp_path):
    source = numbered_clip(tmp_path / "a.mp4", *FAST, frames=1200, rate="30000/1001")
    path = tmp_path / "told.mkv"
    ffmpeg("-i", source, "-c", "copy", "-r", "30", path)
    facts = probe_clip(path)
    assert facts.frame_rate == Fraction(30000, 1001)
    assert numbers(FrameReader(path, facts).forward()) == list(range(1200))


@pytest.mark.parametrize("name", ["a.webm", "a.ts", "a.mpg"])
def test_a_file_that_does_not_tell_its_length_is_measured(tmp_path, name):
    codec = {"webm": "libvpx", "mpg": "mpeg2video"}.get(name.rpartition(".")[2], "libx264")
    whole = numbered_clip(tmp_path / name, "-c:v", codec, "-g", "20", frames=75)
    form = {"webm": "webm", "ts": "mpegts", "mpg": "mpeg"}[name.rpartition(".")[2]]
    streamed = tmp_path / f"streamed {name}"
    command = ["ffmpeg", "-v", "error", "-i", str(whole), "-c", "copy", "-f", form, "pipe:1"]
    streamed.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    facts = probe_clip(streamed)
    assert facts.frames == 75
    assert facts.duration == pytest.approx(3.0, abs=0.01)
    assert assert_ranges_alone_are_the_same(FrameReader(streamed, facts), [55]) == list(range(75))


def test_a_recording_from_a_browser_is_a_voice_of_measured_length(tmp_path):
    sound = tone(tmp_path / "a.wav", seconds=2.0)
    command = ["ffmpeg", "-v", "error", "-i", str(sound), "-c:a", "libopus", "-f", "webm", "pipe:1"]
    streamed = tmp_path / "a.webm"
    streamed.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    assert probe_voice(streamed).duration == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_picture_that_begins_after_the_sound_keeps_its_grid(tmp_path, name):
    clip = numbered_clip(tmp_path / "source.mp4", *FAST, "-g", "20", frames=75)
    late = tmp_path / name
    sound = tone(tmp_path / "a.wav", seconds=3)
    ffmpeg("-i", sound, "-itsoffset", "0.5", "-i", clip, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "mp2", late)
    facts = probe_clip(late)
    assert facts.video_start == pytest.approx(0.5, abs=0.05)
    assert assert_ranges_alone_are_the_same(FrameReader(late, facts), [55]) == list(range(75))


def test_a_clip_cut_by_its_edit_list_begins_where_the_edit_does(tmp_path):
    clip = numbered_clip(tmp_path / "whole.mp4", *FAST, "-g", "50", frames=150)
    cut = tmp_path / "cut.mp4"
    ffmpeg("-ss", "1.2", "-i", clip, "-c", "copy", cut)
    facts = probe_clip(cut)
    shown = assert_ranges_alone_are_the_same(FrameReader(cut, facts), (25, 71))
    assert shown == list(range(30, 150))
    assert facts.frames == pytest.approx(120, abs=1)


def test_a_transport_stream_cut_between_key_frames_begins_with_its_first_whole_picture(tmp_path):
    clip = numbered_clip(tmp_path / "whole.ts", *FAST, "-g", "40", frames=120)
    cut = tmp_path / "cut.ts"
    data = clip.read_bytes()
    middle = data.index(b"\x47", len(data) // 5 // 188 * 188)
    cut.write_bytes(data[: 188 * 3] + data[middle:])
    reader = FrameReader(cut, probe_clip(cut))
    shown = assert_ranges_alone_are_the_same(reader, (1, 70))
    assert shown[-1] == 119
    assert set(np.diff(shown)) <= {0, 1}


def test_a_cover_picture_before_the_film_is_passed_over(tmp_path):
    clip = numbered_clip(tmp_path / "a.mp4", *FAST, frames=25)
    cover = tmp_path / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", cover)
    both = tmp_path / "both.mp4"
    ffmpeg("-i", cover, "-i", clip, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic", both)
    facts = probe_clip(both)
    assert (facts.width, facts.height) == (128, 96)
    assert numbers(FrameReader(both, facts).forward()) == list(range(25))
    save_still(both, 0.2, tmp_path / "still.jpg")


def test_real_takes_of_uneven_rate_do_not_drift():
    for name in ("hard/variable_frame_rate.mp4", "phone_zh_12s_544x960_vfr.mp4"):
        path = real(REAL_CLIPS, name)
        facts = probe_clip(path)
        count = sum(1 for _ in FrameReader(path, facts).forward())
        assert count == pytest.approx(facts.frames, abs=1)
