"""Pictures made of two fields enter as whole pictures at the same rate."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.media import FrameReader, intake_notices, probe_clip
from tests.lipsync.media import ffmpeg
from tests.lipsync.numbered import assert_ranges_alone_are_the_same

FIELDS = ("-flags", "+ilme+ildct")
# Stripes that move fast to the right, 50 fields a second.
MOVING = "nullsrc=s=64x576:r=50:d=1.6,format=yuv420p,geq=lum='128+90*sin((X-6*N)/9)':cb=128:cr=128"


def filmed_in_fields(path, *, order: str = "tff", mark: str = "", options: tuple[str, ...] = ()):
    weave = "interleave_top" if order == "tff" else "interleave_bottom"
    told = mark or f"setfield={order}"
    ffmpeg("-f", "lavfi", "-i", f"{MOVING},tinterlace={weave},{told}", "-g", "12", *options, path)
    return path


def combing(luma: np.ndarray) -> float:
    """How much neighbouring lines differ, against lines two apart: 1 and more in woven fields that move."""
    y = luma.astype(np.float32)
    return float(np.abs(np.diff(y, axis=0)).mean() / (np.abs(y[2:] - y[:-2]).mean() + 1))


CASES = {
    "mpeg2.mpg": ("tff", "", ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", *FIELDS)),
    "mpeg2 bottom first.ts": ("bff", "", ("-c:v", "mpeg2video", "-q:v", "3", *FIELDS)),
    "h264.ts": ("tff", "", ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-crf", "12", *FIELDS)),
    "h264.mp4": ("bff", "", ("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-x264-params", "bff=1", *FIELDS)),
    "says nothing.avi": ("tff", "setfield=prog", ("-c:v", "mpeg4", "-q:v", "3")),
    "says progressive.mkv": ("tff", "setfield=prog", ("-c:v", "libx264", "-preset", "veryfast", "-crf", "12")),
}


@pytest.mark.parametrize("name", CASES)
def test_fields_become_whole_pictures(tmp_path, name):
    order, mark, options = CASES[name]
    path = filmed_in_fields(tmp_path / name, order=order, mark=mark, options=options)
    facts = probe_clip(path)
    assert facts.field_order == order
    assert facts.interlaced
    assert facts.frame_rate == 25
    assert sum("interlaced" in notice for notice in intake_notices(facts)) == 1
    reader = FrameReader(path, facts)
    assert max(combing(frame.y) for frame in reader.forward(2, 36)) < 0.5
    assert len(assert_ranges_alone_are_the_same(reader, (1, 30))) == 40


def test_whole_pictures_that_are_said_to_be_fields_stay_as_they_are(tmp_path):
    path = tmp_path / "a.ts"
    source = MOVING.replace("r=50", "r=25")
    ffmpeg("-f", "lavfi", "-i", f"{source},setfield=tff", "-c:v", "mpeg2video", "-q:v", "3", *FIELDS, path)
    facts = probe_clip(path)
    assert not facts.interlaced
    assert not intake_notices(facts)


def test_a_still_picture_is_believed_what_it_says(tmp_path):
    path = tmp_path / "a.ts"
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=160x576:r=25:d=1,setfield=bff", "-c:v", "mpeg2video", *FIELDS, path)
    assert probe_clip(path).field_order == "bff"
