"""How far a render is: the engine's stages and frames go in; a share of the whole and the seconds left come out.

The engine leaves out what it knows already: a clip that was looked at before is not looked at again. The share therefore
counts from the first stage that came, and never falls.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from projects.models import Stage

# What each stage takes of a usual render, in hundredths. Only LOOK and RENDER count their frames.
WEIGHTS = {Stage.LOOK: 35, Stage.LISTEN: 5, Stage.PLAN: 3, Stage.RENDER: 49, Stage.FINISH: 6, Stage.MEASURE: 2}
ORDER: tuple[str, ...] = tuple(WEIGHTS)
ENOUGH_TO_GUESS = 0.05


@dataclass(slots=True)
class Pace:
    """Follows one attempt.

    stage: as in `Stage`; done, total: its frames, where it counts them; share: 0 to 1 of the whole
    segments: how many of how many are finished and kept, once the engine has told
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    share: float = 0.0
    segments: tuple[int, int] | None = None
    _kept: float = field(default=0.0, repr=False)
    _first: int | None = field(default=None, repr=False)
    _begun: float = field(default=0.0, repr=False)

    def enter(self, stage: str, *, now: float) -> None:
        """A stage begins. now: seconds of a clock that only goes forward"""
        self.stage = stage if stage in ORDER else ""
        self.done = self.total = 0
        self._begun = now
        if self.stage and self._first is None:
            self._first = ORDER.index(self.stage)
        self._update()

    def advance(self, done: int, total: int) -> None:
        """So many of so many frames of this stage are done."""
        self.total = max(0, total)
        self.done = min(max(0, done), self.total)
        self._update()

    def keep(self, done: int, total: int) -> None:
        """So many of so many segments are finished. The first time, an earlier attempt made them."""
        total = max(0, total)
        done = min(max(0, done), total)
        if self.segments is None and total:
            self._kept = done / total
        self.segments = (done, total)

    def seconds_left(self, *, now: float) -> float | None:
        """How long the render still takes, told while frames are made and some are; None while that would be a bare guess."""
        part = self._part()
        made = part - self._kept  # in the time that has gone by
        if self.stage != Stage.RENDER or made < ENOUGH_TO_GUESS:
            return None
        after = sum(WEIGHTS.values()) - sum(_weights(ORDER.index(self.stage) + 1))
        return (now - self._begun) / made * (1 - part + after / WEIGHTS[Stage.RENDER])

    def _part(self) -> float:
        return self.done / self.total if self.total else 0.0

    def _update(self) -> None:
        if not self.stage or self._first is None:
            return
        place = ORDER.index(self.stage)
        skipped, whole = sum(_weights(self._first)), sum(WEIGHTS.values())
        reached = sum(_weights(place)) + WEIGHTS[Stage(self.stage)] * self._part()
        self.share = max(self.share, (reached - skipped) / (whole - skipped))


def _weights(count: int) -> tuple[int, ...]:
    """Of the first so many stages."""
    return tuple(WEIGHTS.values())[:count]
