"""What goes into a render and what comes out, whatever the engine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from lipsync.errors import UnusableInput
from lipsync.media import Encoding, SoundChoice

ENGINES = ("resynth", "wav2lip")
ENHANCERS = ("gfpgan",)
TRACKERS = ("mediapipe", "fan")
# Where networks run, a regular expression, and how exactly.
DEVICES = r"auto|cpu|cuda:\d{1,2}"
PRECISIONS = ("auto", "fp32", "fp16", "bf16")


@dataclass(frozen=True, slots=True)
class SpeakerPoint:
    """Where the speaker is in the picture. x, y: 0 to 1 of the upright picture from the left and the top; at: seconds

    Raises UnusableInput (`bad_point`).
    """

    x: float
    y: float
    at: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1 and 0 <= self.at < math.inf):
            raise _bad_point()

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """The point that two or three numbers say, which may be text. Raises UnusableInput (`bad_point`)."""
        try:
            return cls(*(float(value) for value in values))
        except (TypeError, ValueError) as error:
            raise _bad_point() from error


def _bad_point() -> UnusableInput:
    return UnusableInput(
        "bad_point",
        "The place of the speaker is given as X,Y or X,Y,SECONDS, with X and Y from 0 to 1. Choose it again.",
    )


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What a user may choose.

    sound: what is done to the voice before it is heard; nothing unless chosen
    measure: look at some frames as they are painted and report how well the mouth follows what was wanted, see `quality`
    overview: report what happens when in the video, see `overview.Overview`
    longer: what the picture does when the voice is longer than the clip: bounce, loop, hold or cut
    shorter: when it is shorter: cut, or keep the rest of the clip with the mouth at rest
    start, end: the part of the clip to use, seconds; None is its start, its end
    point: where the speaker is; None lets the engine tell
    excerpt: make only the hardest so many seconds, see `excerpt.hardest`; None makes the whole video
    cache: folder in which analyses are kept; None keeps none
    segments: folder in which finished segments are kept for the next try; None keeps none
    workers: processes that render; 0 uses the machine's cores
    engine: one of `ENGINES`; enhancer: one of `ENHANCERS`, which restores the mouths, or none; tracker: one of `TRACKERS`
    weights: name of the engine's weights, empty for the first that are installed
    device, precision: where networks run and how exactly, see `networks.device`
    """

    encoding: Encoding = field(default_factory=Encoding)
    sound: SoundChoice = field(default_factory=SoundChoice)
    measure: bool = False
    overview: bool = False
    longer: str = "bounce"
    shorter: str = "cut"
    start: float | None = None
    end: float | None = None
    point: SpeakerPoint | None = None
    excerpt: float | None = None
    cache: Path | None = None
    segments: Path | None = None
    workers: int = 0
    engine: str = "resynth"
    enhancer: str = ""
    tracker: str = "mediapipe"
    weights: str = ""
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What a render made.

    duration: seconds; frame_rate: exact, as text; timings: seconds per stage
    quality: named figures, see docs/engine.md; None where a figure cannot be told
    notices: sentences for the user about what limits this result
    overview: what happens when, where it was asked for: the fields of `overview.Overview`
    """

    output: str
    duration: float
    frames: int
    width: int
    height: int
    frame_rate: str
    size: int
    sha256: str
    timings: dict[str, float]
    quality: dict[str, float | None]
    notices: list[str]
    overview: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


class Reporter(Protocol):
    """Who is told what happens during a render."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """So many of so many frames of this stage are done. Called for every frame."""

    def segments(self, done: int, total: int, task: Path | None) -> None:
        """So many of so many segments are whole; task: the file by which other engines can help, see `spreading.assist`."""

    def note(self, level: str, message: str) -> None:
        """Something worth a line in the log; level: info, warning or error."""


class SilentReporter:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """See `Reporter`."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """See `Reporter`."""

    def segments(self, done: int, total: int, task: Path | None) -> None:
        """See `Reporter`."""

    def note(self, level: str, message: str) -> None:
        """See `Reporter`."""
