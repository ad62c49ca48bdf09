"""What every output frame will be: base frame, wanted lips, borrowed mouths; and that as pixels, for any range of frames.

The plan covers the whole timeline and costs little; a range of it can then be painted anywhere, by anyone, to the same
bytes. Whatever is worked out in blocks is worked out in the same blocks whichever range is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lipsync.analysis import Analysis
from lipsync.bank import Mouth
from lipsync.faces.landmarks import LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.faces.track import IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.fallback import fallback_share, lip_distance
from lipsync.interior import Interior, interior_of
from lipsync.layers import Wish
from lipsync.mouth_space import MouthSpace, spread
from lipsync.open_mouth import hardly_moves
from lipsync.retrieval import Borrowed, Lips, retrieve
from lipsync.sound.features import SoundFeatures
from lipsync.sound.mouth import MouthTrack

BLOCK_FRAMES = 64
MOUTHS_LOOKED_INTO = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """What every output frame will be.

    base: (T,) int32 frame of the take underneath
    mouth: (T,) what the mouth shall do
    strength: (T,) float32 how far the mouth is changed
    mouths: (T, K) int16 places in the bank, -1 for none; shares: (T, K) float32, adding up to 1
    synthetic: (T,) float32 how far the fallback makes the mouth
    """

    base: npt.NDArray[np.int32]
    mouth: MouthTrack
    strength: FloatArray
    mouths: npt.NDArray[np.int16]
    shares: FloatArray
    synthetic: FloatArray

    def __len__(self) -> int:
        return len(self.base)


class LipShaper(Protocol):
    """Whoever turns what a mouth shall do into lips, such as `MouthPredictor`."""

    def lips(self, track: MouthTrack) -> DoubleArray:
        """(n, len(LIPS), 3) in the speaker's own mouth space."""
        ...


class WantedLips:
    """Lips for any part of a timeline, `lips[start:end]` (m, len(LIPS), 3): worked out when asked for."""

    def __init__(self, shaper: LipShaper, mouth: MouthTrack) -> None:
        self._shaper, self._mouth = shaper, mouth

    def __len__(self) -> int:
        return len(self._mouth)

    def __getitem__(self, part: slice) -> DoubleArray:
        return self._shaper.lips(self._mouth.part(part))


def make_plan(analysis: Analysis, voice: SoundFeatures, base: IntArray) -> Plan:
    """Choose lips and borrowed mouths for the output frames that lie on the frames `base` of the take."""
    times = np.arange(len(base)) / float(analysis.facts.frame_rate)
    mouth = analysis.predictor.follow(voice, times)
    return plan_for(analysis, mouth, base)


def plan_for(analysis: Analysis, mouth: MouthTrack, base: IntArray) -> Plan:
    """The plan for a mouth that is already known."""
    space, bank, lips = analysis.space, analysis.bank, WantedLips(analysis.predictor, mouth)
    mouths, shares = as_arrays(retrieve(space, bank, lips, base))
    numbers = np.array([mouth.number for mouth in bank])[mouths[:, 0]]
    share = fallback_share(stretched(space, lips, numbers), still=hardly_moves(space))
    return Plan(base.astype(np.int32), mouth, space.weight[base], mouths, shares, share.astype(np.float32))


def stretched(space: MouthSpace, lips: Lips, numbers: IntArray) -> DoubleArray:
    """(T,) IOD: how far the lips of the take's frames `numbers` (T,) must be stretched to be the lips wanted."""
    known, places = np.unique(numbers, return_inverse=True)
    borrowed = space.shapes[known][:, LIPS].astype(np.float64)
    parts = []
    for start in range(0, len(lips), BLOCK_FRAMES):
        part = slice(start, start + BLOCK_FRAMES)
        parts.append(lip_distance(lips[part], borrowed[places[part]]))
    return np.concatenate(parts)


class Wishes:
    """A plan's frames as pixels. What does not depend on the frame, the bank's landmarks above all, is worked out once."""

    def __init__(self, space: MouthSpace, bank: list[Mouth], shaper: LipShaper, plan: Plan) -> None:
        self._space, self._bank, self._plan = space, bank, plan
        self._lips = WantedLips(shaper, plan.mouth)
        self._landmarks = space.pixels(np.array([mouth.number for mouth in bank]))
        self._interior = _interior(space, bank, self._landmarks) if plan.synthetic.any() else None

    def of(self, first: int = 0, last: int | None = None) -> Iterator[Wish]:
        """The frames `first` to `last` - 1 of the plan, one wish per output frame."""
        space, plan = self._space, self._plan
        last = len(plan) if last is None else last
        for start in range(first // BLOCK_FRAMES * BLOCK_FRAMES, last, BLOCK_FRAMES):
            part = slice(start, min(len(plan), start + BLOCK_FRAMES))
            base, strength = plan.base[part].astype(np.intp), plan.strength[part]
            own, wanted = space.pixels(base), space.wanted_pixels(base, self._lips[part], strength)
            for place in range(max(first - start, 0), min(last - start, len(base))):
                yield Wish(
                    own[place],
                    wanted[place],
                    float(space.poses.scale[base[place]]),
                    self._borrowed(start + place),
                    float(strength[place]),
                    float(plan.synthetic[start + place]),
                    self._interior,
                )

    def _borrowed(self, frame: int) -> tuple[tuple[Mouth, DoubleArray, float], ...]:
        chosen = zip(self._plan.mouths[frame].tolist(), self._plan.shares[frame].tolist(), strict=True)
        return tuple((self._bank[mouth], self._landmarks[mouth], share) for mouth, share in chosen if mouth >= 0)


def _interior(space: MouthSpace, bank: list[Mouth], landmarks: DoubleArray) -> Interior:
    """What the inside of this speaker's mouth looks like, from a few mouths spread over the bank."""
    some = spread(np.arange(len(bank)), MOUTHS_LOOKED_INTO)
    units = space.poses.scale[[bank[place].number for place in some]].tolist()
    return interior_of([(bank[place], landmarks[place]) for place in some], units)


def as_arrays(borrowed: list[Borrowed]) -> tuple[npt.NDArray[np.int16], FloatArray]:
    """(T, K) mouths and shares of a list of borrowed mouths, see `Plan`."""
    most = max(len(frame.mouths) for frame in borrowed)
    mouths = np.full((len(borrowed), most), -1, dtype=np.int16)
    shares = np.zeros((len(borrowed), most), dtype=np.float32)
    for row, frame in enumerate(borrowed):
        mouths[row, : len(frame.mouths)] = frame.mouths
        shares[row, : len(frame.shares)] = frame.shares
    return mouths, shares
