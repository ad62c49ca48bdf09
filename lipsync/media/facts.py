"""What a file is, as the engine will see it, and what the user should know of what is changed on the way in."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

HDR_NAMES = {"pq": "PQ", "hlg": "HLG"}
_FRACTIONS = ("frame_rate", "sample_aspect")
_FINER_COLOUR = ("422", "444", "440", "rgb", "bgr", "gbr")


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """A video file as the engine will see it.

    width, height: px, upright as a viewer sees it (rotation applied)
    frame_rate: exact, constant; for a variable-rate file the nearest standard rate, never above 60
    duration: seconds of picture
    frames: expected number of frames at `frame_rate`
    full_range, colour: of the frames worked on. colour has ffmpeg's names of matrix, primaries and transfer where the
        file states them; HDR pictures enter as BT.709 in limited range
    video_start: seconds from the file's first instant to the first picture
    file_start: timestamp of the file's first instant, seconds
    first_timestamp: what the decoder says of the first picture, seconds; where the grid of frames begins
    container: ffmpeg's name of the file's format
    bit_depth: bits per sample in the file; frames have 8
    hdr: "pq" or "hlg" (ITU-R BT.2100), "bt2020" for wide gamut in standard range, or ""
    field_order: "tff" or "bff" where pictures are made of two fields with the top or bottom one first, or ""
    picture_step: of every so many pictures in the file one is used
    creation_time: when the clip was filmed, ISO 8601 in UTC, or ""
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
    first_timestamp: float = 0.0
    container: str = ""
    bit_depth: int = 8
    hdr: str = ""
    field_order: str = ""
    picture_step: int = 1
    creation_time: str = ""

    @property
    def interlaced(self) -> bool:
        """Whether the file's pictures are made of two fields."""
        return bool(self.field_order)

    def as_dict(self) -> dict[str, Any]:
        """The facts as plain values for storing."""
        return {**dataclasses.asdict(self), **{name: str(getattr(self, name)) for name in _FRACTIONS}}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Facts stored by `as_dict`. Raises ValueError when the values are not those of a clip."""
        try:
            return cls(**{**values, **{name: Fraction(values[name]) for name in _FRACTIONS}})
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise ValueError("these are not the facts of a clip") from error


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


@dataclass(frozen=True, slots=True)
class SoundEntry:
    """What must be known of a file's first sound to decode it.

    floating: samples are stored as floating-point numbers, which may be none
    late: seconds from the file's first instant to the sound's, where decoding the sound alone would leave them out
    """

    channels: int
    floating: bool
    late: float


def even_size(facts: ClipFacts) -> tuple[int, int]:
    """Width and height worked at: 4:2:0 needs both even, so an odd last column or row is dropped."""
    return facts.width // 2 * 2, facts.height // 2 * 2


def intake_notices(facts: ClipFacts) -> list[str]:
    """Sentences about what is changed on the way in; none for a clip whose samples enter as they are."""
    rate = f"{float(facts.frame_rate):.5g}"
    notices = []
    if facts.variable_rate:
        notices.append(f"The clip's frame rate varies; it is made constant at {rate} frames per second.")
    if facts.picture_step > 1:
        filmed = f"{float(facts.frame_rate * facts.picture_step):.5g}"
        notices.append(f"The clip was filmed at {filmed} frames per second; the result has {rate}.")
    if facts.hdr in HDR_NAMES:
        notices.append(f"The clip is HDR ({HDR_NAMES[facts.hdr]}); its colours are converted to standard range (BT.709).")
    elif facts.hdr:
        notices.append("The clip has wide colours (BT.2020); they are converted to BT.709.")
    if facts.interlaced:
        notices.append("The clip is interlaced; its fields are joined into whole pictures at the same frame rate.")
    if facts.bit_depth > 8:
        notices.append(f"The clip has {facts.bit_depth} bits per sample; the result has 8.")
    if any(name in facts.pixel_format for name in _FINER_COLOUR):
        notices.append("The clip's colour is stored more finely than the result's, which is 4:2:0.")
    if (facts.width, facts.height) != even_size(facts):
        width, height = even_size(facts)
        notices.append(f"The clip's size is odd; its last column or row is dropped, which leaves {width} x {height}.")
    return notices
