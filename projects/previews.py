"""What is made of clips to look at: clips go in, a light film and a strip of pictures with the face drawn come out, once each.

They are made one at a time beside everything else, gently, and never keep a render waiting. A row says what is to be made; who
makes it holds the row for a while at a time, so that after a death another one begins anew. What failed is tried once more and
then given up with a sentence. Nobody's face is looked at without their consent.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from projects import objects, rendering, storage, turns
from projects.engine import Engine
from projects.errors import ProjectError
from projects.models import Consent, Preview, PreviewKind, PreviewState, SpeakerClip
from projects.models.previews import MOST_ATTEMPTS

LEASE = timedelta(seconds=60)
PAUSE = timedelta(seconds=30)  # before the second attempt
BEAT_SECONDS, POLL_SECONDS, BETWEEN_SECONDS = 10.0, 0.5, 15.0
PLANNED_AT_ONCE = 200
ENDINGS = {PreviewKind.FILM: ".mp4", PreviewKind.STRIP: ".jpg"}

logger = logging.getLogger(__name__)


class Ended(Enum):
    """How an attempt was broken off from outside."""

    STOPPED = "the worker is being stopped"
    RENDER_WAITS = "a render waits"
    LOST = "the clip is gone, or another worker has this preview now"


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no file. for_good: another attempt would end the same; sentence: English, fit for a person"""

    for_good: bool
    sentence: str


def spend(between: Callable[[], None]) -> None:
    """Make what there is to make, until the worker is being stopped. between: what else is due every few seconds meanwhile"""
    with rendering.stop_signal() as stop:
        while not stop.is_set() and make_next(stop, between):
            pass


def make_next(stop: threading.Event, between: Callable[[], None] = lambda: None) -> bool:
    """Make the next one. Whether there may be more to do."""
    give_up_lost()
    plan()
    try:
        storage.require_room(0)
        objects.require()
    except ProjectError:
        return False
    preview = _claimed()
    if preview is None:
        return False
    with _scratch(preview) as folder:
        outcome = _made(preview, folder, stop, between)
        if isinstance(outcome, Ended):
            logger.info("the %s of the clip %s was left: %s", preview.kind, preview.clip_id, outcome.value)
            _let_go(preview)
            return outcome is Ended.LOST
        if isinstance(outcome, Failed):
            _settle_failure(preview, outcome)
        else:
            _keep(preview, folder, outcome)
    return True


def ask_for(clip: SpeakerClip) -> None:
    """Have a new clip's light film made, so that its page can say so; its strip is asked for once there is a consent."""
    if settings.MAKE_PREVIEWS:
        Preview.objects.create(clip=clip, kind=PreviewKind.FILM)


def plan() -> int:
    """Ask for what is missing of the clips that are kept. Returns how many previews.

    A strip shows a face: without the person's consent none is asked for.
    """
    agreed = Exists(Consent.objects.valid().filter(speaker=OuterRef("speaker")))
    there = {kind: Exists(Preview.objects.filter(clip=OuterRef("pk"), kind=kind)) for kind in PreviewKind}
    kept = SpeakerClip.objects.kept()
    missing = {PreviewKind.FILM: kept.filter(~there[PreviewKind.FILM])}
    missing[PreviewKind.STRIP] = kept.filter(~there[PreviewKind.STRIP], agreed)
    rows = [
        Preview(clip_id=clip_id, kind=kind)
        for kind, clips in missing.items()
        for clip_id in clips.values_list("pk", flat=True)[:PLANNED_AT_ONCE]
    ]
    Preview.objects.bulk_create(rows, ignore_conflicts=True)  # somebody else may plan at this moment
    return len(rows)


def give_up_lost() -> int:
    """End those whose makers died as often as they may. Returns how many."""
    note = gettext_noop("Making it was broken off twice. The server's log says why.")
    return Preview.objects.lost().update(state=PreviewState.GIVEN_UP, note=note, lease_until=None)


def remove(clips: list[SpeakerClip]) -> None:
    """Remove the files and rows of clips that go for good."""
    rows = Preview.objects.filter(clip__in=clips)
    for name in rows.exclude(file="").values_list("file", flat=True):
        try:
            objects.forget(name)
        except (OSError, ProjectError):
            logger.exception("the preview %s could not be removed; the sweep tries again", name)
    rows.delete()


def _claimed() -> Preview | None:
    """One that nobody is at, held from now on. Films come first: without one a clip may not be seen at all."""
    free = Preview.objects.free().filter(clip__binned_at__isnull=True).order_by("kind", "-id")
    if turns.anything_due():
        free = free.filter(kind=PreviewKind.FILM)
    for preview in free.select_related("clip")[:5]:
        mine = Preview.objects.free().filter(pk=preview.pk, attempts=preview.attempts)
        if mine.update(attempts=F("attempts") + 1, lease_until=Now() + LEASE):
            preview.attempts += 1
            return preview
    return None


def _mine(preview: Preview) -> Any:
    """The row, while this attempt holds it. Where its clip has gone, so has the row."""
    return Preview.objects.filter(pk=preview.pk, state=PreviewState.WAITING, attempts=preview.attempts)


@contextmanager
def _scratch(preview: Preview) -> Iterator[Path]:
    folder = storage.folder(storage.SCRATCH) / f"preview-{settings.LANE or 'nobody'}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(
    preview: Preview, folder: Path, stop: threading.Event, between: Callable[[], None]
) -> Mapping[str, Any] | Failed | Ended:
    """Have the engine make the file. Returns what it tells of it."""
    try:
        with objects.local(str(preview.clip.file), preview.clip.sha256) as clip:
            return _asked(preview, _request(preview, clip, folder), folder, stop, between)
    except (ProjectError, OSError) as error:
        logger.exception("the %s of the clip %s could not be made", preview.kind, preview.clip_id)
        return Failed(False, (error if isinstance(error, ProjectError) else storage.fault(error)).message)


def _asked(
    preview: Preview, request: dict[str, Any], folder: Path, stop: threading.Event, between: Callable[[], None]
) -> Mapping[str, Any] | Failed | Ended:
    deadline = time.monotonic() + settings.RENDER_TIME_LIMIT_SECONDS
    beaten = done_between = time.monotonic()
    with Engine(request=request, scratch=folder, apart=True) as engine:
        while True:
            event = engine.next_event(POLL_SECONDS)
            if event is not None and event["event"] == "done":
                return dict(event["result"])
            if event is not None and event["event"] in ("error", "ended"):
                logger.warning("%s of clip %s: %s\n%s", preview.kind, preview.clip_id, event, engine.log_tail())
                return _failure(event)
            now = time.monotonic()
            if now - done_between > BETWEEN_SECONDS:
                done_between = now
                between()
            if now - beaten > BEAT_SECONDS:
                beaten = now
                if not _mine(preview).update(lease_until=Now() + LEASE):
                    return Ended.LOST
            if stop.is_set():
                return Ended.STOPPED
            if preview.kind == PreviewKind.STRIP and turns.anything_due():
                return Ended.RENDER_WAITS
            if now > deadline:
                return Failed(False, gettext_noop("It took longer than a render may take."))


def _request(preview: Preview, clip: Path, folder: Path) -> dict[str, Any]:
    output = str(folder / f"made{ENDINGS[PreviewKind(preview.kind)]}")
    if preview.kind == PreviewKind.FILM:
        return {"verb": "rendition", "clip": str(clip), "output": output}
    options = {"cache": str(storage.folder(storage.ANALYSES))}
    return {"verb": "preflight", "clip": str(clip), "picture": output, "options": options}


def _failure(event: Mapping[str, Any]) -> Failed:
    """A fault of the file comes again; one of the machine, or a death, may not."""
    text = gettext_noop("The engine stopped unexpectedly. Its last words are in the server's log.")
    return Failed(event.get("family") == "input", str(event.get("message") or text))


def _let_go(preview: Preview) -> None:
    """Leave it to whoever comes next, as if nobody had begun."""
    _mine(preview).update(attempts=F("attempts") - 1, lease_until=None)


def _settle_failure(preview: Preview, failed: Failed) -> None:
    if failed.for_good or preview.attempts >= MOST_ATTEMPTS:
        _mine(preview).update(state=PreviewState.GIVEN_UP, note=failed.sentence, lease_until=None)
    else:
        _mine(preview).update(lease_until=Now() + PAUSE)


def _keep(preview: Preview, folder: Path, told: Mapping[str, Any]) -> None:
    """Give the file its final name, and say so in the row last. A row that has gone meanwhile leaves no file."""
    ending = ENDINGS[PreviewKind(preview.kind)]
    made = folder / f"made{ending}"
    if preview.kind == PreviewKind.FILM and not told["needed"]:
        _mine(preview).update(state=PreviewState.NEEDLESS, lease_until=None)
        return
    storage.settle(made)
    name = f"{storage.PREVIEWS}/{preview.clip_id}{ending}"
    final = storage.folder(storage.PREVIEWS) / Path(name).name
    size = made.stat().st_size
    if not _mine(preview).update(lease_until=Now() + LEASE):
        return
    made.replace(final)
    storage.share(final)
    storage.settle_folder(final.parent)
    card = dict(told) if preview.kind == PreviewKind.STRIP else {}
    with objects.kept(name):
        kept = _mine(preview).update(state=PreviewState.DONE, file=name, size=size, card=card, lease_until=None)
    if not kept and not Preview.objects.filter(file=name).exists():
        objects.forget(name)
