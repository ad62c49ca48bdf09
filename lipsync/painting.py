"""Who paints: a plan's base frames go in, the frames of the video come out, a range of them at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator
from typing import Protocol

from lipsync.ahead import ahead
from lipsync.analysis import Analysis
from lipsync.layers import paint
from lipsync.media import Frame
from lipsync.plan import Plan, Wishes


class FrameSource(Protocol):
    """Whoever gives frames of a take by their numbers, such as `FrameReader`."""

    def sequence(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Frames in the order asked for."""
        ...


class Painter(Protocol):
    """Paints the frames of one plan. What is painted into a frame follows from the plan and the take alone."""

    def paint(self, reader: FrameSource, first: int, last: int) -> Generator[Frame, None, None]:
        """The frames `first` to `last` - 1 of the plan, in their order. reader: of the take"""
        ...


class BorrowedMouths:
    """Paints with mouths of the take itself, see `layers`."""

    def __init__(self, analysis: Analysis, plan: Plan) -> None:
        self._plan = plan
        self._wishes = Wishes(analysis.space, analysis.bank, analysis.predictor, plan)

    def paint(self, reader: FrameSource, first: int, last: int) -> Generator[Frame, None, None]:
        """See `Painter`."""
        frames = reader.sequence(self._plan.base[first:last].tolist())
        with contextlib.closing(ahead(frames)) as fetched:
            for frame, wish in zip(fetched, self._wishes.of(first, last), strict=True):
                paint(frame, wish)
                yield frame
