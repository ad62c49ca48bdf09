"""The `resynth` engine: the speaker's own mouth, from the speaker's own frames. This file knows the order of the stages.

look (landmarks and bank), listen (sound to mouth), plan (what every frame will be), render, finish, measure.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.bank import Mouth
from lipsync.contracts import RenderOptions, RenderReport, Reporter
from lipsync.errors import ToolFailed, UnusableInput
from lipsync.faces.landmarks import LIPS
from lipsync.faces.pose import DoubleArray
from lipsync.fallback import fallback_share, lip_distance
from lipsync.interior import Interior, interior_of
from lipsync.layers import Wish, paint
from lipsync.look import FaceTrack, look
from lipsync.media import ClipFacts, FrameReader, FrameWriter, probe_clip, probe_voice, read_sound
from lipsync.media.frames import even_size
from lipsync.media.probe import count_frames
from lipsync.mouth_space import MouthSpace, build_space
from lipsync.open_mouth import hardly_moves, with_any_follow
from lipsync.quality import measure
from lipsync.retrieval import Borrowed, blocks, retrieve
from lipsync.sound.features import SoundFeatures, sound_features
from lipsync.sound.mouth import FEWEST_OWN_SECONDS, MouthPredictor, learn, match_offset
from lipsync.sound.offset import Offset
from lipsync.threads import one_thread
from lipsync.timeline import bounce, frames_for

SHORTEST_VOICE_SECONDS = 0.1
SILENT_BELOW = 1e-4
GOOD_COVERAGE = 0.98
MOUTHS_LOOKED_INTO = 24


@dataclass(frozen=True, slots=True)
class Take:
    """A clip as the engine knows it after looking and listening. offset: None where the clip has no sound"""

    facts: ClipFacts
    track: FaceTrack
    space: MouthSpace
    bank: list[Mouth]
    predictor: MouthPredictor
    offset: Offset | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What every output frame will be.

    base: (T,) frame of the take underneath; lips: (T, len(LIPS), 3) wanted; borrowed: mouths for each frame
    synthetic: (T,) share of the fallback
    """

    base: npt.NDArray[np.intp]
    lips: DoubleArray
    borrowed: list[Borrowed]
    synthetic: DoubleArray


@dataclass(slots=True)
class _Clock:
    """Seconds spent per stage, which are announced as they begin."""

    report: Reporter
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        self.report.stage(name)
        start = time.monotonic()
        yield lambda done, total: self.report.progress(name, done, total)
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - start, 3)


@one_thread()
def render(clip: Path, voice: Path, output: Path, options: RenderOptions, report: Reporter) -> RenderReport:
    """Make the person in `clip` say what `voice` says; write an mp4.

    Raises UnusableInput when a file cannot be worked with, EnvironmentFault when the machine is at fault. Nothing is left
    under `output` unless the render is complete.
    """
    clock = _Clock(report)
    facts, spoken = probe_clip(clip), probe_voice(voice)
    with FrameWriter(output, facts, sound=voice, encoding=options.encoding) as writer:
        with clock.stage("look") as progress:
            heard = _hear(voice)  # before the long look: a voice that cannot be used shall be told at once
            track, bank = look(clip, facts, on_progress=progress)
            space = build_space(track)
            if hardly_moves(space):
                space = with_any_follow(space)
        with clock.stage("listen"):
            take = _listen(clip, facts, track, space, bank)
        with clock.stage("plan"):
            plan = make_plan(take, heard, frames_for(heard.duration, facts.frame_rate))
        with clock.stage("render") as progress:
            _render(clip, take, plan, writer, progress)
        with clock.stage("finish"):
            writer.finish()
            _verify(output, len(plan.base))
    figures = take_figures(take)
    if options.measure:
        with clock.stage("measure"):
            figures |= measure(output, plan.lips, take.space.weight[plan.base], take.bank)
    notices = _notices(take, spoken.duration)
    for notice in notices:
        report.note("warning", notice)
    width, height = even_size(facts)
    return RenderReport(
        output=str(output),
        duration=round(len(plan.base) / float(facts.frame_rate), 3),
        frames=len(plan.base),
        width=width,
        height=height,
        frame_rate=str(facts.frame_rate),
        size=output.stat().st_size,
        sha256=_sha256(output),
        timings=clock.seconds,
        quality=figures,
        notices=notices,
    )


def make_plan(take: Take, voice: SoundFeatures, count: int) -> Plan:
    """Choose base frame, lips and borrowed mouths for `count` output frames."""
    base = bounce(count, len(take.track.seen))
    lips = take.predictor.lips(voice, np.arange(count) / float(take.facts.frame_rate))
    borrowed = retrieve(take.space, take.bank, lips, base)
    nearest = np.array([take.bank[frame.mouths[0]].number for frame in borrowed])
    distance = lip_distance(lips, take.space.shapes[nearest][:, LIPS].astype(np.float64))
    return Plan(base, lips, borrowed, fallback_share(distance, still=hardly_moves(take.space)))


def wishes(take: Take, plan: Plan) -> Iterator[Wish]:
    """The plan as pixels, one wish per output frame."""
    numbers = np.array([mouth.number for mouth in take.bank])
    interior = _interior(take) if plan.synthetic.any() else None
    for part in blocks(len(plan.base)):
        base, strength = plan.base[part], take.space.weight[plan.base[part]]
        own = take.space.pixels(base)
        wanted = take.space.wanted_pixels(base, plan.lips[part], strength)
        borrowed = plan.borrowed[part]
        used = sorted({mouth for frame in borrowed for mouth in frame.mouths})
        landmarks = dict(zip(used, take.space.pixels(numbers[used]), strict=True))
        for place, frame in enumerate(borrowed):
            mouths = tuple(
                (take.bank[mouth], landmarks[mouth], share) for mouth, share in zip(frame.mouths, frame.shares, strict=True)
            )
            unit = float(take.space.poses.scale[base[place]])
            synthetic = float(plan.synthetic[part.start + place])
            yield Wish(own[place], wanted[place], unit, mouths, float(strength[place]), synthetic, interior)


def _interior(take: Take) -> Interior:
    free = [mouth for mouth in take.bank if take.space.weight[mouth.number] == 1] or take.bank
    some = free[:: max(1, len(free) // MOUTHS_LOOKED_INTO)]
    numbers = np.array([mouth.number for mouth in some])
    return interior_of(list(zip(some, take.space.pixels(numbers), strict=True)), take.space.poses.scale[numbers].tolist())


def take_figures(take: Take) -> dict[str, float | None]:
    """What is known of the take: how much of it can be used, and how well its own sound explains its mouth."""
    own = take.predictor.own
    return {
        "face_found": round(take.track.coverage, 3),
        "sound_offset_seconds": round(take.offset.seconds, 3) if take.offset else None,
        "sound_match": round(take.offset.margin, 3) if take.offset else None,
        "own_sound_aperture_fit": round(own.aperture_fit, 3) if own else None,
        "own_sound_width_fit": round(own.width_fit, 3) if own else None,
    }


def _hear(path: Path) -> SoundFeatures:
    loudest = 0.0

    def watched() -> Iterator[npt.NDArray[np.float32]]:
        nonlocal loudest
        for block in read_sound(path):
            loudest = max(loudest, float(np.abs(block).max(initial=0)))
            yield block

    sound = sound_features(watched())
    if sound.duration < SHORTEST_VOICE_SECONDS:
        raise UnusableInput("no_sound", "The voice has no length. Choose another recording.")
    if loudest < SILENT_BELOW:
        raise UnusableInput("silent_sound", "The voice is silent throughout. Choose another recording.")
    return sound


def _listen(clip: Path, facts: ClipFacts, track: FaceTrack, space: MouthSpace, bank: list[Mouth]) -> Take:
    times = facts.video_start + np.arange(len(track.seen)) / float(facts.frame_rate)
    sound, offset = None, None
    if facts.has_sound:
        try:
            sound = _hear(clip)
            offset = match_offset(space, sound, times)
        except UnusableInput:
            sound = None
    return Take(facts, track, space, bank, learn(space, sound, times, offset), offset)


def _render(clip: Path, take: Take, plan: Plan, writer: FrameWriter, progress: Callable[[int, int], None]) -> None:
    frames = FrameReader(clip, take.facts).sequence(plan.base)
    for number, (frame, wish) in enumerate(zip(frames, wishes(take, plan), strict=True)):
        paint(frame, wish)
        writer.write(frame)
        progress(number + 1, len(plan.base))


def _verify(output: Path, frames: int) -> None:
    found = count_frames(output)
    if found != frames:
        output.unlink(missing_ok=True)
        raise ToolFailed("incomplete_output", f"The video has {found} instead of {frames} frames. Start the render again.")


def _notices(take: Take, seconds: float) -> list[str]:
    notices = []
    length = len(take.track.seen) / float(take.facts.frame_rate)
    if take.track.coverage < GOOD_COVERAGE:
        notices.append(f"The face is seen in {take.track.coverage:.0%} of the clip; elsewhere the clip passes unchanged.")
    if take.offset is None:
        notices.append("The clip has no sound of its own; the mouth follows a general model instead of this speaker's habits.")
    elif take.predictor.own is None and length < FEWEST_OWN_SECONDS:
        notices.append("The clip is too short to learn this speaker's habits; film 30 seconds of speech or more.")
    elif take.predictor.own is None:
        notices.append("The clip's sound does not match its mouth; the mouth follows a general model instead.")
    if hardly_moves(take.space):
        notices.append("The mouth hardly moves in this clip; film the person speaking to get open mouths to borrow from.")
    if seconds > 1.5 * length:
        notices.append("The voice is longer than the clip, which is therefore played forwards and backwards.")
    return notices


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
