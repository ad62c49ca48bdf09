"""Samples of standard range enter as they are; the rest is reduced well and said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import EnvironmentFault
from lipsync.media import ClipFacts, FrameReader, FrameWriter, intake_notices, probe_clip
from lipsync.media import colour as colour_module
from lipsync.media.colour import bit_depth
from tests.lipsync.numbered import numbered_clip, numbers

W, H = 128, 96
TAGS = {
    "untagged": (),
    "bt709": ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    "bt601": ("-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m"),
    "pal": ("-colorspace", "bt470bg", "-color_primaries", "bt470bg", "-color_trc", "gamma28"),
}


def ramp(width: int, height: int, top: float, slope: float) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return (columns / width + slope * rows / height) % 1 * top


def lossless(path: Path, pixel_format: str, planes: list[np.ndarray], *options: str) -> Path:
    """A file of one picture, repeated, with exactly these samples."""
    kind = np.uint16 if bit_depth(pixel_format) > 8 else np.uint8
    raw = b"".join(plane.astype(kind).tobytes() for plane in planes) * 3
    source = ("-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{W}x{H}", "-r", "25", "-i", "pipe:0")
    command = ["ffmpeg", "-y", "-v", "error", *source, "-c:v", "ffv1", *options, str(path)]
    subprocess.run(command, input=raw, check=True)
    return path


def first_frame(path: Path):
    return next(FrameReader(path, probe_clip(path)).forward(0, 1))


@pytest.mark.parametrize(
    ("tags", "full"),
    [("untagged", False), ("untagged", True), ("bt709", False), ("bt709", True), ("bt601", False), ("pal", False)],
)
def test_8_bit_samples_and_tags_go_through_unchanged(tmp_path, tags, full):
    planes = [ramp(W, H, 255, 0.3), ramp(W // 2, H // 2, 255, 0.7), ramp(W // 2, H // 2, 255, 0.1)]
    level = ("-color_range", "pc") if full else ()
    clip = lossless(tmp_path / "a.mkv", "yuv420p", planes, *TAGS[tags], *level)
    facts = probe_clip(clip)
    assert facts.full_range is full
    assert facts.colour == {TAGS[tags][i][1:]: TAGS[tags][i + 1] for i in range(0, len(TAGS[tags]), 2)}
    assert not intake_notices(facts)
    frame = first_frame(clip)
    for got, sent in zip((frame.y, frame.u, frame.v), planes, strict=True):
        np.testing.assert_array_equal(got, sent.astype(np.uint8))
    written = tmp_path / "b.mp4"
    with FrameWriter(written, facts, sound=None) as writer:
        writer.write(frame)
        writer.finish()
    kept = probe_clip(written)
    assert (kept.colour, kept.full_range) == (facts.colour, full)
    assert np.abs(first_frame(written).y.astype(int) - frame.y).mean() < 2


@pytest.mark.parametrize(
    ("pixel_format", "across", "down", "tags"),
    [
        ("yuv420p10le", 2, 2, "untagged"),
        ("yuv420p10le", 2, 2, "bt709"),
        ("yuv422p", 2, 1, "bt601"),
        ("yuv422p10le", 2, 1, "bt709"),
        ("yuv444p", 1, 1, "untagged"),
        ("yuv444p", 1, 1, "bt709"),
        ("yuv444p12le", 1, 1, "bt601"),
        ("yuv411p", 4, 1, "bt601"),
    ],
)
def test_finer_samples_are_reduced_without_shift(tmp_path, pixel_format, across, down, tags):
    scale = 2 ** (bit_depth(pixel_format) - 8)
    flat = np.full((H // down, W // across), 100 * scale)
    planes = [ramp(W, H, 255 * scale, 0.3).astype(int), flat, flat + 20 * scale]
    clip = lossless(tmp_path / "a.mkv", pixel_format, planes, *TAGS[tags])
    facts = probe_clip(clip)
    assert len(intake_notices(facts)) == (scale > 1) + ("420" not in pixel_format and "411" not in pixel_format)
    frame = first_frame(clip)
    error = frame.y - planes[0] / scale
    assert np.abs(error).max() < 1
    assert abs(error.mean()) < 0.01
    assert (frame.u == 100).all()
    assert (frame.v == 120).all()


def test_colour_without_subsampling_keeps_its_place(tmp_path):
    wide = ramp(W, H, 200, 0.0) + 20
    clip = lossless(tmp_path / "a.mkv", "yuv444p", [np.full((H, W), 128), wide, np.full((H, W), 128)])
    sampled = first_frame(clip).u[H // 4, 4:-4].astype(float)
    np.testing.assert_allclose(sampled, wide[0, 8:-8:2], atol=2)


def test_red_green_and_blue_become_bt709(tmp_path):
    source = ("-f", "lavfi", "-i", f"color=red:s={W}x{H}:r=25:d=0.2,format=bgr0", "-c:v", "ffv1", str(tmp_path / "a.mkv"))
    subprocess.run(["ffmpeg", "-v", "error", *source], check=True)
    facts = probe_clip(tmp_path / "a.mkv")
    assert facts.colour["colorspace"] == "bt709"
    frame = first_frame(tmp_path / "a.mkv")
    np.testing.assert_allclose([frame.y.mean(), frame.u.mean(), frame.v.mean()], [63, 102, 240], atol=1.5)


def hdr_clip(path: Path, curve: str, *, tagged: bool = True) -> Path:
    """A grey card under the white of paper, and beside it a lamp five times as bright; every picture numbered."""
    chain = (
        "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709,zscale=transfer=linear:npl=203,format=gbrpf32le,"
        f"zscale=primaries=2020,zscale=transfer={curve}:matrix=2020_ncl:npl=203,format=yuv420p10le"
    )
    name = f"colorprim=bt2020:colormatrix=bt2020nc:transfer={curve}" if tagged else f"transfer={curve}"
    x265 = f"log-level=error:keyint=12:{name}"
    return numbered_clip(
        path, "-vf", chain, "-c:v", "libx265", "-preset", "ultrafast", "-crf", "8", "-x265-params", x265, frames=30
    )


@pytest.mark.parametrize(
    ("curve", "name", "tagged"), [("smpte2084", "pq", True), ("arib-std-b67", "hlg", True), ("arib-std-b67", "hlg", False)]
)
def test_hdr_enters_as_bt709_with_the_same_greys(tmp_path, curve, name, tagged):
    clip = hdr_clip(tmp_path / "a.mp4", curve, tagged=tagged)
    facts = probe_clip(clip)
    assert (facts.hdr, facts.bit_depth, facts.full_range) == (name, 10, False)
    assert facts.colour == {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
    assert name.upper() in intake_notices(facts)[0]
    reader = FrameReader(clip, facts)
    frames = list(reader.forward())
    assert numbers(frames) == list(range(30))
    assert frames[21].data.tobytes() == next(reader.forward(21, 1)).data.tobytes()
    black, white = np.percentile(frames[21].y, [5, 95])
    assert black == pytest.approx(40, abs=2)
    assert 175 <= white <= 201  # lights are drawn together a little
    # Of the card only: the tint of the dark blocks is no colour that light can have, and what becomes of it is the processor's.
    card = frames[21].y[::2, ::2] > (black + white) / 2
    assert frames[21].u[card].mean() == pytest.approx(108, abs=1.5)
    assert frames[21].v[card].mean() == pytest.approx(128, abs=1.5)


def test_wide_colours_in_standard_range_become_bt709(tmp_path):
    options = ("-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "bt2020-10", "-c:v", "ffv1")
    clip = numbered_clip(tmp_path / "a.mkv", *options, "-pix_fmt", "yuv420p10le", frames=3)
    facts = probe_clip(clip)
    assert facts.hdr == "bt2020"
    assert facts.colour["color_primaries"] == "bt709"
    assert any("BT.2020" in notice for notice in intake_notices(facts))
    frames = list(FrameReader(clip, facts).forward())
    assert numbers(frames) == [0, 1, 2]
    assert np.percentile(frames[1].y, 99) == pytest.approx(200, abs=2)


def test_an_ffmpeg_that_cannot_tone_map_says_so(tmp_path, monkeypatch):
    facts = probe_clip(hdr_clip(tmp_path / "a.mp4", "smpte2084"))
    monkeypatch.setattr(colour_module, "_filters", lambda: {"scale"})
    with pytest.raises(EnvironmentFault) as caught:
        next(FrameReader(tmp_path / "a.mp4", facts).forward())
    assert caught.value.code == "no_tone_mapping"


@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        ("yuv420p", 8),
        ("yuvj422p", 8),
        ("nv12", 8),
        ("p010le", 10),
        ("yuv444p12be", 12),
        ("gbrp16le", 16),
        ("gray10le", 10),
        ("rgb48le", 16),
    ],
)
def test_bits_per_sample_are_read_from_the_formats_name(pixel_format, bits):
    assert bit_depth(pixel_format) == bits


def test_facts_come_back_from_storage(tmp_path):
    facts = probe_clip(numbered_clip(tmp_path / "a.mp4", "-c:v", "libx264", frames=5, rate="30000/1001"))
    assert ClipFacts.from_dict(json.loads(json.dumps(facts.as_dict()))) == facts


@pytest.mark.parametrize(
    "values", [{}, {"width": 3}, {"frame_rate": "1/0", "sample_aspect": "1"}, {"frame_rate": "x", "sample_aspect": "1"}]
)
def test_what_is_no_facts_is_refused(values):
    with pytest.raises(ValueError, match=r"."):
        ClipFacts.from_dict(values)
