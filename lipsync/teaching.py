"""Teaching the network a clip, in the background, once: its analysis is used without it until it is done.

What was taught is kept beside the analysis, in a file of its own that is written whole or not at all, and beside it what
came of it, so that a clip of which nothing is learnt is not tried again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lipsync import store
from lipsync.analysis import TAUGHT, Analysis, Survey, analysis_key
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, Reporter
from lipsync.hearing import hear
from lipsync.keeping import LESSON, Hold, lesson_of, lock_of
from lipsync.machine import writing_to
from lipsync.media import probe_clip
from lipsync.memory import give_back
from lipsync.sound.mouth import teach
from lipsync.sound.own import TaughtSound
from lipsync.threads import one_thread

Outcome = dict[str, float | bool | None]


@one_thread()
def teach_clip(clip: Path, options: RenderOptions, report: Reporter) -> Outcome:
    """Teach the network the clip in the folder `options.cache`, unless that is done; tell what came of it.

    Raises what `analysed` raises, ValueError without a folder to keep it in.
    """
    if options.cache is None:
        raise ValueError("what is learnt must be kept somewhere")
    clock, place = Clock(report), options.cache / analysis_key(clip, options.point)
    with analysed(clip, probe_clip(clip), options.point, options.cache, clock) as found, Hold(lesson_of(place)) as hold:
        with writing_to(options.cache):
            hold.take(fcntl.LOCK_EX)
        outcome = _known(place)
        if outcome is None:
            outcome = _taught(clip, found, clock)
            with writing_to(place):
                _write_whole(place / LESSON, lambda path: path.write_text(json.dumps(outcome)))
        lock_of(lesson_of(place)).unlink(missing_ok=True)
    return outcome


def _taught(clip: Path, found: Analysis | Survey, clock: Clock) -> Outcome:
    """Teach it, and keep what was learnt where that is worth it."""
    if not isinstance(found, Analysis) or found.predictor.own is None:
        return {"taught": False, "aperture_fit_before": None, "aperture_fit": None}
    before = found.predictor.own.aperture_fit
    facts = found.facts
    times = facts.video_start + np.arange(len(found)) / float(facts.frame_rate)
    with clock.stage("teach") as progress:
        taught = teach(found.predictor, found.space, hear(clip), times, progress)
    give_back()
    if taught is None:
        return {"taught": False, "aperture_fit_before": round(before, 3), "aperture_fit": round(before, 3)}
    with writing_to(found.folder):
        _write_whole(found.folder / TAUGHT, lambda path: store.save(path, taught))
    return {"taught": True, "aperture_fit_before": round(before, 3), "aperture_fit": round(taught.aperture_fit, 3)}


def _known(place: Path) -> Outcome | None:
    """What came of it before; None where nobody tried, or where what was learnt has been damaged since."""
    try:
        outcome: Outcome = json.loads((place / LESSON).read_text())
        if outcome["taught"]:
            store.load(place / TAUGHT, TaughtSound)
    except (OSError, ValueError, KeyError):
        return None
    return outcome


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    making = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(making)
        making.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            making.unlink()
