"""Where a take may be turned round, jumped back in, or held, so that it is seen least: head motion per frame goes in.

The idea of matched poses is that of Video Textures (Schoedl, Szeliski, Salesin and Essa, SIGGRAPH 2000): a transition
is as visible as the difference between the frame that is shown and the frame that should have come. The mouth does not
count, since it is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from lipsync.faces.pose import DoubleArray

WINDOW_SHARE, WINDOW_SECONDS = 0.15, 2.0
# A loop shall show so much of the take, and in no case less than the smaller share; each tenth that is missing costs so
# many visible steps, so that a shorter loop must jump much less.
LOOP_SHARE, SMALLEST_LOOP_SHARE, STEPS_PER_MISSING_TENTH = 0.6, 0.4, 1.5
LOOP_WINDOW_SECONDS = 20.0
MOST_LOOP_CANDIDATES = 600
HOLD_SECONDS = (2.0, 3.0)
# Landmarks tremble by as much as a quiet head moves; a turn is judged on motion without that.
SMOOTHING_SECONDS = 0.06

# One step that an attentive viewer begins to see: IOD of place, degrees of turn, share of size, grey levels.
PLACE_STEP, DEGREES_STEP, SIZE_STEP, GREY_STEP = 0.02, 1.0, 0.01, 2.0
# In a gap or at the wrong side of a cut: worse than any motion, yet still comparable when there is nothing else.
FORBIDDEN = 1e3
# Of two equally quiet places the outer one, which shows more of the take: cost of a whole window.
INWARD = 0.3


@dataclass(frozen=True, slots=True)
class HeadMotion:
    """How the take looks from frame to frame, as far as a turn or a jump would show it. Frames without a face repeat another.

    centre: (n, 2) px, a fixed point of the head; iod: (n,) px; angles: (n, 3) yaw, pitch, roll in degrees
    usable: (n,) bool, false in gaps; shots: (n,) integers, equal within a shot
    pictures: (n, h, w) uint8 small grey pictures of the whole frame, see `glance.tiny_picture`; None: not known
    """

    centre: DoubleArray
    iod: DoubleArray
    angles: DoubleArray
    usable: npt.NDArray[np.bool_]
    shots: npt.NDArray[np.intp]
    pictures: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A frame at which play turns round. moved: IOD, turned: degrees, per frame, at which the head then goes back"""

    frame: int
    moved: float
    turned: float


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump from frame `leaves` to frame `enters`, beyond the head's own motion. moved: IOD; turned: degrees"""

    leaves: int
    enters: int
    moved: float
    turned: float


@dataclass(frozen=True, slots=True)
class Joints:
    """The best places of a part of the take.

    low, high: turns near its start and its end; loop: jump from its end back to its start
    hold_low, hold_high: turns of a short quiet span near its end
    """

    low: Turn
    high: Turn
    loop: Jump
    hold_low: Turn
    hold_high: Turn


def find_joints(motion: HeadMotion, part: range, frames_per_second: float) -> Joints:
    """Choose the joints of the frames in `part`."""
    looks = _Looks(motion, part, frames_per_second)
    window = max(1, round(min(WINDOW_SHARE * len(part), WINDOW_SECONDS * frames_per_second)))
    first, last = looks.inner()
    reach = min(window, last - first + 1)
    inward = INWARD * np.arange(reach) / reach
    low = first + int(np.argmin(looks.reversal[first : first + reach] + inward))
    high = last - int(np.argmin(looks.reversal[last - reach + 1 : last + 1][::-1] + inward))
    low, high = min(low, high), max(low, high)
    hold_low, hold_high = _quiet_span(looks, last, window)
    turns = [looks.turn(place) for place in (low, high, hold_low, hold_high)]
    return Joints(turns[0], turns[1], _best_loop(looks), turns[2], turns[3])


class _Looks:
    """Frames of a part as places in a space whose unit is a just visible step."""

    def __init__(self, motion: HeadMotion, part: range, frames_per_second: float) -> None:
        self.start, self.count, self.rate = part.start, len(part), frames_per_second
        inside = np.s_[part.start : part.stop]
        self.usable, self.shots = motion.usable[inside], motion.shots[inside]
        unit = float(np.median(motion.iod[inside]))
        columns = [motion.centre[inside] / unit / PLACE_STEP, motion.angles[inside] / DEGREES_STEP]
        columns.append(np.log(np.maximum(motion.iod[inside], 1))[:, None] / SIZE_STEP)
        self.pictures = None if motion.pictures is None else motion.pictures[inside]
        self.places = np.concatenate(columns, axis=1)
        edges = np.flatnonzero(np.diff(self.shots)) + 1
        self.spans = [range(a, b) for a, b in zip([0, *edges], [*edges, self.count], strict=True)]
        self.step = np.zeros_like(self.places)
        for span in self.spans:
            here = np.s_[span.start : span.stop]
            self.places[here] = gaussian_filter1d(
                self.places[here], SMOOTHING_SECONDS * frames_per_second, axis=0, mode="nearest"
            )
            if len(span) > 1:
                self.step[here] = np.gradient(self.places[here], axis=0)
        self.reversal = np.linalg.norm(self.step, axis=1) + self._picture_change() + np.where(self.usable, 0, FORBIDDEN)

    def _picture_change(self) -> DoubleArray:
        change = np.zeros(self.count)
        if self.pictures is None:
            return change
        for first in range(1, self.count, 1000):
            block = self.pictures[first - 1 : first + 1000].astype(np.float32)
            change[first : first + len(block) - 1] = np.sqrt((np.diff(block, axis=0) ** 2).mean(axis=(1, 2))) / GREY_STEP
        change[1:][np.diff(self.shots) != 0] = 0
        return np.maximum(change, np.append(change[1:], 0))

    def inner(self) -> tuple[int, int]:
        """First and last frame that are usable, or of the whole part where none is."""
        known = np.flatnonzero(self.usable)
        return (int(known[0]), int(known[-1])) if len(known) else (0, self.count - 1)

    def turn(self, place: int) -> Turn:
        step = self.step[place]
        return Turn(
            self.start + place,
            round(float(np.linalg.norm(step[:2])) * PLACE_STEP, 4),
            round(float(np.linalg.norm(step[2:5])) * DEGREES_STEP, 3),
        )

    def jump(self, leaves: int, enters: int) -> Jump:
        off = self.places[enters] - self.places[leaves] - self.step[leaves]
        return Jump(
            self.start + leaves,
            self.start + enters,
            round(float(np.linalg.norm(off[:2])) * PLACE_STEP, 4),
            round(float(np.linalg.norm(off[2:5])) * DEGREES_STEP, 3),
        )


def _best_loop(looks: _Looks) -> Jump:
    """The jump back that is seen least, within the shot that shows the face longest."""
    within = max(looks.spans, key=lambda span: int(looks.usable[span.start : span.stop].sum()))
    reach = max(1, round(min((1 - SMALLEST_LOOP_SHARE) * len(within), LOOP_WINDOW_SECONDS * looks.rate)))
    stride = -(-reach // MOST_LOOP_CANDIDATES)
    enters = np.arange(within.start, within.start + reach, stride)
    leaves = np.arange(within.stop - reach, within.stop, stride)
    # Play goes on where `leaves` would have gone, at the speed it had.
    cost = np.sqrt(
        _squares(looks.places[leaves] + looks.step[leaves], looks.places[enters])
        + _squares(looks.step[leaves], looks.step[enters])
    )
    if looks.pictures is not None:
        after = np.minimum(leaves + 1, within.stop - 1)
        flat = looks.pictures.reshape(looks.count, -1)
        squares = _squares(flat[after].astype(np.float64), flat[enters].astype(np.float64))
        cost = cost + np.sqrt(squares / flat.shape[1]) / GREY_STEP
    cost += FORBIDDEN * (~looks.usable[leaves][:, None] | ~looks.usable[enters])
    share = (leaves[:, None] - enters + 1) / len(within)
    cost += np.maximum(LOOP_SHARE - share, 0) * 10 * STEPS_PER_MISSING_TENTH + np.where(
        share < SMALLEST_LOOP_SHARE, FORBIDDEN, 0
    )
    row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return looks.jump(int(leaves[row]), int(enters[column]))


def _quiet_span(looks: _Looks, last: int, window: int) -> tuple[int, int]:
    """Both ends of a quiet span that ends within `window` frames of `last`."""
    speed = np.concatenate([[0], np.cumsum(looks.reversal)])
    lengths = [min(last, round(seconds * looks.rate)) for seconds in np.linspace(*HOLD_SECONDS, 6)]
    best, span = np.inf, (last, last)
    for length in sorted(set(lengths)):
        ends = np.arange(max(length, last - window + 1), last + 1)
        begins = ends - length
        cost = looks.reversal[ends] + looks.reversal[begins] + (speed[ends + 1] - speed[begins]) / (length + 1)
        cost += np.where(looks.shots[ends] == looks.shots[begins], 0, FORBIDDEN)
        choice = int(np.argmin(cost))
        if cost[choice] < best:
            best, span = float(cost[choice]), (int(begins[choice]), int(ends[choice]))
    return span


def _squares(left: DoubleArray, right: DoubleArray) -> DoubleArray:
    """(m, k) squared distances of (m, d) and (k, d)."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.asarray(np.maximum(squares, 0))
