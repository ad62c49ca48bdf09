"""A finished video's timeline as a drawing: the engine's rows of numbers go in, the paths of an SVG come out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from projects.pages import grades

# The drawing's own units: the voice above, the mouth below it, speech as a bar at the foot.
WIDTH, HEIGHT = 1000.0, 112.0
VOICE_MIDDLE, VOICE_HALF = 24.0, 22.0
MOUTH_FOOT, MOUTH_HEIGHT, WIDEST_PERCENT = 102.0, 48.0, 120.0
SHORTEST_TOLD_SECONDS = 0.3
ROWS_TOLD = 200


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the drawing: where it begins and how wide it is. words: what is the matter"""

    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """A stretch in words. start, end: seconds"""

    start: float
    end: float
    words: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths in a box of WIDTH x HEIGHT, and lanes below it that add up to `height`.

    rows: the same for whoever does not see it; told: JSON for the page's script
    """

    voice: str
    wanted: str
    painted: str
    speech: tuple[Bar, ...]
    passed: tuple[Bar, ...]
    lanes: tuple[grades.Lane, ...]
    weak: tuple[grades.Moment, ...]
    rows: tuple[Told, ...]
    told: str

    @property
    def height(self) -> float:
        """Of the drawing with its lanes."""
        return HEIGHT + (grades.GAP + len(self.lanes) * grades.LANE_HEIGHT if self.lanes else 0)


def drawn(told: dict[str, Any], duration: float) -> Drawing:
    """The drawing of a video of so many seconds."""
    passed = [(start, end, reason_words(reason)) for start, end, reason in told["passed"]]
    speech = [(start, end, _("Speech")) for start, end in told["speech"]]
    words = {reason: reason_words(reason) for _start, _end, reason in told["passed"]}
    weak = grades.weak_moments(told.get("quality"))
    moments = [(moment.start, moment.end, moment.words) for moment in weak]
    return Drawing(
        voice=_voice(told["loudness"]),
        wanted=_lines(told["wanted"]),
        painted=_areas(told["painted"]),
        speech=tuple(_bar(*stretch, duration) for stretch in speech),
        passed=tuple(_bar(*stretch, duration) for stretch in passed),
        lanes=grades.lanes(told.get("quality")),
        weak=tuple(weak),
        rows=_rows([*passed, *speech, *moments]),
        told=json.dumps({**told, "words": words, "weak": moments}, separators=(",", ":")),
    )


def reason_words(reason: str) -> str:
    """Why the take's own mouth is shown."""
    return {
        "no_face": _("No face to be seen"),
        "turned": _("The head is turned away"),
        "small": _("The face is too small"),
        "off_picture": _("The mouth is outside the picture"),
        "covered": _("Something covers the mouth"),
    }.get(reason, _("The take as it is"))


def _rows(stretches: list[tuple[float, float, str]]) -> tuple[Told, ...]:
    long = (Told(*stretch) for stretch in sorted(stretches) if stretch[1] - stretch[0] >= SHORTEST_TOLD_SECONDS)
    return tuple(long)[:ROWS_TOLD]


def _bar(start: float, end: float, words: str, duration: float) -> Bar:
    return Bar(round(start / duration * WIDTH, 2), round((end - start) / duration * WIDTH, 2), words)


def _voice(loudness: Sequence[int]) -> str:
    """The voice as a band about its middle."""
    places = _places(len(loudness))
    above = [f"{x} {VOICE_MIDDLE - value / 100 * VOICE_HALF:.1f}" for x, value in zip(places, loudness, strict=True)]
    below = [f"{x} {VOICE_MIDDLE + value / 100 * VOICE_HALF:.1f}" for x, value in zip(places, loudness, strict=True)]
    return f"M{'L'.join(above)}L{'L'.join(reversed(below))}Z" if above else ""


def _lines(values: Sequence[int | None]) -> str:
    """A line through the values, broken where there is none."""
    return "".join(f"M{'L'.join(points)}" for points in _stretches(values))


def _areas(values: Sequence[int | None]) -> str:
    """What lies below that line."""
    return "".join(
        f"M{points[0].split()[0]} {MOUTH_FOOT}L{'L'.join(points)}L{points[-1].split()[0]} {MOUTH_FOOT}Z"
        for points in _stretches(values)
    )


def _stretches(values: Sequence[int | None]) -> Iterable[list[str]]:
    placed = zip(_places(len(values)), values, strict=True)
    for is_there, stretch in groupby(placed, key=lambda pair: pair[1] is not None):
        if is_there:
            yield [f"{x} {MOUTH_FOOT - (value or 0) / WIDEST_PERCENT * MOUTH_HEIGHT:.1f}" for x, value in stretch]


def _places(count: int) -> list[float]:
    """Where the middle of each of so many points lies."""
    return [round((number + 0.5) / count * WIDTH, 1) for number in range(count)]
