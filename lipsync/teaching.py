"""Teaching the network a clip, in the background, once: its analysis is used without it until it is done.

What was taught is kept beside the analysis, in a file of its own that is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

from lipsync import store
from lipsync.analysis import TAUGHT, Analysis
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, Reporter
from lipsync.hearing import hear
from lipsync.machine import writing_to
from lipsync.media import probe_clip
from lipsync.memory import give_back
from lipsync.sound.mouth import teach
from lipsync.threads import one_thread


@one_thread()
def teach_clip(clip: Path, options: RenderOptions, report: Reporter) -> dict[str, float | bool | None]:
    """Teach the network the clip in the folder `options.cache`, unless that is done; tell what came of it.

    Raises what `analysed` raises, ValueError without a folder to keep it in.
    """
    if options.cache is None:
        raise ValueError("what is learnt must be kept somewhere")
    clock = Clock(report)
    facts = probe_clip(clip)
    with analysed(clip, facts, options.point, options.cache, clock) as found:
        if not isinstance(found, Analysis) or found.predictor.own is None:
            return {"taught": False, "aperture_fit_before": None, "aperture_fit": None}
        before = found.predictor.own.aperture_fit
        if found.predictor.taught is None:
            times = facts.video_start + np.arange(len(found)) / float(facts.frame_rate)
            with clock.stage("teach") as progress:
                taught = teach(found.predictor, found.space, hear(clip), times, progress)
            give_back()
            if taught is None:
                return {"taught": False, "aperture_fit_before": round(before, 3), "aperture_fit": round(before, 3)}
            with writing_to(found.folder):
                _keep(found.folder, taught)
            after = taught.aperture_fit
        else:
            after = found.predictor.taught.aperture_fit
    return {"taught": True, "aperture_fit_before": round(before, 3), "aperture_fit": round(after, 3)}


def _keep(folder: Path, taught: object) -> None:
    making = folder / f".{TAUGHT}.{os.getpid()}"
    try:
        store.save(making, taught)
        making.replace(folder / TAUGHT)
    finally:
        with contextlib.suppress(FileNotFoundError):
            making.unlink()
