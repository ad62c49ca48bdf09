"""What a lane does while no render waits for one: it helps with a render that runs, makes previews where nobody else does, or
teaches the network a clip.

Both stop as soon as a render waits. Nothing is lost by that but the part at hand, and nobody waits for either.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import Any

from django.conf import settings

from lipsync.keeping import being_rendered, name_for, untaught
from projects import lanes, objects, previews, rendering, storage, turns
from projects.engine import Engine, Event
from projects.errors import ProjectError
from projects.models import Consent, Kind, SpeakerClip

POLL_SECONDS = 0.5

logger = logging.getLogger(__name__)


def spend() -> None:
    """Find something useful to do, until a render waits, the worker is being stopped, or there is nothing left."""
    with rendering.stop_signal() as stop:
        while help_a_render(stop) or _make_a_preview(stop) or (settings.TEACH_WHILE_IDLE and teach_a_clip(stop)):
            pass


def help_a_render(stop: threading.Event) -> bool:
    """Render parts of the oldest render that runs and has some which nobody is at. Whether there is more to do."""
    for task in being_rendered(storage.folder(storage.SEGMENTS)):
        done = _asked({"verb": "assist", "task": str(task)}, stop)
        lanes.note_loaded()  # a process that was broken off is gone
        if done is None:
            return False
        if done.get("rendered"):
            logger.info("helped with %s parts of the render %s", done["rendered"], task.stem)
            return True
    return False


def _make_a_preview(stop: threading.Event) -> bool:
    """Where no housekeeping lane does, and no render waits. Whether there is more to do."""
    if not settings.MAKE_PREVIEWS or turns.anything_due() or lanes.working(Kind.IO).exists():
        return False
    return previews.make_next(stop)


def teach_a_clip(stop: threading.Event) -> bool:
    """Teach the network the clip that was rendered from last, of those it was not taught yet. Whether there is more to do.

    Renders of the clip follow a voice better from then on, where there was enough to learn. Without the person's consent
    nothing is learnt of them.
    """
    root = storage.folder(storage.ANALYSES)
    names = untaught(root)
    agreed = SpeakerClip.objects.kept().filter(speaker__in=Consent.objects.valid().values("speaker"))
    clips = {name_for(clip.sha256): clip for clip in agreed.only("sha256", "file")} if names else {}
    clip = next((clips[name] for name in names if name in clips), None)
    if clip is None:
        return False
    try:
        with objects.local(str(clip.file), clip.sha256) as path:
            learnt = _asked({"verb": "teach", "clip": str(path), "options": {"cache": str(root)}}, stop, apart=True)
    except ProjectError as error:
        logger.warning("the clip %s could not be taught: %s", clip.pk, error.message)
        return False
    if learnt is not None:
        logger.info("what came of teaching the clip %s: %s", clip.pk, learnt)
    return learnt is not None


def _asked(request: dict[str, Any], stop: threading.Event, *, apart: bool = False) -> dict[str, Any] | None:
    """What the engine makes of a request; None where it was broken off, or failed."""
    scratch = storage.folder(storage.SCRATCH) / f"idle-{settings.LANE or 'nobody'}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        with Engine(request=request, scratch=scratch, apart=apart) as engine:
            last = _last_event(engine, stop)
            if last is not None and last["event"] != "done":
                logger.warning("%s ended with %s\n%s", request["verb"], last.get("code", last["event"]), engine.log_tail())
    except OSError:
        logger.exception("no engine could be asked to %s", request["verb"])
        return None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return dict(last["result"]) if last is not None and last["event"] == "done" else None


def _last_event(engine: Engine, stop: threading.Event) -> Event | None:
    """How the request ends; None when something more important comes in between."""
    deadline = time.monotonic() + settings.RENDER_TIME_LIMIT_SECONDS
    while not stop.is_set() and time.monotonic() < deadline and not turns.anything_due():
        event = engine.next_event(POLL_SECONDS)
        if event is not None and event["event"] in ("done", "error", "ended"):
            return event
    return None
