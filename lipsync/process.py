"""The engine as a process of its own: requests come in as JSON lines on standard input, events go out on standard output.

Requests: {"id", "verb": "render", "clip", "voice", "output", "options": {...}}, {"id", "verb": "preflight", "clip",
"picture", "options": {...}}, {"id", "verb": "rendition", "clip", "output"} for a light copy to watch, {"id", "verb":
"ping"}, and between engines {"id", "verb": "segment", ...} for a part of a render and {"id", "verb": "assist", "task"} for
whatever parts of it nobody is at. "scratch" is where temporary files of a request go.
Events: {"id", "event": "stage" | "progress" | "segments" | "log" | "done" | "error", ...}; exactly one "done" or "error" ends a
request. The process lives until its input ends. It knows no database and needs no secrets.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lipsync import __version__
from lipsync.contracts import RenderOptions, SpeakerPoint
from lipsync.errors import EnvironmentFault, LipsyncError
from lipsync.media import Encoding, SoundChoice, save_rendition
from lipsync.memory import give_back

PROGRESS_SECONDS = 0.5
NETWORK_OPTIONS = ("engine", "enhancer", "tracker", "weights", "device", "precision")
PLAIN_OPTIONS = ("measure", "overview", "longer", "shorter", "start", "end", "excerpt", "workers", *NETWORK_OPTIONS)


@dataclass(slots=True)
class LineReporter:
    """Turns what happens during a render into event lines."""

    answers: IO[str]
    request: str
    _current: str = ""
    _told: float = field(default=-PROGRESS_SECONDS)

    def send(self, event: str, **facts: Any) -> None:
        """Write one event at once."""
        self.answers.write(json.dumps({"id": self.request, "event": event, **facts}) + "\n")
        self.answers.flush()

    def stage(self, name: str) -> None:
        """See `lipsync.contracts.Reporter`."""
        self._current = name
        self.send("stage", stage=name)

    def progress(self, stage: str, done: int, total: int) -> None:
        """See `lipsync.contracts.Reporter`. Thinned out, but the last frame is always told."""
        now = time.monotonic()
        if now - self._told >= PROGRESS_SECONDS or done >= total:
            self._told = now
            self.send("progress", stage=stage, done=done, total=total)

    def steps(self, stage: str, total: int) -> Callable[[], None]:
        """What is called once for every one of `total` steps of a stage."""
        done = itertools.count(1)
        return lambda: self.progress(stage, next(done), total)

    def segments(self, done: int, total: int, task: Path | None) -> None:
        """See `lipsync.contracts.Reporter`."""
        self.send("segments", done=done, total=total, task=None if task is None else str(task.absolute()))

    def note(self, level: str, message: str) -> None:
        """See `lipsync.contracts.Reporter`."""
        self.send("log", level=level, message=message, stage=self._current)


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests one after the other until there are no more."""
    for line in requests:
        if not line.strip():
            continue
        try:
            request: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError as error:
            LineReporter(answers, "").send("error", family="bug", code="bad_request", message=str(error), at=None)
            continue
        _answer(request, LineReporter(answers, str(request.get("id", ""))))
        gc.collect()  # what refers to itself in a circle may hold a whole clip's pictures
        give_back()


def _answer(request: dict[str, Any], reporter: LineReporter) -> None:
    try:
        with _temporary_files_in(request.get("scratch")):
            result = _perform(request, reporter)
        reporter.send("done", result=result)
    except LipsyncError as error:
        reporter.send(
            "error",
            family=error.family,
            code=error.code,
            message=error.message,
            at=error.at,
            log=error.log,
            traceback="".join(traceback.format_exception(error)) + error.log,
        )
    except MemoryError as error:
        reporter.send(
            "error",
            family=EnvironmentFault.family,
            code="out_of_memory",
            message="The machine has too little free memory for this. Try again when less else runs on it.",
            at=None,
            traceback="".join(traceback.format_exception(error)),
        )
    except Exception as error:  # the process's edge: a bug must reach whoever asked, not only the log
        reporter.send(
            "error",
            family="bug",
            code="engine_bug",
            message="The engine met a fault of its own. Send the log of this job to whoever looks after the installation.",
            at=None,
            traceback="".join(traceback.format_exception(error)),
        )


def _perform(request: dict[str, Any], reporter: LineReporter) -> dict[str, Any]:
    if request["verb"] == "ping":
        return {"version": __version__}
    if request["verb"] == "render":
        begun = time.monotonic()
        from lipsync.engines import render  # noqa: PLC0415 - heavy; a ping shall answer at once

        loading = time.monotonic() - begun
        clip, voice, output = (Path(request[name]) for name in ("clip", "voice", "output"))
        made = render(clip, voice, output, options_from(request.get("options", {})), reporter).as_dict()
        made["timings"]["load"] = round(made["timings"].get("load", 0.0) + loading, 3)
        return made
    if request["verb"] == "preflight":
        from lipsync.judging import preflight  # noqa: PLC0415 - heavy

        picture = Path(request["picture"]) if request.get("picture") else None
        return preflight(Path(request["clip"]), options_from(request.get("options", {})), reporter, picture).as_dict()
    if request["verb"] == "rendition":
        return dict(save_rendition(Path(request["clip"]), Path(request["output"])).as_dict())
    if request["verb"] == "teach":
        from lipsync.teaching import teach_clip  # noqa: PLC0415 - heavy

        return dict(teach_clip(Path(request["clip"]), options_from(request.get("options", {})), reporter))
    if request["verb"] == "speech":
        from lipsync.hearing import hear  # noqa: PLC0415 - heavy
        from lipsync.sound.utterance import utterance_of  # noqa: PLC0415

        return utterance_of(hear(Path(request["voice"]))).as_dict()
    if request["verb"] == "segment":
        from lipsync.spreading import render_request  # noqa: PLC0415 - heavy
        from lipsync.threads import one_thread  # noqa: PLC0415

        with one_thread():
            render_request(request, reporter.steps("render", request["last"] - request["first"]))
        return {}
    if request["verb"] == "assist":
        from lipsync.spreading import assist  # noqa: PLC0415 - heavy
        from lipsync.threads import one_thread  # noqa: PLC0415

        with one_thread():
            return {"rendered": assist(Path(request["task"]))}
    raise ValueError(f"unknown verb {request['verb']!r}")


def options_from(values: dict[str, Any]) -> RenderOptions:
    """Render options from plain values. Raises UnusableInput for one that cannot be."""
    encoding = Encoding(**{name: values[name] for name in ("quality", "preset", "codec") if name in values})
    sound = SoundChoice(**{name: values[name] is True for name in ("denoise", "loudness") if name in values})
    plain: dict[str, Any] = {name: values[name] for name in PLAIN_OPTIONS if name in values}
    plain |= {name: Path(values[name]) for name in ("cache", "segments") if values.get(name)}
    point = SpeakerPoint.of(values["point"]) if values.get("point") is not None else None
    return RenderOptions(encoding, sound, point=point, **plain)


@contextlib.contextmanager
def _temporary_files_in(folder: str | None) -> Iterator[None]:
    """Have this process and the programs it starts put their temporary files there."""
    before = {"TMPDIR": os.environ.get("TMPDIR")} if folder else {}
    try:
        if folder:
            os.environ["TMPDIR"] = tempfile.tempdir = folder
        yield
    finally:
        for name, value in before.items():
            tempfile.tempdir = None
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def own_standard_output() -> Any:
    """Keep standard output for events alone: whatever a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        yield answers
    finally:
        answers.close()


if __name__ == "__main__":
    with own_standard_output() as lines:
        serve(sys.stdin, lines)
