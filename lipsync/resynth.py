"""The `resynth` engine: the speaker's own mouth, from the speaker's own frames. This file knows the order of the stages.

look (landmarks and bank), listen (sound to mouth), plan (what every frame will be), render, finish, measure.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lipsync.analysis import Analysis
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, RenderReport, Reporter
from lipsync.errors import EnvironmentFault, ToolFailed
from lipsync.hearing import check, hear
from lipsync.media import join, probe_clip, probe_voice
from lipsync.media.frames import even_size
from lipsync.media.probe import count_frames
from lipsync.plan import Plan, WantedLips, make_plan
from lipsync.quality import LONGEST_MEASURED_SECONDS, measure
from lipsync.segments import cut, render_all
from lipsync.sound.mouth import FEWEST_OWN_SECONDS
from lipsync.threads import one_thread
from lipsync.timeline import bounce, frames_for
from lipsync.version import file_digest

LITTLE_MOVEMENT_IOD = 0.05
GOOD_COVERAGE = 0.98


@one_thread()
def render(clip: Path, voice: Path, output: Path, options: RenderOptions, report: Reporter) -> RenderReport:
    """Make the person in `clip` say what `voice` says; write an mp4.

    Raises UnusableInput when a file cannot be worked with, EnvironmentFault when the machine is at fault. Nothing is left
    under `output` unless the render is complete.
    """
    clock = Clock(report)
    facts, spoken = probe_clip(clip), probe_voice(voice)
    with _workshop(output) as workshop:
        seconds = check(voice)  # before the long look: a voice that cannot be used shall be told at once
        with analysed(clip, facts, options.point, options.cache or workshop, clock) as analysis:
            with clock.stage("plan"):
                plan = make_plan(analysis, hear(voice), bounce(frames_for(seconds, facts.frame_rate), len(analysis)))
            with clock.stage("render") as progress:
                segments = cut(clip, analysis, plan, options.encoding, _ready(options.segments or workshop))
                render_all(clip, analysis, plan, segments, options.encoding, options.workers, progress)
            with clock.stage("finish"):
                join([segment.path for segment in segments], output, facts, sound=voice, encoding=options.encoding)
                _verify(output, len(plan))
            figures = take_figures(analysis)
            if options.measure:
                with clock.stage("measure"):
                    figures |= _measured(output, analysis, plan)
            notices = _notices(analysis, spoken.duration)
    for notice in notices:
        report.note("warning", notice)
    width, height = even_size(facts)
    return RenderReport(
        output=str(output),
        duration=round(len(plan) / float(facts.frame_rate), 3),
        frames=len(plan),
        width=width,
        height=height,
        frame_rate=str(facts.frame_rate),
        size=output.stat().st_size,
        sha256=file_digest(output),
        timings=clock.seconds,
        quality=figures,
        notices=notices,
    )


def take_figures(analysis: Analysis) -> dict[str, float | None]:
    """What is known of the take: how much of it can be used, and how well its own sound explains its mouth."""
    own, offset = analysis.predictor.own, analysis.offset
    return {
        "face_found": round(analysis.track.coverage, 3),
        "sound_offset_seconds": round(offset.seconds, 3) if offset else None,
        "sound_match": round(offset.margin, 3) if offset else None,
        "own_sound_aperture_fit": round(own.aperture_fit, 3) if own else None,
        "own_sound_width_fit": round(own.width_fit, 3) if own else None,
    }


def _measured(output: Path, analysis: Analysis, plan: Plan) -> dict[str, float | None]:
    """The figures of the first seconds of the finished video."""
    some = slice(0, round(LONGEST_MEASURED_SECONDS * analysis.facts.frame_rate))
    return measure(output, WantedLips(analysis.predictor, plan.mouth)[some], plan.strength[some], analysis.bank)


@contextmanager
def _workshop(output: Path) -> Iterator[Path]:
    """A folder beside the output for what is only needed on the way to it.

    Raises EnvironmentFault (`not_writable`).
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{output.stem}-", suffix=".parts", dir=output.parent))
    except OSError as error:
        raise EnvironmentFault(
            "not_writable",
            f"Nothing can be written to {output.parent} ({error.strerror}). Choose another folder or change its permissions.",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ready(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _verify(output: Path, frames: int) -> None:
    found = count_frames(output)
    if found != frames:
        output.unlink(missing_ok=True)
        raise ToolFailed("incomplete_output", f"The video has {found} instead of {frames} frames. Start the render again.")


def _notices(analysis: Analysis, seconds: float) -> list[str]:
    notices = []
    length = len(analysis) / float(analysis.facts.frame_rate)
    if analysis.track.coverage < GOOD_COVERAGE:
        notices.append(f"The face is seen in {analysis.track.coverage:.0%} of the clip; elsewhere the clip passes unchanged.")
    if analysis.offset is None:
        notices.append("The clip has no sound of its own; the mouth follows a general model instead of this speaker's habits.")
    elif analysis.predictor.own is None and length < FEWEST_OWN_SECONDS:
        notices.append("The clip is too short to learn this speaker's habits; film 30 seconds of speech or more.")
    elif analysis.predictor.own is None:
        notices.append("The clip's sound does not match its mouth; the mouth follows a general model instead.")
    opening = analysis.space.opening[analysis.space.weight > 0, 0]
    if np.percentile(opening, 98) - np.percentile(opening, 2) < LITTLE_MOVEMENT_IOD:
        notices.append("The mouth hardly moves in this clip; film the person speaking to get open mouths to borrow from.")
    if seconds > 1.5 * length:
        notices.append("The voice is longer than the clip, which is therefore played forwards and backwards.")
    return notices
