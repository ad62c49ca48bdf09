"""Segments become one video: nothing lost, nothing double, nothing encoded twice."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import ToolFailed
from lipsync.media import ClipFacts, Encoding, Frame, FrameReader, FrameWriter, join, probe_clip, probe_voice
from tests.lipsync.media import tone
from tests.lipsync.numbered import HEIGHT, WIDTH, numbered_clip, numbered_picture, numbers

RATE = Fraction(30000, 1001)
# Long, short, and of a single frame.
LENGTHS = (40, 25, 1, 2, 33)


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> ClipFacts:
    made = ("-metadata", "creation_time=2024-05-06T07:08:09Z", "-c:v", "libx264")
    clip = numbered_clip(tmp_path_factory.mktemp("clip") / "a.mp4", *made, frames=10, rate="30000/1001")
    return probe_clip(clip)


def segment(path: Path, facts: ClipFacts, first: int, count: int, encoding: Encoding | None = None) -> Path:
    with FrameWriter(path, facts, sound=None, encoding=encoding) as writer:
        for number in range(first, first + count):
            writer.write(Frame(numbered_picture(number).ravel(), WIDTH, HEIGHT))
        writer.finish()
    return path


def segments(folder: Path, facts: ClipFacts, lengths: tuple[int, ...], encoding: Encoding | None = None) -> list[Path]:
    starts = np.cumsum([0, *lengths[:-1]])
    return [
        segment(folder / f"it's {at}.mp4", facts, int(first), count, encoding)
        for at, (first, count) in enumerate(zip(starts, lengths, strict=True))
    ]


def read_raw(path: Path) -> bytes:
    """All pictures as decoded, any error being one."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-xerror",
        "-i",
        str(path),
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "pipe:1",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def packet_times(path: Path, kind: str) -> list[int]:
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", f"packet={kind}", "-of", "csv=p=0", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [int(line.strip(",")) for line in lines]


def sound_of(path: Path) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-ac", "1", "-f", "f32le", "pipe:1"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_joined_pictures_are_those_of_the_segments(tmp_path, facts, codec):
    encoding = Encoding(codec=codec, preset="veryfast" if codec == "h264" else "ultrafast")
    parts = segments(tmp_path, facts, LENGTHS, encoding)
    output = tmp_path / "joined.mp4"
    assert join(parts, output, facts, sound=None, encoding=encoding) == sum(LENGTHS)
    assert read_raw(output) == b"".join(read_raw(part) for part in parts)
    joined = probe_clip(output)
    assert numbers(FrameReader(output, joined).forward()) == list(range(sum(LENGTHS)))
    assert numbers(FrameReader(output, joined).forward(64, 4)) == [64, 65, 66, 67]
    assert joined.frame_rate == RATE
    assert joined.creation_time == facts.creation_time
    assert not list(tmp_path.glob(".*"))


def test_a_segment_begins_with_a_key_frame_and_no_picture_looks_beyond_it(tmp_path, facts):
    for codec in ("h264", "hevc"):
        part = segment(tmp_path / f"{codec}.mp4", facts, 0, 300, Encoding(codec=codec, preset="ultrafast"))
        command = ["ffprobe", "-v", "error", "-show_entries", "packet=pts,flags", "-of", "csv=p=0", str(part)]
        lines = [line.split(",") for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]
        latest_key = None
        for time, flags, *_ in lines:
            if "K" in flags:
                latest_key = int(time)
            assert latest_key is not None
            assert int(time) >= latest_key


def test_forty_joints_do_not_move_a_picture(tmp_path, facts):
    quick = Encoding(preset="superfast")
    parts = [segment(tmp_path / f"{count}.mp4", facts, 0, count, quick) for count in (25, 24)]
    output = tmp_path / "joined.mp4"
    assert join(parts * 20, output, facts, sound=None) == 980
    base = probe_time_base(output)
    assert [time * base for time in sorted(packet_times(output, "pts"))] == [number / RATE for number in range(980)]
    decoded = packet_times(output, "dts")
    assert all(there > here for here, there in itertools.pairwise(decoded))


def probe_time_base(path: Path) -> Fraction:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=time_base",
        "-of",
        "csv=p=0",
        str(path),
    ]
    return Fraction(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def test_the_sound_has_no_click_at_joints_and_starts_as_in_one_pass(tmp_path, facts):
    lengths = (30, 31, 29, 30)
    seconds = float(sum(lengths) / RATE)
    voice = tone(tmp_path / "voice.wav", seconds=6, hertz=440, channels=1)
    parts = segments(tmp_path, facts, lengths)
    output, single = tmp_path / "joined.mp4", tmp_path / "single.mp4"
    join(parts, output, facts, sound=voice, seconds=seconds)
    with FrameWriter(single, facts, sound=voice, seconds=seconds) as writer:
        for number in range(sum(lengths)):
            writer.write(Frame(numbered_picture(number).ravel(), WIDTH, HEIGHT))
        writer.finish()
    joined, passed = sound_of(output), sound_of(single)
    np.testing.assert_array_equal(joined, passed)
    assert probe_voice(output).channels == 1
    inside = joined[4800 : int((seconds - 0.1) * 48000)].astype(float)
    # A sine satisfies x[n+1] = 2 cos(w) x[n] - x[n-1]; a click does not.
    off = inside[2:] - 2 * np.cos(2 * np.pi * 440 / 48000) * inside[1:-1] + inside[:-2]
    assert np.abs(off).max() < 0.02 * np.abs(inside).max()
    start = np.argmax(np.abs(joined) > 0.01)
    assert start / 48000 < 0.001
    assert len(joined) / 48000 == pytest.approx(seconds, abs=0.022)


def test_stereo_stays_stereo(tmp_path, facts):
    output = tmp_path / "joined.mp4"
    join(segments(tmp_path, facts, (20, 20)), output, facts, sound=tone(tmp_path / "a.wav", seconds=1, rate=44100))
    sound = probe_voice(output)
    assert (sound.codec, sound.sample_rate, sound.channels) == ("aac", 48000, 2)


def differing(folder: Path, facts: ClipFacts, codec: str) -> list[Path]:
    first, second = Encoding(codec=codec, preset="ultrafast"), Encoding(codec=codec, preset="medium")
    return [
        segment(folder / f"{start}.mp4", facts, start, 20, encoding)
        for start, encoding in ((0, first), (20, second), (40, first))
    ]


def test_segments_of_different_headers_still_play(tmp_path, facts):
    parts = differing(tmp_path, facts, "h264")
    output = tmp_path / "joined.mp4"
    assert join(parts, output, facts, sound=None) == 60
    assert read_raw(output) == b"".join(read_raw(part) for part in parts)
    assert sorted(packet_times(output, "pts"))[-1] * probe_time_base(output) == 59 / RATE


def test_hevc_segments_of_different_headers_are_refused_rather_than_joined_to_what_few_players_show(tmp_path, facts):
    parts = differing(tmp_path, facts, "hevc")
    with pytest.raises(ToolFailed) as caught:
        join(parts, tmp_path / "joined.mp4", facts, sound=None, encoding=Encoding(codec="hevc"))
    assert caught.value.code == "segments_differ"
    assert not (tmp_path / "joined.mp4").exists()


def test_a_damaged_segment_is_told_and_leaves_no_result(tmp_path, facts):
    parts = segments(tmp_path, facts, (10, 10))
    parts[1].write_bytes(parts[1].read_bytes()[:300])
    with pytest.raises(ToolFailed) as caught:
        join(parts, tmp_path / "joined.mp4", facts, sound=None)
    assert caught.value.code == "damaged_segment"
    assert parts[1].name in str(caught.value)
    assert not (tmp_path / "joined.mp4").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_segment_that_lost_its_end_is_noticed(tmp_path, facts):
    parts = segments(tmp_path, facts, (30, 10))
    parts[0].write_bytes(parts[0].read_bytes()[:-400])
    with pytest.raises(ToolFailed, match="damaged"):
        join(parts, tmp_path / "joined.mp4", facts, sound=None)


@pytest.mark.parametrize("name", [b"two\nlines", b"not utf-8: \xff", b"it's"])
def test_any_name_of_a_folder_will_do(tmp_path, facts, name, monkeypatch):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    voice = tone(folder / "voice.wav", seconds=1)
    parts = segments(folder, facts, (10, 10))
    monkeypatch.chdir(folder)
    relative = [Path(part.name) for part in parts]
    assert join(relative, Path("out.mp4"), facts, sound=Path(voice.name)) == 20
    assert probe_voice(folder / "out.mp4").duration == pytest.approx(1, abs=0.05)
    assert join(parts, tmp_path / "out.mp4", facts, sound=None) == 20


def test_odd_rates_are_joined_exactly(tmp_path, facts):
    odd = dataclasses.replace(facts, frame_rate=Fraction(12800, 427))
    output = tmp_path / "joined.mp4"
    join(segments(tmp_path, odd, (7, 12, 9)), output, odd, sound=None)
    base = probe_time_base(output)
    assert [time * base for time in sorted(packet_times(output, "pts"))] == [number / odd.frame_rate for number in range(28)]
