"""Seconds spent per stage, which are announced as they begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lipsync.contracts import Reporter

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Clock:
    """Tells the reporter of each stage and adds up its seconds."""

    report: Reporter
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """A stage of the work; gives what is called with (done, total) as it goes on."""
        self.report.stage(name)
        start = time.monotonic()
        yield lambda done, total: self.report.progress(name, done, total)
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - start, 3)
