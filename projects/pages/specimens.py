"""Every part that pages are made of, in every state it can be in, made from rows that nobody stores.

Each is the real fragment of templates/parts with real values: what the style guide shows is what pages show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from projects.batches import Progress
from projects.consents import Standing
from projects.estimates import Estimate
from projects.forms import ClipForm, ProjectForm
from projects.models import (
    AudioTrack,
    Consent,
    JobLogLine,
    Preview,
    Project,
    RenderJob,
    RenderOutput,
    Role,
    Speaker,
    SpeakerClip,
    Status,
    Upload,
    UploadKind,
)
from projects.pages import figures, telling
from projects.pages.people import signed_in
from projects.pages.turns import Turn

SHOWN_ID = UUID(int=0)
LISTS = ("jobs", "clips", "voices", "arrivals")
NO_FACE = "No face was found in the clip. Film one person, face to the camera, larger in the picture."
TURNED = "The face is turned too far to the side in places, where the clip passes unchanged. Film with the face to the camera."
VERDICTS = {
    "ready": "",
    "warnings": TURNED,
    "refused": NO_FACE,
}


@dataclass(frozen=True, slots=True)
class Specimen:
    """One part in one state. part: its file in templates/parts; state: in words; inside: the class of what it lies in"""

    part: str
    state: str
    context: dict[str, Any]
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The same with what came out. html: of several states of one part, each in its turn"""

    part: str
    inside: str
    states: list[tuple[str, SafeString]] = field(default_factory=list)

    @property
    def is_row(self) -> bool:
        """Whether it is one of a list."""
        return self.inside in LISTS


def shown(request: HttpRequest) -> list[Shown]:
    """All of them, each part once with all its states."""
    found: dict[str, Shown] = {}
    for specimen in _all(request):
        html = render_to_string(f"parts/{specimen.part}.html", specimen.context, request)
        found.setdefault(specimen.part, Shown(specimen.part, specimen.inside)).states.append((specimen.state, html))
    return list(found.values())


def _all(request: HttpRequest) -> Iterator[Specimen]:
    yield from _forms()
    yield from _notes()
    yield from _renders(request)
    yield from _library()
    yield from _batches()


def _forms() -> Iterator[Specimen]:
    empty, wrong = ProjectForm(), ProjectForm({"name": ""})
    clip = ClipForm()
    yield Specimen("field", "empty", {"field": empty["name"]})
    yield Specimen("field", "refused", {"field": wrong["name"]})
    yield Specimen("field", "with a hint", {"field": clip["title"]})
    yield Specimen("tick", "usual", {"field": clip["consent"]})
    yield Specimen("form_errors", "refused", {"form": wrong})
    yield Specimen("notes", "refused", {"errors": [NO_FACE]})
    yield Specimen("travel", "while a file travels, without scripts hidden", {})
    yield Specimen("pages", "in the middle", {"page": Paginator(range(30), 10).page(2)})


def _notes() -> Iterator[Specimen]:
    levels = {"told": constants.INFO, "done": constants.SUCCESS, "warned": constants.WARNING, "refused": constants.ERROR}
    for state, level in levels.items():
        yield Specimen("messages", state, {"messages": [Message(level, "“Lecture 1” is in the bin.")]})
    yield Specimen("queue_paused", "usual", {})
    yield Specimen("advice_video", "folded", {})
    yield Specimen("advice_voice", "folded", {})
    yield Specimen("roles", "usual", {})


def _job(status: Status, **fields: Any) -> RenderJob:
    """A render that nobody stores."""
    now = timezone.now()
    home = Project(name="Physics 1", pk=SHOWN_ID).seen_as(Role.OWNER)
    clip = _clip("ready", home)
    track = AudioTrack(project=home, title="Lesson 1, German", duration=62.0, size=1_900_000, language="de", pk=SHOWN_ID)
    facts = {"created_at": now, "started_at": now - timedelta(seconds=70), "finished_at": now} | fields
    job = RenderJob(pk=SHOWN_ID, project=home, clip=clip, track=track, status=status, **facts)
    vars(job)["found_editable"] = True
    return job


def _clip(verdict: str, home: Project, **fields: Any) -> SpeakerClip:
    speaker = Speaker(project=home, name="Ada Lovelace", pk=SHOWN_ID)
    facts = {"width": 1920, "height": 1080, "size": 52_400_000, "duration": 48.0, "has_sound": True} | fields
    clip = SpeakerClip(pk=SHOWN_ID, speaker=speaker, title="Lecture 1", **facts)
    card = {"verdict": verdict, "findings": [{"sentence": VERDICTS[verdict]}] if VERDICTS.get(verdict) else []}
    state = "done" if verdict in VERDICTS else "waiting"
    note = NO_FACE if verdict == "given up" else ""
    strip = Preview(clip=clip, kind="strip", state="given_up" if note else state, card=card, note=note)
    vars(clip)["_prefetched_objects_cache"] = {"previews": [strip]}  # as `access` finds it
    return clip


def _renders(request: HttpRequest) -> Iterator[Specimen]:
    now, user = timezone.now(), signed_in(request)
    waits = Estimate(2, now + timedelta(minutes=4), now + timedelta(minutes=6), False, now)
    runs = {"stage": "render", "frames_done": 250, "frames_total": 1000, "progress": 0.6, "seconds_left": 175.0}
    fails = {"error_code": "no_face", "error_message": NO_FACE, "error_at": 3.2}
    jobs = {
        "waits": _job(Status.QUEUED, created_by=user),
        "runs": _job(Status.RUNNING, created_by=user, **runs),
        "is being stopped": _job(Status.RUNNING, created_by=user, cancel_requested=True, **runs),
        "is done": _job(Status.SUCCEEDED),
        "failed": _job(Status.FAILED, **fails),
        "was cancelled": _job(Status.CANCELLED),
    }
    for state, job in jobs.items():
        yield Specimen("state", state, {"job": job})
    for state in ("waits", "runs", "is being stopped"):
        turn = Turn(jobs[state], waits, telling.stage_words("render"))
        yield Specimen("live_row", state, {"turn": turn, "job": turn.job, "estimate": waits}, "jobs")
    for state in ("failed", "was cancelled"):
        yield Specimen("ended_row", state, {"job": jobs[state]}, "jobs")
    yield Specimen("job_queued", "waits", {"job": jobs["waits"], "estimate": waits})
    yield Specimen(
        "job_running", "runs", {"job": jobs["runs"], "estimate": waits, "stage_words": telling.stage_words("render")}
    )
    yield Specimen("steps", "runs", {"steps": telling.steps(jobs["runs"])})
    told = RenderOutput(notices=[TURNED])
    judged = figures.in_words({"aperture_followed": 0.9, "sharpness": 0.7, "face_found": 0.5})
    yield Specimen("figures", "good, fair and poor", {"output": told, "figures": judged})
    lines = [JobLogLine(text=text, level=level, at=now) for text, level in (("claimed by cpu-1", "info"), ("no room", "error"))]
    yield Specimen("log", "usual", {"log_lines": lines})
    yield Specimen("log", "nothing yet", {"log_lines": []})


def _library() -> Iterator[Specimen]:
    home = Project(name="Physics 1", pk=SHOWN_ID).seen_as(Role.OWNER)
    today = timezone.localdate()
    ends = Consent(expires_on=today + timedelta(days=9))
    for state in ("valid", "soon", "expired", "withdrawn", "missing"):
        standing = Standing(state, ends if state == "soon" else None)
        yield Specimen("consent_state", state, {"standing": standing})
    for state in (*VERDICTS, "being looked at", "given up"):
        yield Specimen("clip", state, {"clip": _clip(state, home), "project": home, "standing": Standing("valid")}, "clips")
    waves = {"drawn": bytes(range(0, 240, 2)), "very quiet": bytes([0, 5] * 60), "silent": bytes(120), "not drawn yet": None}
    heard = {"project": home, "title": "Lesson 1", "duration": 62.0, "size": 1_900_000, "language": "de"}
    for state, peaks in waves.items():
        track = AudioTrack(pk=SHOWN_ID, peaks=peaks, **heard)
        yield Specimen("voice", state, {"track": track, "project": home}, "voices")
    facts = {"project": home, "kind": UploadKind.CLIP, "name": "lecture 4.mp4", "size": 734_000_000, "offset": 210_000_000}
    yield Specimen("upload_row", "broken off", {"upload": Upload(**facts)}, "arrivals")
    refused = Upload(**facts, error_code="no_face", error_message=NO_FACE)
    yield Specimen("upload_row", "refused", {"upload": refused}, "arrivals")


def _batches() -> Iterator[Specimen]:
    counts: dict[str, int] = {Status.SUCCEEDED: 12, Status.QUEUED: 7, Status.FAILED: 1}
    yield Specimen("batch_counts", "being made", {"progress": Progress(20, counts, 0.65)})
    for status in Status:
        yield Specimen("batch_cell", str(status.label), {"job": _job(status, progress=0.4)}, "cells")
