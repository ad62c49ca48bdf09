"""Which frame of the take lies under each frame of the result.

A voice is rarely as long as its take. One that is longer plays the take to and fro, again and again, or holds its end;
the places where it turns or jumps are chosen in `lipsync.joints` so that they are seen least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lipsync.errors import UnusableInput
from lipsync.joints import Joints

FrameNumbers = npt.NDArray[np.intp]

SHORTEST_PART_SECONDS = 0.5
# A player shows the last picture's time rounded up; so far behind it an end is taken for the clip's own.
END_TOLERANCE_SECONDS = 1


class Longer(StrEnum):
    """What the picture does when the voice is longer than the take."""

    BOUNCE = "bounce"
    LOOP = "loop"
    HOLD = "hold"
    CUT = "cut"


class Shorter(StrEnum):
    """What the picture does when the voice is shorter than the take."""

    CUT = "cut"
    KEEP = "keep"


_SEEN = {
    Longer.BOUNCE: ("clip_bounced", "The voice is longer than the clip, which is therefore played forwards and backwards."),
    Longer.LOOP: ("clip_looped", "The voice is longer than the clip, which is therefore played again and again."),
    Longer.HOLD: ("clip_held", "The voice is longer than the clip, whose last seconds therefore go to and fro."),
}


@dataclass(frozen=True, slots=True)
class LengthChoice:
    """What a user may choose about length. start, end: seconds of the clip that are used; None: its first, its last frame"""

    longer: Longer = Longer.BOUNCE
    shorter: Shorter = Shorter.CUT
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of the result.

    base: (T,) the take's frame under each of them
    spoken: how many of them the voice covers; in the others the mouth is at rest
    unheard: frames of the voice for which there is no picture and whose sound is left out
    """

    base: FrameNumbers
    spoken: int
    unheard: int


def frames_for(seconds: float, frame_rate: Fraction) -> int:
    """Number of frames that cover a voice of this length; a last part shorter than a tenth of a frame is let go."""
    return max(1, math.ceil(seconds * frame_rate - Fraction(1, 10)))


def length_choice(
    longer: str = Longer.BOUNCE, shorter: str = Shorter.CUT, start: float | None = None, end: float | None = None
) -> LengthChoice:
    """A choice from plain values, as they come from a form or a command line.

    Raises UnusableInput (`unknown_length_mode`).
    """
    for value, known in ((longer, Longer), (shorter, Shorter)):
        if value not in list(known):
            raise UnusableInput(
                "unknown_length_mode", f"The way to fill the length is unknown. Choose one of: {', '.join(known)}."
            )
    return LengthChoice(Longer(longer), Shorter(shorter), start, end)


def chosen_part(choice: LengthChoice, frames: int, frame_rate: Fraction) -> range:
    """Frames of the clip that are used.

    frames: in the clip
    Raises UnusableInput: `start_outside_clip`, `end_outside_clip`, `part_too_short`.
    """
    length = frames / frame_rate
    start = 0.0 if choice.start is None else choice.start
    end = float(length) if choice.end is None else choice.end
    if not (math.isfinite(start) and 0 <= start < length):
        raise UnusableInput(
            "start_outside_clip",
            f"The start must lie within the clip, which lasts {float(length):.1f} s. Choose another start.",
        )
    if not (math.isfinite(end) and 0 < end <= length + END_TOLERANCE_SECONDS):
        raise UnusableInput(
            "end_outside_clip", f"The end must lie within the clip, which lasts {float(length):.1f} s. Choose another end."
        )
    first, last = _nearest(start, frame_rate), min(frames, _nearest(end, frame_rate))
    whole = choice.start is None and choice.end is None
    if last - first < (1 if whole else SHORTEST_PART_SECONDS * frame_rate):
        raise UnusableInput(
            "part_too_short", "The part chosen is shorter than half a second. Choose a later end or an earlier start."
        )
    return range(first, last)


def fill(voice_frames: int, choice: LengthChoice, part: range, joints: Joints) -> Timeline:
    """Base frames for a voice of so many frames.

    part: from `chosen_part`; joints: from `find_joints` on the same part
    """
    if voice_frames <= len(part):
        count = len(part) if choice.shorter is Shorter.KEEP else voice_frames
        return Timeline(np.arange(part.start, part.start + count, dtype=np.intp), voice_frames, 0)
    if choice.longer is Longer.CUT:
        return Timeline(np.arange(part.start, part.stop, dtype=np.intp), len(part), voice_frames - len(part))
    return Timeline(_longer(voice_frames, choice.longer, part.start, joints), voice_frames, 0)


def notice(timeline: Timeline, choice: LengthChoice, part: range, frame_rate: Fraction) -> tuple[str, str] | None:
    """Code and sentence for the user where the voice's length asked for something that can be seen or heard."""
    if timeline.unheard:
        return (
            "voice_cut",
            f"The voice is longer than the clip and was cut at {float(len(timeline.base) / frame_rate):.1f} s. "
            "Choose another way to fill the length to hear all of it.",
        )
    return None if timeline.spoken <= len(part) else _SEEN[choice.longer]


def bounce(count: int, length: int) -> FrameNumbers:
    """(count,) 0, 1, ... length - 1, length - 2, ... 0, 1, ...: to and fro without showing an end twice."""
    if length == 1:
        return np.zeros(count, dtype=np.intp)
    phase = np.arange(count) % (2 * (length - 1))
    return np.where(phase < length, phase, 2 * (length - 1) - phase).astype(np.intp)


def _longer(count: int, mode: Longer, start: int, joints: Joints) -> FrameNumbers:
    """The first pass begins at the chosen start; what follows goes between the joints."""
    low, high = {
        Longer.BOUNCE: (joints.low.frame, joints.high.frame),
        Longer.LOOP: (joints.loop.enters, joints.loop.leaves),
        Longer.HOLD: (joints.hold_low.frame, joints.hold_high.frame),
    }[mode]
    once = np.arange(start, min(high + 1, start + count), dtype=np.intp)
    rest, length = count - len(once), high - low + 1
    if mode is Longer.LOOP:
        return np.concatenate([once, low + np.arange(rest, dtype=np.intp) % length])
    return np.concatenate([once, high - bounce(rest + 1, length)[1:]])


def _nearest(seconds: float, frame_rate: Fraction) -> int:
    return math.floor(Fraction(seconds) * frame_rate + Fraction(1, 2))
