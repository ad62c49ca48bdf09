"""The hardest seconds of a video, for a look before the whole is made: the plan goes in, a part of it comes out.

What is shown of a part is what the whole will show there: the plan is made over the whole voice, and only then cut.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync.errors import UnusableInput
from lipsync.faces.pose import DoubleArray
from lipsync.media import Frame
from lipsync.painting import FrameSource, Painter
from lipsync.plan import Plan

# A part nearly as hard as the hardest that begins in a pause is easier to judge than one that begins within a word.
NEARLY = 0.9
SHORTEST_SECONDS = 0.5


def frames_of(seconds: float | None, frame_rate: Fraction) -> int | None:
    """How many frames so many seconds are; None for the whole video. Raises UnusableInput (`excerpt_too_short`)."""
    if seconds is None:
        return None
    if not SHORTEST_SECONDS <= seconds < math.inf:
        raise UnusableInput("excerpt_too_short", "A draft lasts half a second or longer. Choose a longer one.")
    return round(Fraction(seconds) * frame_rate)


def hardest(plan: Plan, count: int) -> range:
    """The `count` frames in which most can go wrong, all of them where there are no more."""
    if count >= len(plan):
        return range(len(plan))
    sums = np.concatenate([[0.0], np.cumsum(hardness(plan))])
    windows = sums[count:] - sums[:-count]
    good = np.flatnonzero(windows >= NEARLY * windows.max())
    first = int(good[np.lexsort((-windows[good], -plan.mouth.still[good]))[0]])
    return range(first, first + count)


def hardness(plan: Plan) -> DoubleArray:
    """(T,) how much there is to go wrong in each frame.

    1 each for the mean movement of a speaking mouth, for a mouth that must be made, for going into a gap or out of one, for a
    mouth that is asked to speak but cannot be changed, and for a place where the take turns or jumps.
    """
    speaks = 1.0 - plan.mouth.still.astype(np.float64)
    moved = _changes(plan.mouth.values[:, 0].astype(np.float64)) * speaks
    steps = np.diff(plan.base.astype(np.int64), prepend=plan.base[:1] - 1)
    turned = np.abs(np.diff(steps, prepend=steps[:1])) > 0
    strength = plan.strength.astype(np.float64)
    mean = float(moved.mean())
    movement = moved / mean if mean > 0 else moved
    return np.asarray(movement + plan.synthetic + _changes(strength) + (1.0 - strength) * speaks + turned)


def part_of(plan: Plan, frames: range) -> Plan:
    """The plan of these frames alone."""
    some = slice(frames.start, frames.stop)
    mouth, strength, synthetic = plan.mouth.part(some), plan.strength[some], plan.synthetic[some]
    return Plan(plan.base[some], mouth, strength, plan.mouths[some], plan.shares[some], synthetic)


@dataclass(frozen=True, slots=True)
class PartPainter:
    """Paints a part of a plan whose painter knows all of it; see `painting.Painter`. first: the whole's frame it begins with"""

    painter: Painter
    first: int

    def paint(self, reader: FrameSource, first: int, last: int) -> Generator[Frame, None, None]:
        """See `Painter`."""
        return self.painter.paint(reader, self.first + first, self.first + last)


def _changes(values: DoubleArray) -> DoubleArray:
    return np.asarray(np.abs(np.diff(values, prepend=values[:1])))
