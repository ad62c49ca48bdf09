"""Any picture format becomes 8-bit 4:2:0; samples of standard range keep their matrix and range."""

from __future__ import annotations

import functools
import re
from typing import Any

from lipsync.errors import EnvironmentFault
from lipsync.media.facts import ClipFacts
from lipsync.media.ffmpeg import ffmpeg, run

HDR_TRANSFERS = {"smpte2084": "pq", "arib-std-b67": "hlg"}
_CURVES = {kind: name for name, kind in HDR_TRANSFERS.items()}
BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
_TAGS = {"colorspace": "color_space", "color_primaries": "color_primaries", "color_trc": "color_transfer"}
# ffprobe and ffmpeg's options differ in these two names.
_CURVE_OPTIONS = {"bt470m": "gamma22", "bt470bg": "gamma28"}
_NO_TAGS = (None, "unknown", "reserved", "gbr")
_PLAIN = ("yuv420p", "yuvj420p")
_RGB = re.compile(r"rgb|bgr|gbr|pal8|0[rb]|[rb]0")
# Nits of a white sheet of paper: ITU-R BT.2408, 203 in HDR.
HDR_WHITE_NITS = 203
# Brightest light kept apart from white, and the part of the scale up to which skin and clothes stay as they are, white being 1.
HDR_PEAK = 4.93
LINEAR_UP_TO = 0.4
# Without these swscale rounds down and takes chroma from one column of two.
_GOOD = "flags=bicubic+accurate_rnd+full_chroma_inp"


def hdr_kind(stream: dict[str, Any]) -> str:
    """ "pq", "hlg", "bt2020" or "" for ffprobe's report of a video stream."""
    kind = HDR_TRANSFERS.get(stream.get("color_transfer", ""))
    return kind or ("bt2020" if stream.get("color_primaries") == "bt2020" else "")


def is_rgb(pixel_format: str) -> bool:
    """Whether pictures come as red, green and blue."""
    return bool(_RGB.search(pixel_format))


def colour_tags(stream: dict[str, Any]) -> dict[str, str]:
    """ffmpeg's names of matrix, primaries and transfer of the frames worked on, where the file states them."""
    if hdr_kind(stream):
        return dict(BT709)
    tags = {name: stream[key] for name, key in _TAGS.items() if stream.get(key) not in _NO_TAGS}
    if tags.get("color_trc") in _CURVE_OPTIONS:
        tags["color_trc"] = _CURVE_OPTIONS[tags["color_trc"]]
    if is_rgb(stream.get("pix_fmt", "")):
        tags["colorspace"] = "bt709"
    return tags


def is_full_range(stream: dict[str, Any]) -> bool:
    """Whether the frames worked on use all 256 levels; HDR and RGB enter in limited range."""
    pixel_format = stream.get("pix_fmt", "")
    if hdr_kind(stream) or is_rgb(pixel_format):
        return False
    return stream.get("color_range") == "pc" or pixel_format.startswith("yuvj")


def bit_depth(pixel_format: str) -> int:
    """Bits per sample of a pixel format of ffmpeg's."""
    found = re.search(r"(?:p|p0|gray|rgb|bgr|y2)(9|10|12|14|16)(?:le|be)$|(48|64)(?:le|be)$", pixel_format)
    if not found:
        return 8
    return int(found.group(1) or 16)


def conversion(facts: ClipFacts) -> list[str]:
    """Filters that bring the decoder's pictures to 8-bit 4:2:0; none where they are that already.

    HDR is taken to linear light, its primaries to BT.709, and tone-mapped by a curve that is straight but for the lights.

    Raises EnvironmentFault (`no_tone_mapping`) where this ffmpeg cannot do that.
    """
    if facts.hdr:
        return _to_standard_range(facts.hdr)
    if facts.pixel_format in _PLAIN:
        return []
    if is_rgb(facts.pixel_format):
        return [f"scale=out_color_matrix=bt709:out_range=limited:{_GOOD}", "format=yuv420p"]
    level = "full" if facts.full_range else "limited"
    return [f"scale=in_range={level}:out_range={level}:{_GOOD}", f"format={pixel_format(facts)}"]


def pixel_format(facts: ClipFacts) -> str:
    """ffmpeg's name for the frames worked on, which tells their range."""
    return "yuvj420p" if facts.full_range else "yuv420p"


def _to_standard_range(kind: str) -> list[str]:
    if not {"zscale", "tonemap"} <= _filters():
        raise EnvironmentFault(
            "no_tone_mapping",
            "The ffmpeg of this machine cannot convert HDR clips. Install one with zscale, or export the clip as SDR.",
        )
    # Told in full, for a file that names its curve may still leave out matrix and primaries.
    told = f"setparams=color_primaries=bt2020:colorspace=bt2020nc:color_trc={_CURVES.get(kind, 'bt2020-10')}"
    last = "transfer=709:matrix=709:range=limited:dither=ordered"
    if kind == "bt2020":
        return [told, f"zscale=primaries=709:{last}", "format=yuv420p"]
    return [
        told,
        f"zscale=transfer=linear:npl={HDR_WHITE_NITS}",
        "format=gbrpf32le",
        "zscale=primaries=709",
        f"tonemap=tonemap=mobius:param={LINEAR_UP_TO}:peak={HDR_PEAK}:desat=0",
        f"zscale={last}",
        "format=yuv420p",
    ]


@functools.cache
def _filters() -> set[str]:
    lines = run(ffmpeg("-filters")).stdout.decode(errors="replace").splitlines()
    return {words[1] for words in map(str.split, lines) if len(words) > 2}
