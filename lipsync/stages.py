"""The order in which a video is made, whatever the engine; start reading here.

look (landmarks and bank), listen (sound to mouth), plan (what every frame will be), render, finish, measure. An engine is a
`Method`: it says what it needs before the long look, and how the frames are painted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lipsync.analysis import Analysis, Survey
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, RenderReport, Reporter
from lipsync.errors import ToolFailed, UnusableInput
from lipsync.excerpt import PartPainter, frames_of, hardest, part_of
from lipsync.faces.track import IntArray
from lipsync.hearing import broken_off, check, hear
from lipsync.judging import card_of, joints_of, refuse
from lipsync.machine import check_output
from lipsync.media import cleaned, join, probe_clip, probe_voice
from lipsync.media.facts import even_size
from lipsync.memory import give_back
from lipsync.overview import overview_of
from lipsync.painting import Painter
from lipsync.plan import Plan
from lipsync.preflight import MEDIA, Card, Severity
from lipsync.quality import look_at
from lipsync.sampling import Samples
from lipsync.segments import Tally, cut, held
from lipsync.sound.features import SoundFeatures
from lipsync.spreading import Task, render_all
from lipsync.threads import one_thread
from lipsync.timeline import chosen_part, fill, frames_for, length_choice, notice
from lipsync.version import file_digest
from lipsync.workshop import workshop_beside


@dataclass(frozen=True, slots=True)
class Take:
    """A take and a voice that are to become a video. base: see `Plan`; workshop: a folder for what is needed on the way"""

    analysis: Analysis
    voice: Path
    heard: SoundFeatures
    base: IntArray
    workshop: Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """How the frames of a take will be painted.

    painter: None for borrowed mouths, which any process can paint from the plan alone
    painted_with: what the painter's frames follow from beyond the plan
    """

    plan: Plan
    painter: Painter | None = None
    painted_with: str = ""

    def part(self, frames: range) -> Prepared:
        """The same for some of the frames."""
        plan = part_of(self.plan, frames)
        if self.painter is None:
            return Prepared(plan, None, self.painted_with)
        return Prepared(plan, PartPainter(self.painter, frames.start), f"{self.painted_with} from {frames.start}")


class Method(Protocol):
    """What one engine does otherwise than another.

    notices: what the user must know of its use
    follows_plan: whether mouths are those of the plan, so that it can be measured how well they follow it
    """

    notices: list[str]
    follows_plan: bool

    def get_ready(self, clock: Clock) -> None:
        """Load what is needed, before the long look. Raises LipsyncError."""

    def prepare(self, take: Take) -> Prepared:
        """Plan every frame."""
        ...


@one_thread()
def make_video(clip: Path, voice: Path, output: Path, options: RenderOptions, report: Reporter, method: Method) -> RenderReport:
    """Make the person in `clip` say what `voice` says, by this method; write an mp4.

    Raises UnusableInput when a file cannot be worked with, EnvironmentFault when the machine is at fault. Nothing is left
    under `output` unless the render is complete.
    """
    clock = Clock(report)
    check_output(output, clip, voice)
    facts = probe_clip(clip)
    told = probe_voice(voice).duration
    choice = length_choice(options.longer, options.shorter, options.start, options.end)
    chosen_part(choice, facts.frames, facts.frame_rate)
    most = frames_of(options.excerpt, facts.frame_rate)
    for sentence in method.notices:
        report.note("warning", sentence)
    method.get_ready(clock)
    with workshop_beside(output) as workshop:
        seconds = check(voice)  # before the long look: a voice that cannot be used shall be told at once
        with analysed(clip, facts, options.point, options.cache or workshop, clock, options.tracker) as found:
            with clock.stage("plan"):
                part = chosen_part(choice, len(found), facts.frame_rate)
                card = card_of(found if isinstance(found, Survey) else found.survey, part)
                analysis = _accepted(found, card)
                joints = joints_of(analysis.survey, part)
                timeline = fill(frames_for(seconds, facts.frame_rate), choice, part, joints)
                heard = hear(voice)
                prepared = method.prepare(Take(analysis, voice, heard, timeline.base, workshop))
                start, length = 0.0, float(len(prepared.plan) / facts.frame_rate) if timeline.unheard else None
                if most is not None and most < len(prepared.plan):
                    some = hardest(prepared.plan, most)
                    start, length = float(some.start / facts.frame_rate), float(most / facts.frame_rate)
                    prepared, heard = prepared.part(some), heard.part(start, start + length)
                plan = prepared.plan
                overview = overview_of(analysis, plan, heard) if options.overview else None
                del heard  # of a long voice it fills the memory
            give_back()
            folder = options.segments or workshop
            segments = cut(clip, analysis, plan, options.encoding, folder, painted_with=prepared.painted_with)
            task = Task(clip, analysis.folder, options.encoding, segments, options.measure)
            with held(segments):
                with clock.stage("render") as progress:
                    shown = task.path if options.segments and prepared.painter is None else None
                    tally = Tally(len(plan), len(segments), progress, lambda done, total: report.segments(done, total, shown))
                    shared, painter = shown is not None, prepared.painter
                    render_all(task, analysis, plan, options.workers, tally, shared=shared, painter=painter)
                with clock.stage("finish"):
                    files = [segment.path for segment in segments]
                    sound = cleaned(voice, options.sound, workshop)
                    joined = join(files, output, facts, sound=sound, start=start, seconds=length, encoding=options.encoding)
                    _verify(output, joined, len(plan))
                figures = take_figures(analysis)
                if options.measure:
                    with clock.stage("measure"):
                        parts = (Samples.load(segment.samples) for segment in segments)
                        seen = look_at(parts, analysis, plan, follows=method.follows_plan)
                        figures |= seen.figures()
                    if overview is not None:
                        overview = replace(overview, quality=seen.rows(len(plan), float(facts.frame_rate)))
    notices = [finding.sentence for finding in card.findings if finding.severity is Severity.WARNING or finding.code == MEDIA]
    about_length = (broken_off(told, seconds), notice(timeline, choice, part, facts.frame_rate))
    notices += [found[1] for found in about_length if found is not None]
    for sentence in notices:
        report.note("warning", sentence)
    notices = [*method.notices, *notices]
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
        overview=None if overview is None else overview.as_dict(),
    )


def take_figures(analysis: Analysis) -> dict[str, float | None]:
    """What is known of the take: how much of it can be used, and how well its own sound explains its mouth."""
    own, offset = analysis.predictor.heard, analysis.survey.observed.offset
    return {
        "face_found": round(analysis.survey.track.coverage, 3),
        "sound_offset_seconds": round(offset.seconds, 3) if offset else None,
        "sound_match": round(offset.margin, 3) if offset else None,
        "own_sound_aperture_fit": round(own.aperture_fit, 3) if own else None,
        "own_sound_width_fit": round(own.width_fit, 3) if own else None,
    }


def _verify(output: Path, found: int, frames: int) -> None:
    if found != frames:
        output.unlink(missing_ok=True)
        raise ToolFailed("incomplete_output", f"The video has {found} instead of {frames} frames. Start the render again.")


def _accepted(found: Analysis | Survey, card: Card) -> Analysis:
    """The analysis, if the take can be worked with. Raises UnusableInput with what the card says."""
    refuse(card)
    if isinstance(found, Survey):
        raise UnusableInput(
            "face_rarely_seen", "Too little of the mouth is seen to work with. Film again with the face to the camera."
        )
    return found
