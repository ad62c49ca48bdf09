"""Runs one render: the next job's row goes in, its final state and its video come out.

The engine works in a scratch folder of this attempt; the video gets its final name only when it has been verified, and
the row says so last. Whatever goes wrong before that leaves nothing behind but the finished segments, from which the next
attempt goes on.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from lipsync.errors import LipsyncError
from lipsync.media import probe_clip
from projects import claims, jobs, lanes, logs, objects, reconnecting, storage, wakeups
from projects.claims import Claim
from projects.engine import Engine, Event
from projects.errors import ProjectError, Unavailable
from projects.faults import Fault
from projects.models import Family, RenderJob, Stage
from projects.pace import Pace

BEAT_SECONDS = 5.0
PROGRESS_SECONDS = 2.0
POLL_SECONDS = 0.5
SAFETY_SECONDS = 5.0  # stop this long before the lease ends when the database cannot be reached
HASH_CHUNK_BYTES = 2**20
BUCKET_PATIENCE_SECONDS, BUCKET_REST_SECONDS = 600.0, 10.0
REST = timedelta(minutes=2)  # of a machine that lacks room or memory; it ends earlier when there is room again

logger = logging.getLogger(__name__)


class Interruption(Enum):
    """Why a render was stopped from outside."""

    CANCELLED = "stopped as its owner asked"
    LOST = "given up: another worker has this render now, or the database cannot be reached"
    WORKER_STOPS = "given back: the worker is being stopped"
    TOO_LONG = "stopped: it took longer than allowed"


class RenderInterruptedError(Exception):
    """The engine must be stopped before it is done."""

    def __init__(self, why: Interruption) -> None:
        super().__init__(why.value)
        self.why = why


class EngineDiedError(Exception):
    """The engine ended without a word, or what it made is not what it said. Worth another attempt.

    log_tail: the end of what it wrote to its standard error
    """

    def __init__(self, what: str, *, log_tail: str = "") -> None:
        super().__init__(what)
        self.log_tail = log_tail


class Pulse:
    """Renews a claim and stores progress, no more often than needed."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.pace = Pace()
        self._stored = replace(self.pace)
        self._renewed = self._tried = time.monotonic()

    def take(self, event: Event) -> None:
        """Note what a stage, progress or segments event says."""
        stage = str(event.get("stage") or "")
        if event["event"] == "stage" or (stage and stage != self.pace.stage):
            self.pace.enter(stage, now=time.monotonic())
        if event["event"] == "progress":
            self.pace.advance(int(event["done"]), int(event["total"]))
        if event["event"] == "segments":
            self.pace.keep(int(event["done"]), int(event["total"]))

    def beat(self) -> None:
        """Store and renew when it is time. Raises RenderInterruptedError when the job is cancelled or no longer ours."""
        now = time.monotonic()
        wait = PROGRESS_SECONDS if self.pace != self._stored else BEAT_SECONDS
        if now - self._tried < wait:
            return
        self._tried = now
        try:
            kept = claims.heartbeat(self.claim, self.pace)
            cancelled = not kept and claims.was_cancelled(self.claim)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if time.monotonic() - self._renewed > claims.LEASE.total_seconds() - SAFETY_SECONDS:
                raise RenderInterruptedError(Interruption.LOST) from error
            return
        if not kept:
            raise RenderInterruptedError(Interruption.CANCELLED if cancelled else Interruption.LOST)
        self._renewed, self._stored = now, replace(self.pace)


def run_next(*, lane: str = "") -> Claim | None:
    """Claim the next job and bring it to an end. Returns the claim, None when there was no job. lane: for the record"""
    with stop_signal() as stop:  # before the claim: a job taken by a worker that stops goes back at once
        claim = claims.claim(lane=lane, worker=f"{socket.gethostname()}:{os.getpid()}")
        if claim is not None:
            with lanes.holding(claim.job_id, claim.key):
                run(claim, stop)
    return claim


@translation.override(None)  # what is stored is English; `sentences` translates it for whoever reads
def run(claim: Claim, stop: threading.Event) -> None:
    """Bring a claimed job to an end. `stop` set: give it back."""
    job = RenderJob.objects.with_media().get(pk=claim.job_id)
    scratch = storage.scratch_folder(claim.job_id, claim.fence)
    pulse = Pulse(claim)
    try:
        if not job.clip.speaker.has_consent():  # it ended while the job waited
            _settle_fault(pulse, job, Fault(Family.INPUT, jobs.NO_CONSENT, jobs.without_consent(job.clip.speaker)))
            return
        storage.require_room(0)
        objects.require()
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        last = _drive(pulse, job, scratch, stop)
        if last["event"] == "error":
            _settle_fault(pulse, job, _told_by(last))
        else:
            _keep(pulse, job, last["result"], stop)
    except RenderInterruptedError as interruption:
        logs.record(job, "warning", str(interruption))
        _settle_interruption(pulse, job, interruption.why)
    except Exception as error:
        reconnecting.drop_if_dead()
        fault = _met_here(error)
        _settle_fault(pulse, job, fault)  # where the row was stored after all, e.g. as done, this changes nothing
        if fault.code == "bug":
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _drive(pulse: Pulse, job: RenderJob, scratch: Path, stop: threading.Event) -> Event:
    """Have the engine do the work. Returns its last event, `done` or `error`."""
    beat = partial(_go_on, pulse, stop)
    files = ((str(thing.file), thing.sha256) for thing in (job.clip, job.track))
    with ExitStack() as stack:
        clip, voice = (stack.enter_context(objects.local(name, sha256, beat=beat)) for name, sha256 in files)
        return _ask(pulse, job, scratch, stop, clip=clip, voice=voice)


def _ask(pulse: Pulse, job: RenderJob, scratch: Path, stop: threading.Event, *, clip: Path, voice: Path) -> Event:
    request = {
        "id": str(job.pk),
        "verb": "render",
        "clip": str(clip),
        "voice": str(voice),
        "output": str(claims.output_path(pulse.claim)),
        "scratch": str(scratch),
        "options": {
            "measure": True,
            "overview": True,
            "cache": str(storage.folder(storage.ANALYSES)),
            "segments": str(storage.folder(storage.SEGMENTS)),
            **job.choice.for_engine(),
        },
    }
    deadline = time.monotonic() + settings.RENDER_TIME_LIMIT_SECONDS
    with Engine(request=request, scratch=scratch) as engine:
        while True:
            event = engine.next_event(POLL_SECONDS)
            if event is not None:
                kind = event["event"]
                if kind in ("done", "error"):
                    return event
                if kind == "ended":
                    raise EngineDiedError("the engine ended without a result", log_tail=engine.log_tail())
                _note(job, event, pulse)
            if time.monotonic() > deadline:
                raise RenderInterruptedError(Interruption.TOO_LONG)
            _go_on(pulse, stop)


def _go_on(pulse: Pulse, stop: threading.Event) -> None:
    """Keep the claim. Raises RenderInterruptedError when the worker is being stopped, or as `Pulse.beat`."""
    if stop.is_set():
        raise RenderInterruptedError(Interruption.WORKER_STOPS)
    pulse.beat()


def _note(job: RenderJob, event: Event, pulse: Pulse) -> None:
    """Store what an event says."""
    if event["event"] == "log":
        text = str(event.get("message") or "")
        logs.record(job, str(event.get("level")), text, stage=str(event.get("stage") or pulse.pace.stage)[:12])
        return
    if event["event"] not in ("stage", "progress", "segments"):
        return
    before = pulse.pace.stage
    pulse.take(event)
    if event["event"] == "segments" and event["done"] == 1 < event["total"] - 1:
        wakeups.send()  # idle lanes may help with the others
    stage = pulse.pace.stage
    if event["event"] == "stage" and stage != before:
        logs.record(job, "info", str(Stage(stage).label), stage=stage)


def _told_by(event: Event) -> Fault:
    """Why the engine made no video, in its own words."""
    at = event.get("at")
    return Fault(
        family=str(event.get("family")),
        code=str(event.get("code") or "bug"),
        message=str(event.get("message") or "") or _("The engine reported an error without a reason. See the log."),
        at=float(at) if at is not None else None,
        log_tail=str(event.get("traceback") or ""),
    )


def _met_here(error: Exception) -> Fault:
    """What an exception on our side of the engine is called, and what to do about it."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, EngineDiedError):
        text = _("The engine stopped unexpectedly. Its last words are in the log of this attempt.")
        return Fault(Family.BUG, "engine_died", text, log_tail=f"{error}\n{error.log_tail}")
    if isinstance(error, OperationalError | InterfaceError):
        text = _("The database could not be reached when it was needed. Try again; if it happens again, see the log below.")
        return Fault(Family.ENVIRONMENT, "database_lost", text, log_tail=trace)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        text = _("The server has too little memory left for a render. Ask the administrator to make room, then try again.")
        return Fault(Family.ENVIRONMENT, "out_of_memory", text, log_tail=trace)
    if isinstance(error, ProjectError | OSError):
        refusal = error if isinstance(error, ProjectError) else storage.fault(error)
        return Fault(Family.ENVIRONMENT, refusal.code, refusal.message, log_tail=trace)
    text = _("Something went wrong on our side. The log has the details.")
    return Fault(Family.BUG, "bug", text, log_tail=trace)


def _settle_fault(pulse: Pulse, job: RenderJob, fault: Fault) -> None:
    """Log a fault and do what follows from it."""
    logs.record(job, "error", f"{fault.code}: {fault.message}\n{fault.log_tail}")
    if claims.fail(pulse.claim, fault, pulse.pace) and fault.rule.pauses_node:
        lanes.pause_node(fault.code, Now() + REST)


def _keep(pulse: Pulse, job: RenderJob, result: dict[str, Any], stop: threading.Event) -> None:
    """Verify the engine's video, give it its final name, and say so in the row."""
    claim = pulse.claim
    made = claims.output_path(claim)
    _verify(made, result, pulse)
    storage.settle(made)
    name = storage.render_name(claim.job_id, claim.fence)
    _bring_home(pulse, job, made, name, result["sha256"], stop)
    os.utime(made)  # measuring may have taken long; to the sweep, the file's age counts from here
    final = storage.folder(storage.RENDERS) / Path(name).name
    made.replace(final)
    storage.share(final)
    storage.settle_folder(final.parent)
    # Should the database's answer get lost, the row may say that it is done: then the sweep decides about the file.
    if not claims.finish(claim, name=name, result=result):
        objects.forget(name)
        raise RenderInterruptedError(Interruption.CANCELLED if claims.was_cancelled(claim) else Interruption.LOST)
    logs.record(job, "info", f"done: {result['duration']:.2f} s of video")


def _bring_home(pulse: Pulse, job: RenderJob, made: Path, name: str, sha256: str, stop: threading.Event) -> None:
    """Store the video in the bucket where there is one. While that does not answer, what took hours waits for some minutes."""
    deadline = time.monotonic() + BUCKET_PATIENCE_SECONDS
    while True:
        try:
            return objects.keep(made, name, sha256, beat=pulse.beat)
        except Unavailable as error:
            if time.monotonic() > deadline:
                raise
            logs.record(job, "warning", f"the video waits for the bucket: {error.message}")
        again = time.monotonic() + BUCKET_REST_SECONDS
        while time.monotonic() < again:
            _go_on(pulse, stop)
            stop.wait(POLL_SECONDS)


def _verify(made: Path, result: dict[str, Any], pulse: Pulse) -> None:
    """The file is there, whole, and is the video that the engine says it made. Raises EngineDiedError."""
    try:
        if made.stat().st_size != result["size"] or _sha256(made, pulse) != result["sha256"]:
            raise EngineDiedError("the engine's video is not the file it reported")
        facts = probe_clip(made)
    except (OSError, LipsyncError) as error:
        raise EngineDiedError(f"the engine's video cannot be read: {error}") from error
    if (facts.width, facts.height) != (result["width"], result["height"]) or not facts.has_sound:
        raise EngineDiedError("the engine's video lacks its sound or has another size than reported")


def _sha256(path: Path, pulse: Pulse) -> str:
    """The file's digest; the claim is kept meanwhile, for a long video on a slow disk takes longer than a lease."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASH_CHUNK_BYTES):
            digest.update(piece)
            pulse.beat()
    return digest.hexdigest()


def _settle_interruption(pulse: Pulse, job: RenderJob, why: Interruption) -> None:
    if why is Interruption.CANCELLED:
        claims.settle_cancelled(pulse.claim)
    elif why is Interruption.WORKER_STOPS:
        claims.give_back(pulse.claim, pulse.pace)
    elif why is Interruption.TOO_LONG:
        text = _("The render took longer than {hours} hours and was stopped. Use a shorter voice.").format(
            hours=f"{settings.RENDER_TIME_LIMIT_SECONDS / 3600:.1f}"
        )
        _settle_fault(pulse, job, Fault(Family.ENVIRONMENT, "took_too_long", text))


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM sets while the block runs, so that a stopping worker gives its job back first."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, previous)
        if stop.is_set():
            signal.raise_signal(signal.SIGTERM)
