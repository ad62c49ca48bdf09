"""What a file is: a path goes in, its facts or a refusal with a reason come out. Nothing is decoded here."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.media.ffmpeg import LARGEST_PICTURE_PIXELS, guarded_input, program, run

STANDARD_RATES = tuple(
    Fraction(n, d)
    for n, d in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1))
)
STEADY_RATE_TOLERANCE = Fraction(1, 500)
LARGEST_RATE = 240
_VIDEO = ("not_a_video", "The clip is not a video that can be read. Export it as mp4, mov, mkv, webm, avi or mpg.")
_SOUND = ("not_a_sound", "The voice is not a sound that can be read. Export it as wav, mp3, m4a, flac or ogg.")
SMALLEST_SIDE_PIXELS = 64


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """A video file as the engine will see it.

    width, height: px, upright as a viewer sees it (rotation applied)
    frame_rate: exact, constant; for a variable-rate file the nearest standard rate
    duration: seconds of picture
    frames: expected number of frames at `frame_rate`
    video_start: seconds from the file's first instant to the first picture
    file_start: timestamp of the file's first instant, seconds
    colour: ffmpeg's names of matrix, primaries and transfer where the file states them
    """

    width: int
    height: int
    frame_rate: Fraction
    duration: float
    frames: int
    codec: str
    has_sound: bool
    variable_rate: bool
    rotation: int
    pixel_format: str
    full_range: bool
    sample_aspect: Fraction
    video_start: float
    file_start: float
    colour: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The facts as plain values for storing."""
        return {
            **dataclasses.asdict(self),
            "frame_rate": str(self.frame_rate),
            "sample_aspect": str(self.sample_aspect),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Facts from what `as_dict` gave."""
        fractions = {name: Fraction(values[name]) for name in ("frame_rate", "sample_aspect")}
        return cls(**{**values, **fractions})


@dataclass(frozen=True, slots=True)
class VoiceFacts:
    """A sound file, or the sound of a video. duration: seconds"""

    duration: float
    sample_rate: int
    channels: int
    codec: str

    def as_dict(self) -> dict[str, Any]:
        """The facts as plain values for storing."""
        return dataclasses.asdict(self)


def probe_clip(path: Path) -> ClipFacts:
    """Facts of a video file.

    Raises UnusableInput: `unreadable`, `empty_file`, `not_a_video`, `no_video`, `too_large_picture`, `too_small_picture`,
    `no_duration`; EnvironmentFault: `ffmpeg_missing`.
    """
    report = _report(path, _VIDEO)
    pictures = [s for s in report["streams"] if s["codec_type"] == "video" and not s["disposition"].get("attached_pic")]
    if not pictures:
        raise UnusableInput("no_video", "The clip has no moving picture. Choose a video of a person speaking.")
    stream = pictures[0]
    container = report["format"]
    width, height = int(stream.get("width", 0)), int(stream.get("height", 0))
    _check_size(width, height)
    rate, variable = _frame_rate(stream)
    duration = _seconds(stream.get("duration")) or _seconds(container.get("duration"))
    if duration is None or duration <= 0 or rate is None:
        raise UnusableInput("no_duration", "The clip does not say how long it is. Export it again as mp4.")
    rotation = _rotation(stream)
    aspect = _fraction(stream.get("sample_aspect_ratio", "1:1").replace(":", "/")) or Fraction(1)
    if rotation % 180:
        width, height, aspect = height, width, 1 / aspect
    file_start = _seconds(container.get("start_time")) or 0.0
    pixel_format = stream.get("pix_fmt", "")
    return ClipFacts(
        width=width,
        height=height,
        frame_rate=rate,
        duration=duration,
        frames=round(duration * rate),
        codec=stream.get("codec_name", "unknown"),
        has_sound=any(s["codec_type"] == "audio" for s in report["streams"]),
        variable_rate=variable,
        rotation=rotation,
        pixel_format=pixel_format,
        full_range=stream.get("color_range") == "pc" or pixel_format.startswith("yuvj"),
        sample_aspect=aspect,
        video_start=(_seconds(stream.get("start_time")) or file_start) - file_start,
        file_start=file_start,
        colour={
            name: stream[key]
            for name, key in (("colorspace", "color_space"), ("color_primaries", "color_primaries"), ("color_trc", "color_transfer"))
            if stream.get(key) not in (None, "unknown", "reserved", "gbr")
        },
    )


def probe_voice(path: Path) -> VoiceFacts:
    """Facts of a sound file, or of a video's sound.

    Raises UnusableInput: `unreadable`, `empty_file`, `not_a_sound`, `no_sound`; EnvironmentFault: `ffmpeg_missing`.
    """
    report = _report(path, _SOUND)
    sounds = [s for s in report["streams"] if s["codec_type"] == "audio"]
    if not sounds:
        raise UnusableInput("no_sound", "The voice file has no sound. Choose a recording of a voice.")
    stream = sounds[0]
    duration = _seconds(stream.get("duration")) or _seconds(report["format"].get("duration"))
    if not duration or int(stream.get("sample_rate", 0)) <= 0:
        raise UnusableInput("no_sound", "The voice file has a sound track of zero length. Choose another recording.")
    return VoiceFacts(
        duration=duration,
        sample_rate=int(stream["sample_rate"]),
        channels=int(stream.get("channels", 1)),
        codec=stream.get("codec_name", "unknown"),
    )


def count_frames(path: Path) -> int:
    """Number of coded pictures in a file of our own making."""
    command = [program("ffprobe"), "-v", "error", "-select_streams", "v:0", "-count_packets"]
    result = run([*command, "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", *guarded_input(path)])
    text = result.stdout.decode().strip().strip(",")
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


def _report(path: Path, refusal: tuple[str, str]) -> dict[str, Any]:
    readable(path)
    command = [program("ffprobe"), "-v", "error", "-show_streams", "-show_format", "-of", "json", *guarded_input(path)]
    result = run(command)
    log = result.stderr.decode(errors="replace")
    try:
        report: dict[str, Any] = json.loads(result.stdout or b"{}")
    except json.JSONDecodeError as error:
        raise EnvironmentFault("ffprobe_failed", "ffprobe gave no usable answer. Reinstall ffmpeg.") from error
    streams = [s for s in report.get("streams", []) if s.get("codec_type") in ("video", "audio")]
    if "max_pixels" in log or "Picture size" in log:
        raise _too_large()
    if result.returncode != 0 or not streams:
        raise UnusableInput(*refusal)
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


def _frame_rate(stream: dict[str, Any]) -> tuple[Fraction | None, bool]:
    """The constant rate to work at, and whether the file's own rate varies."""
    average = _fraction(stream.get("avg_frame_rate", "0/0"))
    nominal = _fraction(stream.get("r_frame_rate", "0/0"))
    average = average or nominal
    if average is None:
        return None, False
    steady = nominal is not None and abs(nominal - average) <= average * STEADY_RATE_TOLERANCE
    if steady and nominal is not None and nominal <= LARGEST_RATE:
        return nominal, False
    if nominal in STANDARD_RATES and nominal < 2 * average:
        return nominal, True  # a steady camera that dropped frames: every frame kept lies on the nominal grid
    return min(STANDARD_RATES, key=lambda rate: abs(rate - average)), True


def _rotation(stream: dict[str, Any]) -> int:
    turns = [side["rotation"] for side in stream.get("side_data_list", []) if "rotation" in side]
    return int(turns[0]) % 360 if turns else int(stream.get("tags", {}).get("rotate", 0)) % 360


def _fraction(text: str) -> Fraction | None:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
