"""The preflight card: what is known of a take before any render, and whether it can be used. Plain values, storable."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

BAR_CHARACTERS = 60


class Verdict(StrEnum):
    """Whether the take can be used."""

    READY = "ready"
    WARNINGS = "warnings"
    REFUSED = "refused"


class Severity(StrEnum):
    """How much a finding weighs. A note changes no verdict."""

    REFUSAL = "refusal"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the clip in seconds. reason: of a gap, see `gate.REASONS`; empty elsewhere"""

    start: float
    end: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. code: stable; sentence: the reason and what to film instead; places: where in the clip"""

    code: str
    severity: Severity
    sentence: str
    places: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """A course over time in at most 200 values: the first at `start` seconds, then one every `step`; None: no face there"""

    start: float
    step: float
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class LoopPoints:
    """Where a voice longer than the take turns or jumps, seconds.

    turn_back, turn_forth: near the end and near the start; *_moved: IOD per frame at which the head goes back there
    loop_from, loop_to: the jump of a loop; loop_moved: IOD, loop_turned: degrees by which the head jumps
    """

    turn_back: float
    turn_back_moved: float
    turn_forth: float
    turn_forth_moved: float
    loop_from: float
    loop_to: float
    loop_moved: float
    loop_turned: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured over the part of the clip that is used. None: could not be told.

    part: seconds; coverage: share of frames in which the mouth can be changed
    gaps: where the clip passes unchanged; usable_part: the longest stretch without cut or longer gap
    yaw: degrees; size: distance between the eyes, px; size_median: the same; opening: of the lips, IOD
    sharpness: of the lips, log; about 2 in a crisp take, below 1 blurred; light: mean of nose and cheeks, 0 to 255
    richness: how much of the shapes a good half minute shows are there, 0 to 1; movement: range of the lips' opening, IOD
    sound: `own`, `unmatched`, `silent` or `none`; sound_offset: seconds the sound lies behind the picture; sound_match: 0 to 1
    faces: most faces seen at once; speaker: how one was chosen; cuts: seconds
    """

    part: Span
    coverage: float
    gaps: tuple[Span, ...]
    usable_part: Span | None
    yaw: Series
    size: Series
    opening: Series
    size_median: float | None
    sharpness: float | None
    light: float | None
    richness: float | None
    movement: float | None
    sound: str
    sound_offset: float | None
    sound_match: float | None
    faces: int
    speaker: str
    cuts: tuple[float, ...]
    width: int
    height: int
    frame_rate: str
    variable_rate: bool
    loop_points: LoopPoints | None


@dataclass(frozen=True, slots=True)
class Card:
    """The verdict on a take, why, and the figures."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    figures: Figures

    @property
    def refusal(self) -> Finding | None:
        """Why the take is refused, or None."""
        return next((finding for finding in self.findings if finding.severity is Severity.REFUSAL), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The card again, from `as_dict` or its JSON."""
        findings = (
            Finding(found["code"], Severity(found["severity"]), found["sentence"], _spans(found["places"]))
            for found in values["findings"]
        )
        figures = dict(values["figures"])
        usable, loop = figures["usable_part"], figures["loop_points"]
        figures |= {
            "part": Span(**figures["part"]),
            "gaps": _spans(figures["gaps"]),
            "usable_part": usable and Span(**usable),
            "yaw": _series(figures["yaw"]),
            "size": _series(figures["size"]),
            "opening": _series(figures["opening"]),
            "cuts": tuple(figures["cuts"]),
            "loop_points": loop and LoopPoints(**loop),
        }
        return cls(Verdict(values["verdict"]), tuple(findings), Figures(**figures))


def card_in_words(card: Card) -> str:
    """The card for a terminal: verdict, a bar of the take, findings with their places, figures."""
    figures = card.figures
    part = figures.part
    head = {Verdict.READY: "ready", Verdict.WARNINGS: "ready, with warnings", Verdict.REFUSED: "refused"}[card.verdict]
    lines = [head, f"  {_bar(figures)}  {part.start:.1f} to {part.end:.1f} s, {figures.coverage:.0%} usable"]
    lines += [""] * bool(card.findings)
    for finding in card.findings:
        places = ", ".join(f"{span.start:.1f}-{span.end:.1f}" for span in finding.places[:8])
        more = f" and {len(finding.places) - 8} more" if len(finding.places) > 8 else ""
        lines.append(f"  {finding.severity} {finding.code}: {finding.sentence}" + (f" ({places} s{more})" if places else ""))
    rows = {
        "picture": f"{figures.width} x {figures.height}, {figures.frame_rate} frames/s" + ", varying" * figures.variable_rate,
        "face": _measured(figures.size_median, "{:.0f} px between the eyes"),
        "sharpness": _measured(figures.sharpness, "{:.2f}"),
        "light": _measured(figures.light, "{:.0f} of 255"),
        "mouth shapes": _measured(figures.richness, "{:.0%} of what a good half minute shows"),
        "own sound": f"{figures.sound}, " + _measured(figures.sound_match, "match {:.2f}, ") + _offset(figures.sound_offset),
        "faces": f"{figures.faces}, speaker: {figures.speaker}",
        "loop points": _loop_points(figures.loop_points),
    }
    width = max(map(len, rows))
    lines += ["", *(f"  {name:<{width}}  {value.strip(', ')}" for name, value in rows.items() if value)]
    return "\n".join(lines) + "\n"


def _bar(figures: Figures) -> str:
    """The part from left to right: # where the mouth can be changed, / where the clip passes, | at cuts."""
    part, cells = figures.part, ["#"] * BAR_CHARACTERS
    per_second = BAR_CHARACTERS / max(1e-9, part.end - part.start)

    def cell(second: float) -> int:
        return min(BAR_CHARACTERS - 1, max(0, int((second - part.start) * per_second)))

    for gap in figures.gaps:
        first, last = cell(gap.start), cell(gap.end - 1e-6)
        cells[first : last + 1] = "/" * (last - first + 1)
    for cut in figures.cuts:
        cells[cell(cut)] = "|"
    return "".join(cells)


def _loop_points(points: LoopPoints | None) -> str:
    if points is None:
        return ""
    turns = f"turns at {points.turn_forth:.1f} and {points.turn_back:.1f} s"
    return f"{turns}; loops from {points.loop_from:.1f} back to {points.loop_to:.1f} s ({points.loop_moved:.2f} IOD apart)"


def _measured(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _offset(seconds: float | None) -> str:
    if seconds is None:
        return ""
    milliseconds = round(1000 * seconds)
    if not milliseconds:
        return "in time with the picture"
    return f"{abs(milliseconds)} ms {'behind' if milliseconds > 0 else 'before'} the picture"


def _spans(values: Any) -> tuple[Span, ...]:
    return tuple(Span(**span) for span in values)


def _series(values: dict[str, Any]) -> Series:
    return Series(values["start"], values["step"], tuple(values["values"]))
