"""What a file is: a path goes in, its facts or a refusal with a reason come out.

Nothing is decoded here but a few frames of files that look like television's.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.media.colour import bit_depth, colour_tags, hdr_kind, is_full_range
from lipsync.media.facts import ClipFacts, SoundEntry, VoiceFacts
from lipsync.media.ffmpeg import LARGEST_PICTURE_PIXELS, guarded_input, program, run
from lipsync.media.fields import field_order
from lipsync.media.timing import (
    PICTURE,
    SCAN_TIMEOUT_SECONDS,
    SOUND,
    UNINDEXED,
    UNTIMED,
    counted_seconds,
    first_timestamp,
    positive,
    working_rate,
)

__all__ = ["ClipFacts", "VoiceFacts", "count_frames", "probe_clip", "probe_voice", "readable", "sound_entry"]

_VIDEO = ("not_a_video", "The clip is not a video that can be read. Export it as mp4, mov, mkv, webm, avi or mpg.")
_SOUND = ("not_a_sound", "The voice is not a sound that can be read. Export it as wav, mp3, m4a, flac or ogg.")
SMALLEST_SIDE_PIXELS = 64
# Formats whose length ffprobe guesses from the bit rate of their beginning.
GUESSED = ("mp3", "aac", *UNINDEXED)
# Formats that tell when they end, not how long they are.
TOLD_BY_END = ("matroska,webm", "ogg")
# Not all of a file's tags: a comment may be as long as the file, and what is told is kept.
MOST_TOLD_BYTES = 2**20
_ASKED = (
    "stream=codec_type,codec_name,width,height,sample_aspect_ratio,pix_fmt,field_order,avg_frame_rate,r_frame_rate,duration,"
    "start_time,color_range,color_space,color_transfer,color_primaries,sample_rate,channels",
    "stream_disposition=attached_pic",
    "stream_tags=rotate,creation_time",
    "stream_side_data=rotation",
    "format=format_name,duration,start_time",
    "format_tags=creation_time",
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def probe_clip(path: Path) -> ClipFacts:
    """Facts of a video file.

    Raises UnusableInput: `unreadable`, `empty_file`, `not_a_video`, `no_video`, `too_large_picture`, `too_small_picture`,
    `no_duration`; EnvironmentFault: `ffmpeg_missing`.
    """
    report = _report(path, _VIDEO)
    pictures = [s for s in report["streams"] if s["codec_type"] == "video" and not s["disposition"].get("attached_pic")]
    if not pictures:
        raise UnusableInput("no_video", "The clip has no moving picture. Choose a video of a person speaking.")
    stream, container = pictures[0], report["format"]
    width, height = int(stream.get("width", 0)), int(stream.get("height", 0))
    _check_size(width, height)
    kind = container.get("format_name", "")
    duration = _length(path, kind, stream, container)
    rate = working_rate(path, kind, stream, duration)
    if duration is None or duration <= 0 or rate is None:
        raise UnusableInput("no_duration", "The clip does not say how long it is. Export it again as mp4.")
    rotation = _rotation(stream)
    aspect = positive(stream.get("sample_aspect_ratio", "1:1").replace(":", "/")) or Fraction(1)
    if rotation % 180:
        width, height, aspect = height, width, 1 / aspect
    file_start = _seconds(container.get("start_time")) or 0.0
    first_picture = _seconds(stream.get("start_time"))
    first_picture = file_start if first_picture is None else first_picture
    pixel_format = stream.get("pix_fmt", "")
    return ClipFacts(
        width=width,
        height=height,
        frame_rate=rate.frames_per_second,
        duration=duration,
        frames=round(duration * rate.frames_per_second),
        codec=stream.get("codec_name", "unknown"),
        has_sound=any(s["codec_type"] == "audio" for s in report["streams"]),
        variable_rate=rate.varies,
        rotation=rotation,
        pixel_format=pixel_format,
        full_range=is_full_range(stream),
        sample_aspect=aspect,
        video_start=first_picture - file_start,
        file_start=file_start,
        colour=colour_tags(stream),
        first_timestamp=(first_timestamp(path) if kind in UNTIMED else None) or first_picture,
        container=kind,
        bit_depth=bit_depth(pixel_format),
        hdr=hdr_kind(stream),
        field_order=field_order(path, stream, kind, duration),
        picture_step=rate.step,
        creation_time=_creation_time(container, stream),
    )


def probe_voice(path: Path) -> VoiceFacts:
    """Facts of a sound file, or of a video's sound; of several sounds the first.

    Raises UnusableInput: `unreadable`, `empty_file`, `not_a_sound`, `no_sound`; EnvironmentFault: `ffmpeg_missing`.
    """
    stream, container = _first_sound(path)
    duration = _sound_length(path, stream, container)
    if not duration or int(stream.get("sample_rate", 0)) <= 0:
        raise UnusableInput("no_sound", "The voice file has a sound track of zero length. Choose another recording.")
    return VoiceFacts(
        duration=duration,
        sample_rate=int(stream["sample_rate"]),
        channels=int(stream.get("channels", 1)),
        codec=stream.get("codec_name", "unknown"),
    )


def sound_entry(path: Path) -> SoundEntry:
    """What decoding the file's first sound takes. Raises as `probe_voice`, but does not ask for its length."""
    stream, container = _first_sound(path)
    late = 0.0
    # Of these, ffmpeg lets a sound that is decoded alone begin at its own first sample.
    if container.get("format_name", "") in UNINDEXED:
        late = max(0.0, (_seconds(stream.get("start_time")) or 0.0) - (_seconds(container.get("start_time")) or 0.0))
    return SoundEntry(int(stream.get("channels", 1)), stream.get("codec_name", "").startswith("pcm_f"), late)


def _first_sound(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """ffprobe's report of the sound stream and of the container."""
    report = _report(path, _SOUND)
    sounds = [s for s in report["streams"] if s["codec_type"] == "audio"]
    if not sounds:
        raise UnusableInput("no_sound", "The voice file has no sound. Choose a recording of a voice.")
    return sounds[0], report["format"]


def _sound_length(path: Path, stream: dict[str, Any], container: dict[str, Any]) -> float | None:
    """Seconds of sound."""
    kind = container.get("format_name", "")
    told = _seconds(stream.get("duration")) or _seconds(container.get("duration"))
    if told and kind in TOLD_BY_END:
        told -= max(0.0, _seconds(container.get("start_time")) or 0.0)
    return told if told and kind not in GUESSED else counted_seconds(path, SOUND) or told


def count_frames(path: Path) -> int:
    """Number of coded pictures in a file of our own making."""
    command = [program("ffprobe"), "-v", "error", "-select_streams", PICTURE, "-count_packets"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", *guarded_input(path)]
    result = run(command, timeout=SCAN_TIMEOUT_SECONDS)
    # A transport stream's picture is told twice, once within its programme.
    text = result.stdout.decode().partition("\n")[0].strip(",\r ")
    return int(text) if text.isdigit() else 0


def readable(path: Path) -> None:
    """Refuse a path that is not a non-empty file we may read.

    Raises UnusableInput: `unreadable`, `empty_file`.
    """
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnusableInput("unreadable", f"{path} cannot be read ({reason}). Check the path and its permissions.") from error
    if not first:
        raise UnusableInput("empty_file", "The file is empty. Copy or upload it again.")


class _NoMedia(Exception):
    """Neither pictures nor sound were found in a file."""


def _report(path: Path, refusal: tuple[str, str]) -> dict[str, Any]:
    readable(path)
    state = path.stat()
    try:
        return _told(path, (state.st_ino, state.st_size, state.st_mtime_ns))
    except _NoMedia as error:
        raise UnusableInput(*refusal) from error


@lru_cache(maxsize=32)
def _told(path: Path, state: tuple[int, int, int]) -> dict[str, Any]:
    """Streams and container, as long as the file stays as it is: a render asks seven times, at a twentieth of a second each."""
    command = [program("ffprobe"), "-v", "error", "-show_entries", ":".join(_ASKED), "-of", "json", *guarded_input(path)]
    result = run(command)
    if len(result.stdout) > MOST_TOLD_BYTES:
        raise _NoMedia
    log = result.stderr.decode(errors="replace")
    try:
        report: dict[str, Any] = json.loads(result.stdout or b"{}")
    except json.JSONDecodeError as error:
        raise EnvironmentFault("ffprobe_failed", "ffprobe gave no usable answer. Reinstall ffmpeg.") from error
    streams = [s for s in report.get("streams", []) if s.get("codec_type") in ("video", "audio")]
    if "max_pixels" in log or "Picture size" in log:
        raise _too_large()
    if result.returncode != 0 or not streams:
        raise _NoMedia
    return {"streams": streams, "format": report.get("format", {})}


def _check_size(width: int, height: int) -> None:
    if width * height > LARGEST_PICTURE_PIXELS:
        raise _too_large()
    if min(width, height) < SMALLEST_SIDE_PIXELS:
        raise UnusableInput(
            "too_small_picture",
            f"The clip's picture is {width} x {height} pixels. Use a video of at least 256 x 256.",
        )


def _too_large() -> UnusableInput:
    return UnusableInput("too_large_picture", "The clip's picture is too large. Scale it down to 4K.")


def _rotation(stream: dict[str, Any]) -> int:
    turns = [side["rotation"] for side in stream.get("side_data_list", []) if "rotation" in side]
    return int(turns[0]) % 360 if turns else int(stream.get("tags", {}).get("rotate", 0)) % 360


def _length(path: Path, kind: str, stream: dict[str, Any], container: dict[str, Any]) -> float | None:
    """Seconds of picture."""
    told = _seconds(stream.get("duration")) or _seconds(container.get("duration"))
    return told if told and kind not in UNINDEXED else counted_seconds(path) or told


def _creation_time(container: dict[str, Any], stream: dict[str, Any]) -> str:
    """When the clip was filmed, if the file tells it in the usual form; a camera without a clock says 1970 or 1904."""
    for tags in (container.get("tags", {}), stream.get("tags", {})):
        told = str(tags.get("creation_time", ""))
        if _MOMENT.fullmatch(told) and told > "1971":
            return told
    return ""


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
