"""Analyses kept between renders: one folder for each, under a lock while it is made or used, the oldest removed first."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.analysis import Analysis, Survey, analyse, analysis_key, load
from lipsync.clock import Clock
from lipsync.contracts import SpeakerPoint
from lipsync.errors import EnvironmentFault
from lipsync.faces import USUAL
from lipsync.keeping import MAKING, MANIFEST, Hold, forget, remove_half_made
from lipsync.machine import writing_to
from lipsync.media import ClipFacts

LARGEST_BYTES = 5 * 2**30


@contextmanager
def analysed(
    clip: Path, facts: ClipFacts, point: SpeakerPoint | None, root: Path, clock: Clock, tracker: str = USUAL
) -> Iterator[Analysis | Survey]:
    """The clip's analysis from the folder `root`, made there first where it is missing or damaged.

    A survey alone where there is too little of a mouth to learn from: `judging.card_of` says why.

    Whoever asks for the same clip at the same time waits for the one who makes it. While the block runs the analysis is
    not removed. Raises UnusableInput as `look` does, EnvironmentFault (`not_writable`, `no_space`).
    """
    place = root / analysis_key(clip, point, tracker)
    with Hold(place) as hold:
        with writing_to(root):
            root.mkdir(parents=True, exist_ok=True)
            hold.take(fcntl.LOCK_SH)
        found = load(place, verified=True)
        if found is None:
            with writing_to(root):
                hold.take(fcntl.LOCK_EX)
            found = load(place, verified=True) or _made(clip, facts, point, place, clock, tracker)
            hold.share()
        with contextlib.suppress(OSError):
            os.utime(place / MANIFEST)
        yield found


def _made(
    clip: Path, facts: ClipFacts, point: SpeakerPoint | None, place: Path, clock: Clock, tracker: str
) -> Analysis | Survey:
    if (place / MANIFEST).exists():
        clock.report.note("warning", "The stored analysis of this clip was damaged; the clip is looked at anew.")
    analyse(clip, facts, point, place, clock, tracker)
    with writing_to(place.parent):
        prune(place.parent, keep=place.name)
    found = load(place, verified=False)
    if found is None:
        raise EnvironmentFault("cache_unreadable", f"What was written to {place.parent} cannot be read back. Check the disk.")
    return found


def prune(root: Path, *, largest: int = LARGEST_BYTES, keep: str = "") -> int:
    """Remove what was left half made, and the analyses not used for longest beyond so many bytes. Returns how many.

    One that is in use stays, and so does the one named `keep`.
    """
    remove_half_made(root)
    kept: list[tuple[float, int, Path]] = []
    removed = 0
    for place in root.iterdir():
        with contextlib.suppress(OSError):
            if not place.name.startswith(MAKING) and (place / MANIFEST).exists():
                size = sum(file.stat().st_size for file in place.iterdir())
                kept.append(((place / MANIFEST).stat().st_mtime, size, place))
    total = sum(size for _, size, _ in kept)
    for _, size, place in sorted(kept):
        if total <= largest:
            break
        if place.name != keep and forget(place):
            total -= size
            removed += 1
    return removed
