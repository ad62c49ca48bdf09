"""What a result keeps of its clip, and what it is made of."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.media import Encoding, Frame, FrameReader, FrameWriter, nvenc_opens, probe_clip, probe_voice
from lipsync.media.probe import count_frames
from tests.lipsync.media import ffmpeg, tone
from tests.lipsync.numbered import HEIGHT, WIDTH, numbered_clip, numbered_picture, numbers


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    made = ("-metadata", "creation_time=2024-05-06T07:08:09Z", "-metadata", "location=+48.2+16.4/", "-metadata", "title=secret")
    return numbered_clip(tmp_path_factory.mktemp("clip") / "a.mp4", *made, "-c:v", "libx264", "-g", "20", frames=50)


def picture(number: int) -> Frame:
    return Frame(numbered_picture(number).ravel(), WIDTH, HEIGHT)


def write(output: Path, facts, *, count: int = 30, **options) -> Path:
    with FrameWriter(output, facts, sound=options.pop("sound", None), **options) as writer:
        for number in range(count):
            writer.write(picture(number))
        writer.finish()
    return output


def streams(path: Path) -> dict[str, dict]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
    report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {"format": report["format"], **{stream["codec_type"]: stream for stream in report["streams"]}}


def boxes(path: Path) -> list[str]:
    """Names of a file's outermost boxes in order."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big") or len(data)
    return names


@pytest.mark.parametrize(
    ("codec", "name", "tag", "profile"), [("h264", "h264", "avc1", "High"), ("hevc", "hevc", "hvc1", "Main")]
)
def test_a_result_is_h264_high_or_hevc_that_quicktime_plays_and_starts_before_it_is_loaded(
    tmp_path, clip, codec, name, tag, profile
):
    written = write(tmp_path / "out.mp4", probe_clip(clip), encoding=Encoding(codec=codec))
    video = streams(written)["video"]
    assert (video["codec_name"], video["codec_tag_string"], video["profile"], video["pix_fmt"]) == (
        name,
        tag,
        profile,
        "yuv420p",
    )
    order = boxes(written)
    assert order.index("moov") < order.index("mdat")
    assert numbers(FrameReader(written, probe_clip(written)).forward()) == list(range(30))


def test_a_result_keeps_when_it_was_filmed_and_nothing_else_that_was_written_into_the_clip(tmp_path, clip):
    facts = probe_clip(clip)
    assert facts.creation_time == "2024-05-06T07:08:09.000000Z"
    written = write(tmp_path / "out.mp4", facts)
    tags = streams(written)["format"]["tags"]
    assert tags["creation_time"] == "2024-05-06T07:08:09.000000Z"
    assert b"secret" not in written.read_bytes()
    assert b"+48.2" not in written.read_bytes()
    assert probe_clip(write(tmp_path / "plain.mp4", dataclasses.replace(facts, creation_time=""))).creation_time == ""


@pytest.mark.parametrize("rate", ["24000/1001", "60", "12800/427"])
def test_pictures_of_a_result_come_at_their_exact_times(tmp_path, clip, rate):
    facts = dataclasses.replace(probe_clip(clip), frame_rate=Fraction(rate))
    video = streams(write(tmp_path / "out.mp4", facts))["video"]
    assert Fraction(video["avg_frame_rate"]) == Fraction(video["r_frame_rate"]) == Fraction(rate)
    base = Fraction(video["time_base"])
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=pts",
        "-of",
        "csv=p=0",
        tmp_path / "out.mp4",
    ]
    shown = sorted(int(line.strip(",")) for line in subprocess.run(command, capture_output=True, text=True).stdout.split())
    assert [time * base for time in shown] == [number / Fraction(rate) for number in range(30)]


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_sound_is_48_khz_mono_or_stereo_as_it_comes(tmp_path, clip, channels):
    sound = tone(tmp_path / "a.wav", seconds=1.2, rate=44100, channels=channels, hertz=11000)
    written = write(tmp_path / "out.mp4", probe_clip(clip), sound=sound, seconds=1.2)
    facts = probe_voice(written)
    assert (facts.codec, facts.sample_rate, facts.channels) == ("aac", 48000, min(2, channels))
    assert facts.duration == pytest.approx(1.2, abs=0.025)
    assert count_frames(written) == 30
    raw = ["ffmpeg", "-v", "error", "-i", str(written), "-ac", "1", "-f", "f32le", "pipe:1"]
    samples = np.frombuffer(subprocess.run(raw, capture_output=True, check=True).stdout, np.float32)[4800:48000]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * 48000 / len(samples) == pytest.approx(11000, abs=20)  # nothing went through 16 kHz


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_same_frames_give_the_same_bytes(tmp_path, clip, codec):
    encoding = Encoding(codec=codec, preset="veryfast")
    one, two = (write(tmp_path / name, probe_clip(clip), encoding=encoding) for name in ("a.mp4", "b.mp4"))
    assert one.read_bytes() == two.read_bytes()


def test_the_bytes_do_not_depend_on_the_number_of_cores(tmp_path, clip):
    cores = os.sched_getaffinity(0)
    both = write(tmp_path / "a.mp4", probe_clip(clip))
    os.sched_setaffinity(0, {min(cores)})
    try:
        alone = write(tmp_path / "b.mp4", probe_clip(clip))
    finally:
        os.sched_setaffinity(0, cores)
    assert both.read_bytes() == alone.read_bytes()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"codec": "vp9"}, "unknown_codec"),
        ({"preset": "warp"}, "unknown_preset"),
        ({"quality": 52}, "bad_quality"),
        ({"quality": -1}, "bad_quality"),
        ({"threads": -1}, "bad_threads"),
    ],
)
def test_an_encoding_that_cannot_be_is_refused_at_the_door(options, code):
    with pytest.raises(UnusableInput) as caught:
        Encoding(**options)
    assert caught.value.code == code


def test_the_best_quality_loses_nothing(tmp_path, clip):
    written = write(tmp_path / "out.mp4", probe_clip(clip), count=3, encoding=Encoding(quality=0))
    for number, frame in enumerate(FrameReader(written, probe_clip(written)).forward()):
        np.testing.assert_array_equal(frame.data, numbered_picture(number).ravel())


def test_nvidias_encoder_is_used_where_it_opens_and_refused_where_it_does_not(tmp_path, clip):
    encoding = Encoding(codec="h264_nvenc")
    if nvenc_opens():
        written = write(tmp_path / "out.mp4", probe_clip(clip), encoding=encoding)
        assert numbers(FrameReader(written, probe_clip(written)).forward()) == list(range(30))
        return
    with pytest.raises(EnvironmentFault) as caught:
        FrameWriter(tmp_path / "out.mp4", probe_clip(clip), sound=None, encoding=encoding)
    assert caught.value.code == "no_gpu_encoder"


def test_a_turned_clip_with_wide_pixels_leaves_as_it_was_seen(tmp_path, clip):
    wide, turned = tmp_path / "wide.mp4", tmp_path / "turned.mp4"
    ffmpeg("-i", clip, "-vf", "setsar=4/3", "-c:v", "libx264", wide)
    ffmpeg("-i", wide, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
    facts = probe_clip(turned)
    assert (facts.width, facts.height, facts.sample_aspect) == (HEIGHT, WIDTH, Fraction(3, 4))
    frames = list(FrameReader(turned, facts).forward(0, 3))
    output = tmp_path / "out.mp4"
    with FrameWriter(output, facts, sound=None) as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
    kept = probe_clip(output)
    assert (kept.width, kept.height, kept.sample_aspect, kept.rotation) == (HEIGHT, WIDTH, Fraction(3, 4), 0)
