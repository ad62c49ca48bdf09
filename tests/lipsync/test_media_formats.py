"""Every container and codec in use enters, frame by frame, wherever reading starts."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lipsync.media import FrameReader, intake_notices, probe_clip
from tests.lipsync.numbered import assert_ranges_alone_are_the_same, numbered_clip

X264 = "-c:v libx264 -preset ultrafast -bf 2 -g 12"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=12:bframes=2"

FORMATS = {
    "h264.mp4": X264,
    "h264 open gop.mkv": "-c:v libx264 -preset veryfast -bf 2 -g 12 -x264-params open-gop=1",
    "h264.avi": X264,
    "h264.ts": X264,
    "h264 baseline.mov": "-c:v libx264 -profile:v baseline -g 12",
    "h264 10 bit.mp4": X264 + " -pix_fmt yuv420p10le",
    "h264 4:2:2.mov": X264 + " -pix_fmt yuv422p",
    "h264 4:4:4.mkv": X264 + " -pix_fmt yuv444p",
    "hevc open gop.mp4": X265 + ":open-gop=1",
    "hevc.ts": X265 + ":open-gop=1",
    "hevc 10 bit.mov": X265 + " -pix_fmt yuv420p10le -tag:v hvc1",
    "hevc 12 bit 4:4:4.mkv": X265 + " -pix_fmt yuv444p12le",
    "vp8.webm": "-c:v libvpx -deadline realtime -cpu-used 8 -g 12",
    "vp9.webm": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 12",
    "vp9 10 bit.mkv": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 12 -pix_fmt yuv420p10le",
    "av1.mp4": "-c:v libaom-av1 -usage realtime -cpu-used 8 -g 12",
    "av1 10 bit.webm": "-c:v libaom-av1 -usage realtime -cpu-used 8 -g 12 -pix_fmt yuv420p10le",
    "mpeg4.avi": "-c:v mpeg4 -bf 2 -g 12 -q:v 3",
    "mpeg4.mp4": "-c:v mpeg4 -bf 2 -g 12 -q:v 3",
    "mpeg2.mpg": "-c:v mpeg2video -bf 2 -g 12 -q:v 3",
    "mpeg2.ts": "-c:v mpeg2video -bf 2 -g 12 -q:v 3",
    "mpeg2 4:2:2.mkv": "-c:v mpeg2video -bf 2 -g 12 -q:v 3 -pix_fmt yuv422p",
    "mpeg1.mpg": "-c:v mpeg1video -bf 2 -g 12 -q:v 3",
    "prores 422.mov": "-c:v prores_ks",
    "prores 4444.mov": "-c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le",
    "dnxhr.mov": "-c:v dnxhd -profile:v dnxhr_hq -s 256x192 -pix_fmt yuv422p",
    "mjpeg.avi": "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p",
    "mjpeg 4:2:2.mov": "-c:v mjpeg -q:v 3 -pix_fmt yuvj422p",
    "ffv1 16 bit.mkv": "-c:v ffv1 -pix_fmt yuv444p16le",
    "rgb.mkv": "-c:v ffv1 -pix_fmt bgr0",
    "grey.mkv": "-c:v ffv1 -pix_fmt gray",
    "nv12.avi": "-c:v rawvideo -pix_fmt nv12",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_picture_enters_in_order_and_the_same_wherever_reading_starts(tmp_path, name):
    clip = numbered_clip(tmp_path / name.replace(":", ""), *FORMATS[name].split())
    facts = probe_clip(clip)
    assert facts.frame_rate == 25
    assert facts.frames == 40
    assert not facts.variable_rate
    assert not facts.interlaced
    assert assert_ranges_alone_are_the_same(FrameReader(clip, facts), (14, 29)) == list(range(40))


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        *(("a.mp4", rate) for rate in ("24000/1001", "24", "30000/1001", "30", "48", "50", "60000/1001", "60")),
        *(("a.webm", rate) for rate in ("24000/1001", "60000/1001")),
        *(("a.ts", rate) for rate in ("30", "60000/1001")),
    ],
)
def test_the_rate_is_exact(tmp_path, name, rate):
    codec = ("libvpx", "-deadline", "realtime", "-cpu-used", "8") if name.endswith("webm") else ("libx264",)
    clip = numbered_clip(tmp_path / name, "-c:v", *codec, "-g", "20", frames=70, rate=rate)
    facts = probe_clip(clip)
    assert facts.frame_rate == Fraction(rate)
    assert not intake_notices(facts)
    assert assert_ranges_alone_are_the_same(FrameReader(clip, facts), [53]) == list(range(70))
