"""The light copy for browsers: which clips need one, and that it plays: size, rate, codecs, picture and sound in time."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from lipsync.errors import UnusableInput
from lipsync.media import is_heavy, plays_in_browsers, probe_clip, save_rendition
from lipsync.media.rendition import HEAVY_BYTES
from tests import making

X264, X265 = "-c:v libx264 -preset ultrafast", "-c:v libx265 -preset ultrafast -x265-params log-level=error"
# name: how picture and sound are encoded, and whether browsers play it
FILMS: dict[str, tuple[str, bool]] = {
    "h264.mp4": (f"{X264} -c:a aac", True),
    "h264.mov": (f"{X264} -c:a aac", True),
    "vp8.webm": ("-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus", True),
    "silent.mp4": (f"{X264} -an", True),
    "10 bit.mp4": (f"{X264} -pix_fmt yuv420p10le -c:a aac", False),
    "pcm.mov": (f"{X264} -c:a pcm_s16le", False),
    "hevc.mp4": (f"{X265} -tag:v hvc1 -c:a aac", False),
    "mpeg4.avi": ("-c:v mpeg4 -q:v 3 -c:a mp3", False),
    "h264.mkv": (f"{X264} -c:a aac", False),
    "h264.ts": (f"{X264} -c:a aac", False),
    "prores.mov": ("-c:v prores_ks -c:a pcm_s16le", False),
}


def film(folder: Path, name: str, *, size: str = "320x240", rate: str = "25", seconds: float = 1.0) -> Path:
    """A moving test picture with a tone."""
    path = folder / name
    how = FILMS.get(name, (f"{X264} -c:a aac", True))[0]
    how += "" if "-pix_fmt" in how or "prores" in how else " -pix_fmt yuv420p"
    picture = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    tone = f"sine=frequency=440:duration={seconds}"
    making.media("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *how.split(), str(path))
    return path


def told(path: Path) -> dict[str, dict[str, Any]]:
    """ffprobe's report of the streams, by kind."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    streams = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)["streams"]
    return {stream["codec_type"]: stream for stream in streams}


@pytest.mark.parametrize("name", FILMS)
def test_what_browsers_play_needs_no_copy_and_the_rest_becomes_what_they_play(name: str, tmp_path: Path) -> None:
    clip, output = film(tmp_path, name), tmp_path / "light.mp4"
    plays = FILMS[name][1]
    assert plays_in_browsers(clip, probe_clip(clip)) is plays
    made = save_rendition(clip, output)
    assert made.needed is not plays
    assert output.exists() is made.needed
    if not made.needed:
        return
    facts, streams = probe_clip(output), told(output)
    assert made.size == output.stat().st_size
    assert plays_in_browsers(output, facts)
    video, sound = streams["video"], streams["audio"]
    assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("h264", "High", "yuv420p")
    assert (facts.width, facts.height, facts.frame_rate) == (320, 240, Fraction(25))
    assert sound["codec_name"] == "aac"
    assert abs(float(video["duration"]) - 1.0) < 0.06
    assert abs(float(sound["duration"]) - 1.0) < 0.06
    data = output.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "a browser would load all of it before it plays"


@pytest.mark.parametrize(
    ("size", "rate", "light", "light_rate"),
    [
        ("2560x1440", "50", (852, 480), Fraction(30)),
        ("1440x2560", "24000/1001", (480, 852), Fraction(24000, 1001)),
        ("2600x800", "30", (854, 262), Fraction(30)),
    ],
)
def test_a_large_picture_is_brought_to_the_size_and_rate_of_a_page(
    size: str, rate: str, light: tuple[int, int], light_rate: Fraction, tmp_path: Path
) -> None:
    clip, output = film(tmp_path, "large.mp4", size=size, rate=rate, seconds=0.5), tmp_path / "light.mp4"
    assert save_rendition(clip, output).needed
    facts = probe_clip(output)
    assert ((facts.width, facts.height), facts.frame_rate) == (light, light_rate)
    assert output.stat().st_size < clip.stat().st_size


def test_a_file_of_many_bytes_is_heavy_whatever_its_picture(tmp_path: Path) -> None:
    facts = probe_clip(film(tmp_path, "h264.mp4"))
    assert not is_heavy(facts, HEAVY_BYTES)
    assert is_heavy(facts, HEAVY_BYTES + 1)


def test_a_turned_clip_stands_upright(tmp_path: Path) -> None:
    lying, turned = film(tmp_path, "hevc.mp4"), tmp_path / "turned.mp4"
    making.media("-i", str(lying), "-c", "copy", "-metadata:s:v", "rotate=90", str(turned))
    save_rendition(turned, tmp_path / "light.mp4")
    facts = probe_clip(tmp_path / "light.mp4")
    assert (facts.width, facts.height, facts.rotation) == (240, 320, 0)


def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    clip = tmp_path / "text.mp4"
    clip.write_text("no film at all")
    with pytest.raises(UnusableInput):
        save_rendition(clip, tmp_path / "made" / "light.mp4")
    assert not (tmp_path / "made").exists()
