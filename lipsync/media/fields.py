"""Whether pictures are made of two fields, filmed one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lipsync.media.ffmpeg import ffmpeg, guarded_input, run
from lipsync.media.timing import PICTURE

FIELD_ORDERS = {"tt": "tff", "bt": "tff", "bb": "bff", "tb": "bff"}
# Files of these codecs and sizes were made for television, and often say nothing or the wrong thing of their fields.
TELEVISION_CODECS = ("mpeg1video", "mpeg2video", "dvvideo", "vc1")
TELEVISION_CONTAINERS = ("mpegts", "mpeg", "avi", "matroska,webm")
TELEVISION_HEIGHTS = (480, 486, 576, 1080, 1088)
FRAMES_LOOKED_AT = 60
FEWEST_COMBED_FRAMES = 8
_COUNTS = re.compile(r"Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)")


def field_order(path: Path, stream: dict[str, Any], container: str, seconds: float) -> str:
    """ "tff" or "bff", the field shown first, or "" for whole pictures.

    stream: ffprobe's report of the video stream. What the file says is checked on a few frames from its middle.
    """
    said = FIELD_ORDERS.get(stream.get("field_order", ""), "")
    if not said and not _doubtful(stream, container):
        return ""
    top, bottom, whole = _look(path, seconds / 2)
    if top + bottom >= max(FEWEST_COMBED_FRAMES, 2 * whole):
        return "tff" if top >= bottom else "bff"
    return "" if whole > max(FEWEST_COMBED_FRAMES, 2 * (top + bottom)) else said


def _doubtful(stream: dict[str, Any], container: str) -> bool:
    if stream.get("codec_name") in TELEVISION_CODECS:
        return True
    return container in TELEVISION_CONTAINERS and stream.get("height") in TELEVISION_HEIGHTS


def _look(path: Path, at: float) -> tuple[int, int, int]:
    """How many frames show fields with the top one first, with the bottom one first, and none."""
    watch = ("-map", f"0:{PICTURE}", "-frames:v", str(FRAMES_LOOKED_AT), "-vf", "idet", "-f", "null", "-")
    result = run(ffmpeg("-v", "info", "-ss", f"{at:.3f}", *guarded_input(path), *watch))
    found = _COUNTS.search(result.stderr.decode(errors="replace"))
    top, bottom, whole = map(int, found.groups()) if found else (0, 0, 0)
    return top, bottom, whole
