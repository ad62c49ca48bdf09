"""The `resynth` engine: the speaker's own mouth, from the speaker's own frames."""

from __future__ import annotations

from pathlib import Path

from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, RenderReport, Reporter
from lipsync.plan import make_plan
from lipsync.stages import Prepared, Take, make_video


class Resynth:
    """See `stages.Method`."""

    follows_plan = True

    def __init__(self) -> None:
        self.notices: list[str] = []

    def get_ready(self, clock: Clock) -> None:
        """All that it needs is in the take."""

    def prepare(self, take: Take) -> Prepared:
        """Choose lips and borrowed mouths."""
        return Prepared(make_plan(take.analysis, take.heard, take.base))


def render(clip: Path, voice: Path, output: Path, options: RenderOptions, report: Reporter) -> RenderReport:
    """Make the person in `clip` say what `voice` says with mouths of the clip itself; see `stages.make_video`."""
    return make_video(clip, voice, output, options, report, Resynth())
