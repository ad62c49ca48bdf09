"""Frames leave and enter exactly as asked for."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import EnvironmentFault, ToolFailed, UnusableInput
from lipsync.media import Frame, FrameReader, FrameWriter, intake_notices, probe_clip, probe_voice
from lipsync.media.probe import count_frames
from tests.lipsync.media import counting_clip, ffmpeg, frame_label, tone


def labels(frames) -> list[int]:
    return [frame_label(frame.y.mean(), frame.u.mean()) for frame in frames]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return counting_clip(tmp_path_factory.mktemp("clip") / "count.mp4")


@pytest.fixture(scope="module")
def reader(clip) -> FrameReader:
    return FrameReader(clip, probe_clip(clip))


def test_frames_come_in_order_and_all_of_them(reader):
    assert labels(reader.forward()) == list(range(130))


@pytest.mark.parametrize("first", [1, 49, 50, 51, 99, 129])
def test_any_frame_can_be_the_first(reader, first):
    assert labels(reader.forward(first, 3)) == list(range(first, min(130, first + 3)))


def test_a_bounce_turns_without_showing_an_end_twice(reader):
    order = [*range(126, 130), *range(128, 60, -1), *range(61, 64)]
    assert labels(reader.sequence(order)) == order


def test_frames_can_be_played_backwards_in_little_memory(reader, monkeypatch):
    monkeypatch.setattr("lipsync.media.frames.BACKWARD_BYTES", 5 * 128 * 96 * 3 // 2)
    assert labels(reader.sequence(range(129, -1, -1))) == list(range(129, -1, -1))


def test_frames_wait_where_the_reader_was_told(clip, tmp_path):
    reader = FrameReader(clip, probe_clip(clip), spool=tmp_path / "gone")
    assert len(list(reader.sequence([3, 4, 5]))) == 3
    with pytest.raises(EnvironmentFault, match="gone") as caught:
        list(reader.sequence([5, 4, 3]))
    assert caught.value.code == "not_writable"


@pytest.mark.parametrize("rate", ["30000/1001", "12"])
def test_uneven_rates_are_met_exactly(tmp_path, rate):
    clip = counting_clip(tmp_path / "a.mp4", rate=rate, frames=125)
    reader = FrameReader(clip, probe_clip(clip))
    assert labels(reader.forward()) == list(range(125))
    assert labels(reader.forward(101, 5)) == list(range(101, 106))


@pytest.mark.parametrize("name", ["a.ts", "a.avi"])
def test_other_containers_give_the_same_frames(clip, tmp_path, name):
    other = tmp_path / name
    ffmpeg("-i", clip, "-c", "copy", other)
    reader = FrameReader(other, probe_clip(other))
    assert labels(reader.forward()) == list(range(130))
    assert labels(reader.forward(77, 4)) == [77, 78, 79, 80]


def test_a_late_first_picture_keeps_the_grid(clip, tmp_path):
    late = tmp_path / "late.mp4"
    ffmpeg(
        "-i",
        tone(tmp_path / "a.wav", seconds=5),
        "-itsoffset",
        "0.5",
        "-i",
        clip,
        "-map",
        "1:v",
        "-map",
        "0:a",
        "-c:v",
        "copy",
        late,
    )
    facts = probe_clip(late)
    assert facts.video_start == pytest.approx(0.5, abs=0.05)
    assert labels(FrameReader(late, facts).forward(60, 3)) == [60, 61, 62]


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p"])
def test_odd_sizes_lose_their_last_row_or_column(tmp_path, pixel_format):
    clip, raw = tmp_path / "odd.mkv", tmp_path / "odd.raw"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=129x97:r=25", "-frames:v", "5", "-pix_fmt", pixel_format, "-c:v", "ffv1", clip)
    ffmpeg("-i", clip, "-frames:v", "1", "-vf", f"format={pixel_format},extractplanes=y", "-f", "rawvideo", raw)
    facts = probe_clip(clip)
    assert (facts.width, facts.height) == (129, 97)
    assert "128 x 96" in intake_notices(facts)[-1]
    frame = next(FrameReader(clip, facts).forward())
    whole = np.fromfile(raw, dtype=np.uint8).reshape(97, 129)
    np.testing.assert_array_equal(frame.y, whole[:96, :128])


def test_what_is_written_can_be_read_back(clip, reader, tmp_path):
    voice = tone(tmp_path / "voice.wav", seconds=5.2, rate=44100, channels=2)
    output = tmp_path / "out.mp4"
    with FrameWriter(output, reader.facts, sound=voice) as writer:
        for frame in reader.forward():
            writer.write(frame)
        writer.finish()
    assert labels(FrameReader(output, probe_clip(output)).forward()) == list(range(130))
    sound = probe_voice(output)
    assert (sound.sample_rate, sound.channels, sound.codec) == (48000, 2, "aac")
    assert sound.duration == pytest.approx(5.2, abs=0.03)
    assert count_frames(output) == 130


def test_colour_tags_and_pixel_aspect_are_kept(tmp_path):
    clip = counting_clip(
        tmp_path / "a.mp4",
        frames=5,
        options=("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-vf", "setsar=4/3"),
    )
    facts = probe_clip(clip)
    output = tmp_path / "out.mp4"
    with FrameWriter(output, facts, sound=None) as writer:
        for frame in FrameReader(clip, facts).forward():
            writer.write(frame)
        writer.finish()
    kept = probe_clip(output)
    assert kept.colour == facts.colour == {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
    assert kept.sample_aspect == facts.sample_aspect


def test_an_unfinished_file_leaves_nothing(reader, tmp_path):
    output = tmp_path / "renders" / "out.mp4"
    with pytest.raises(RuntimeError), FrameWriter(output, reader.facts, sound=None) as writer:
        writer.write(next(iter(reader.forward())))
        raise RuntimeError("the render failed here")
    assert not list(output.parent.iterdir())


def test_a_folder_that_cannot_be_written_is_told(reader, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(EnvironmentFault) as caught, FrameWriter(blocked / "out.mp4", reader.facts, sound=None):
        pass
    assert caught.value.code == "not_writable"


def test_a_clip_that_ends_early_is_told_not_hung(tmp_path):
    whole = counting_clip(tmp_path / "a.mkv", frames=100)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[:2000])
    facts = probe_clip(whole)
    with pytest.raises(UnusableInput) as caught:
        list(FrameReader(cut, facts).sequence(range(90, 95)))
    assert caught.value.code == "damaged_video"
    assert caught.value.at == pytest.approx(3.6)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_decoder_that_is_ended_is_not_taken_for_the_clips_end(tmp_path, number):
    """Or a clip would be known by its first part for ever, and a video would stand still."""
    clip = counting_clip(tmp_path / "a.mp4", frames=60, size="640x480")
    frames = FrameReader(clip, probe_clip(clip)).forward()
    next(frames)
    for decoder in decoders(clip):
        os.kill(decoder, number)
    with pytest.raises(ToolFailed) as caught:
        list(frames)
    assert caught.value.code == "decoder_died"


def decoders(clip: Path) -> list[int]:
    """Processes of ffmpeg that read the file."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [row.split(None, 1) for row in listed.splitlines()]
    return [int(row[0]) for row in rows if "ffmpeg" in row[1] and f"file:{clip} " in row[1]]


def test_the_planes_of_a_frame_write_through():
    frame = Frame(np.zeros(16 * 8 * 3 // 2, dtype=np.uint8), 16, 8)
    frame.y[:], frame.u[:], frame.v[:] = 1, 2, 3
    assert frame.data.tolist() == [1] * 128 + [2] * 32 + [3] * 32
