"""A job's state in plain words: a row goes in, what a person reads comes out."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from projects import pace, presets, sentences
from projects.consents import Standing
from projects.estimates import Estimate
from projects.models import Choice, Family, RenderJob, Stage, Status
from projects.models.presets import STANDARD

STATES = {
    Status.QUEUED: gettext_noop("Waiting"),
    Status.RUNNING: gettext_noop("Running"),
    Status.SUCCEEDED: gettext_noop("Done"),
    Status.FAILED: gettext_noop("Failed"),
    Status.CANCELLED: gettext_noop("Cancelled"),
}
STAGES = {
    Stage.NONE: gettext_noop("Getting ready"),
    Stage.LOOK: gettext_noop("Looking at the face"),
    Stage.LISTEN: gettext_noop("Listening to the clip's own sound"),
    Stage.PLAN: gettext_noop("Planning the mouth"),
    Stage.RENDER: gettext_noop("Making the frames"),
    Stage.FINISH: gettext_noop("Adding the sound"),
    Stage.MEASURE: gettext_noop("Checking the result"),
}
OF_THE_VOICE = frozenset({"no_sound", "not_a_sound", "silent_sound"})
OF_THE_CHOICE = frozenset({"bad_point", "end_outside_clip", "no_face_there", "part_too_short", "start_outside_clip"})


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the list of steps. state: done, now or later"""

    words: str
    state: str
    icon: str


def state_words(job: RenderJob) -> str:
    """Waiting, Running, Done, Failed, Cancelled, Stopping."""
    if job.status == Status.RUNNING and job.cancel_requested:
        return _("Stopping")
    return _(STATES[Status(job.shown_status)])


def at_fault(job: RenderJob) -> str:
    """What of a failed render has to be another one: the voice, the choice, the video, or none of them."""
    if job.error_family != Family.INPUT:
        return ""
    if job.error_code in OF_THE_VOICE:
        return "voice"
    return "choice" if job.error_code in OF_THE_CHOICE else "video"


def stage_words(stage: str) -> str:
    """What the engine is doing."""
    return _(STAGES[Stage(stage) if stage in Stage.values else Stage.NONE])


def steps(job: RenderJob) -> list[Step]:
    """All steps of a running job, in order."""
    now = pace.ORDER.index(job.stage) if job.stage in pace.ORDER else -1
    kinds = (("done", "circle-check"), ("now", "loader"), ("later", "circle"))
    return [Step(stage_words(stage), *kinds[(index >= now) + (index > now)]) for index, stage in enumerate(pace.ORDER)]


def announcement(job: RenderJob, estimate: Estimate, *, mine: bool = True) -> str:
    """What a screen reader is told; changes at every stage and every tenth, not at every poll. mine: the reader's own"""
    if job.cancels_at is not None:
        return f"{state_words(job)}. {_('It can still be taken back.')}"
    if job.status == Status.QUEUED:
        if estimate.paused:
            return f"{state_words(job)}. {_('Your queue is paused.')}" if mine else state_words(job)
        before = ngettext("%(count)d video before this one", "%(count)d videos before this one", estimate.ahead)
        return f"{state_words(job)}. {before % {'count': estimate.ahead}}"
    if job.status == Status.RUNNING and not job.cancel_requested:
        tens = int(job.progress * 10) * 10
        return f"{stage_words(job.stage)}. {tens} %"
    return f"{state_words(job)}. {sentences.shown(job.error_message)}".rstrip()


def how_words(job: RenderJob) -> list[str]:
    """What was chosen otherwise than usual, a line each."""
    usual, clock = Choice(), "{:.1f}–{:.1f} s"
    otherwise = job.preset not in ("", STANDARD.code)
    told = [
        (otherwise, presets.name_of(job.preset) if otherwise else ""),
        (job.excerpt is not None, _("a draft of %(seconds)g s") % {"seconds": job.excerpt or 0}),
        (job.engine != usual.engine, _("mouths %(how)s") % {"how": job.get_engine_display()}),
        (job.enhancer != usual.enhancer, job.get_enhancer_display()),
        (job.denoise, _("noise turned down")),
        (job.loudness, _("loudness evened")),
        (job.longer != usual.longer, job.get_longer_display()),
        (job.shorter != usual.shorter, job.get_shorter_display()),
        (job.quality < usual.quality, _("a finer picture")),
        (job.quality > usual.quality, _("a smaller file")),
        (job.codec != usual.codec, job.codec.upper()),
        (job.point_x is not None, _("the speaker was pointed at")),
    ]
    if job.part_start is not None or job.part_end is not None:
        part = clock.format(job.part_start or 0.0, job.clip.duration if job.part_end is None else job.part_end)
        told.append((True, _("the clip from %(part)s") % {"part": part}))
    return [words for is_so, words in told if is_so]


def consent_words(standing: Standing) -> str:
    """How things stand with a lecturer's consent, with the day where there is one."""
    ends = standing.consent.expires_on if standing.consent else None
    if standing.allows and ends is not None:
        day = date_format(ends, "DATE_FORMAT")
        sentence = _("Consent ends soon: %(day)s") if standing.state == "soon" else _("Consent until %(day)s")
        return sentence % {"day": day}
    return {
        "valid": _("Consent given"),
        "expired": _("Consent expired"),
        "withdrawn": _("Consent withdrawn"),
        "missing": _("No consent yet"),
    }[standing.state]
