"""How well a video came out, over time: the engine's rows of percents go in; lanes of bars and weak moments come out.

A bar says its verdict by its height before its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from projects.pages.figures import verdict

# The drawing's own units: a lane has its name above and its bars at the foot.
WIDTH, GAP, LANE_HEIGHT, LANE_FOOT = 1000.0, 4.0, 27.0, 24.0
HEIGHTS = {"good": 3.0, "fair": 6.0, "poor": 11.0}
# Percent from which a moment is good and from which it is fair. Of flicker less is better.
LIMITS = {"sync": (60, 40), "sharpness": (85, 65), "flicker": (-150, -225)}


@dataclass(frozen=True, slots=True)
class Block:
    """A bar of a lane. verdict: good, fair or poor"""

    x: float
    y: float
    width: float
    height: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One row. top: where it begins, below the drawing above it; means: what it says, for whoever asks"""

    name: str
    means: str
    top: float
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch that is not good. start, end: seconds; words: what is the matter and by how much"""

    start: float
    end: float
    words: str


def lanes(rows: dict[str, Any] | None) -> tuple[Lane, ...]:
    """The lanes of what was measured; none for a video of an earlier release."""
    if not rows:
        return ()
    said = {
        "sync": (_("Mouth in step"), _("How much of the movement asked for the mouth makes: 100 % is all of it, 0 % is none.")),
        "sharpness": (_("Sharp lips"), _("How sharp the lips are, compared with the take: 100 % is as sharp.")),
        "flicker": (_("Steady lips"), _("How much the lips flicker: 100 % is as in the take, 200 % is twice as much.")),
    }
    kept = [name for name in said if any(value is not None for value in rows[name])]
    return tuple(
        Lane(*said[name], place * LANE_HEIGHT, tuple(_blocks(name, rows[name], place * LANE_HEIGHT)))
        for place, name in enumerate(kept)
    )


def weak_moments(rows: dict[str, Any] | None) -> list[Moment]:
    """Every stretch in which a row is not good, in order."""
    if not rows:
        return []
    found: list[Moment] = []
    for name in LIMITS:
        weak = ["weak" if _verdict(name, value) in ("fair", "poor") else "" for value in rows[name]]
        for first, last, is_weak in _stretches(weak):
            if is_weak:
                worst = max(rows[name][first:last]) if name == "flicker" else min(rows[name][first:last])
                start, end = round(first * rows["step"], 2), round(last * rows["step"], 2)
                found.append(Moment(start, end, _("%(what)s (%(value)d %%)") % {"what": _words(name, worst), "value": worst}))
    return sorted(found, key=lambda moment: (moment.start, moment.end))


def _words(name: str, value: int) -> str:
    is_poor = _verdict(name, value) == "poor"
    return {
        "sync": _("The mouth hardly follows") if is_poor else _("The mouth follows less closely"),
        "sharpness": _("The lips are clearly softer") if is_poor else _("The lips are a little softer"),
        "flicker": _("The lips flicker") if is_poor else _("The lips flicker a little"),
    }[name]


def _blocks(name: str, values: Sequence[int | None], top: float) -> list[Block]:
    blocks = []
    for first, last, found in _stretches([_verdict(name, value) for value in values]):
        if found:
            height, unit = HEIGHTS[found], WIDTH / len(values)
            blocks.append(
                Block(round(first * unit, 2), top + LANE_FOOT - height, round((last - first) * unit, 2), height, found)
            )
    return blocks


def _verdict(name: str, value: int | None) -> str:
    """Good, fair or poor; empty where nothing is known."""
    if value is None:
        return ""
    good, fair = LIMITS[name]
    return verdict(-value if name == "flicker" else value, good=good, fair=fair)


def _stretches(values: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first, end, value) of each run of the same value."""
    found, first = [], 0
    for value, run in groupby(values):
        end = first + len(list(run))
        found.append((first, end, value))
        first = end
    return found
