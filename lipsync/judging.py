"""The preflight card of a take: the clip goes in; the verdict, and a strip of pictures with the found face, come out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from lipsync.analysis import Survey
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, Reporter
from lipsync.errors import UnusableInput
from lipsync.joints import HeadMotion, Joints, find_joints
from lipsync.machine import check_output
from lipsync.media import intake_notices, probe_clip
from lipsync.preflight import Card, Evidence, MomentKeeper, Picture, draw_strip, judge, save_strip
from lipsync.threads import one_thread
from lipsync.timeline import chosen_part, length_choice


@one_thread()
def preflight(clip: Path, options: RenderOptions, report: Reporter, picture: Path | None = None) -> Card:
    """Look at a clip, or find what was seen before in `options.cache`, and judge the part that `options` choose.

    picture: where the strip is written, jpg or png
    Raises UnusableInput when the clip is no video, the part lies outside it or the picture would overwrite it;
    EnvironmentFault. A take that cannot be used is no error: its card refuses it.
    """
    if picture is not None:
        check_output(picture, clip)
    facts = probe_clip(clip)
    choice = length_choice(options.longer, options.shorter, options.start, options.end)
    chosen_part(choice, facts.frames, facts.frame_rate)
    with tempfile.TemporaryDirectory() as folder:
        root = options.cache or Path(folder)
        with analysed(clip, facts, options.point, root, Clock(report)) as found:
            survey = found if isinstance(found, Survey) else found.survey
            part = chosen_part(choice, len(survey), facts.frame_rate)
            card = card_of(survey, part)
            if picture is not None:
                save_strip(_strip(clip, survey, part, card), picture)
    return card


def _strip(clip: Path, survey: Survey, part: range, card: Card) -> Picture:
    keeper = MomentKeeper(survey.facts, part)
    keeper.read(clip)
    seen = np.array([moment.number for moment in keeper.moments if survey.track.seen[moment.number]], dtype=np.intp)
    points = dict(zip(seen.tolist(), survey.track.points(seen), strict=True))
    return draw_strip(keeper.moments, points, card, float(survey.facts.frame_rate))


def card_of(survey: Survey, part: range | None = None) -> Card:
    """Judge the part of the take that is used, all of it when not said. Raises nothing: a hopeless take is a refusing card."""
    part = part or range(len(survey))
    observed = survey.observed
    known = survey.track.seen.any() and np.isfinite(observed.iod).any()
    evidence = Evidence(
        facts=survey.facts,
        seen=survey.track.seen,
        shots=survey.track.shot,
        angles=observed.angles.astype(np.float64),
        iod=observed.iod.astype(np.float64),
        sharpness=observed.sharpness.astype(np.float64),
        light=observed.light.astype(np.float64),
        clipped=observed.clipped.astype(np.float64),
        apertures=observed.opening[:, 0].astype(np.float64),
        widths=observed.opening[:, 1].astype(np.float64),
        strength=survey.gate.strength.astype(np.float64),
        gaps=tuple((gap.first, gap.last + 1, gap.reason) for gap in survey.gate.gaps),
        part=part,
        sound=observed.sound == "heard",
        silent=observed.sound == "silent",
        offset=observed.offset,
        learnt=observed.learnt,
        faces=observed.people,
        speaker=observed.chosen,
        notes=tuple(intake_notices(survey.facts)),
        joints=joints_of(survey, part) if known else None,
    )
    return judge(evidence)


def joints_of(survey: Survey, part: range) -> Joints:
    """Where the part may be turned round or jumped back in."""
    observed = survey.observed
    motion = HeadMotion(
        centre=observed.centre.astype(np.float64),
        iod=observed.iod.astype(np.float64),
        angles=observed.angles.astype(np.float64),
        usable=survey.gate.strength > 0,
        shots=survey.track.shot,
        pictures=observed.pictures,
    )
    return find_joints(motion, part, float(survey.facts.frame_rate))


def refuse(card: Card) -> None:
    """Raise UnusableInput when the card refuses the take."""
    refusal = card.refusal
    if refusal is not None:
        at = refusal.places[0].start if refusal.places else None
        raise UnusableInput(refusal.code, refusal.sentence, at=at)
