"""An engine that does as its first argument says, for tests of timing and failure. It speaks the engine's own lines, and lives
for one request after another.

Arguments after the script's name: what to do, then a video to hand out as the result where there is one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOREVER = 600
SEGMENTS = 3


def say(request: dict[str, Any], event: str, **facts: Any) -> None:
    """One event."""
    sys.stdout.write(json.dumps({"id": request["id"], "event": event, **facts}) + "\n")
    sys.stdout.flush()


def hand_out(request: dict[str, Any], video: Path, **changed: Any) -> None:
    """Deliver the video as the result."""
    output = Path(request["output"])
    part = output.with_suffix(".part")
    shutil.copy(video, part)
    part.replace(output)
    result = {
        "output": str(output),
        "duration": 1.0,
        "frames": 10,
        "width": 128,
        "height": 96,
        "frame_rate": "10",
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "size": output.stat().st_size,
        "timings": {"look": 0.1, "render": 0.2},
        "quality": {"sharpness": 0.9, "follow": None},
        "notices": ["The voice is shorter than the clip."],
    }
    say(request, "done", result={**result, **changed})


def begin(request: dict[str, Any]) -> None:
    """What every script does first."""
    Path(request["scratch"], "touched").write_text(json.dumps(dict(os.environ)))
    say(request, "stage", stage="look")
    say(request, "log", level="info", message="a face in every frame", stage="look")
    say(request, "stage", stage="render")
    say(request, "progress", stage="render", done=4, total=10)


def render_segments(request: dict[str, Any], *, at_most: int) -> bool:
    """Render so many of the segments that are not there yet. Whether all are there now."""
    folder = Path(request["options"]["segments"])
    done = len(list(folder.iterdir()))
    say(request, "segments", done=done, total=SEGMENTS)
    for number in range(done, min(done + at_most, SEGMENTS)):
        (folder / f"segment-{number}").touch(exist_ok=False)
        say(request, "log", level="info", message=f"rendered segment {number}")
        say(request, "segments", done=number + 1, total=SEGMENTS)
    return done + at_most >= SEGMENTS


def stall(request: dict[str, Any]) -> None:
    """Run on, with a child in the same group and one in a group of its own."""
    sleeper = [sys.executable, "-c", f"import time; time.sleep({FOREVER})"]
    children = [subprocess.Popen(sleeper), subprocess.Popen(sleeper, start_new_session=True)]
    say(request, "log", level="info", message=f"children {' '.join(str(child.pid) for child in children)}")
    time.sleep(FOREVER)


def die(request: dict[str, Any], video: Path) -> None:
    """End without an answer."""
    sys.stderr.write("Segmentation fault\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def one_segment(request: dict[str, Any], video: Path) -> None:
    """Die after one more segment, unless that was the last."""
    if not render_segments(request, at_most=1):
        die(request, video)
    hand_out(request, video)


def refuse(request: dict[str, Any], video: Path) -> None:
    """The user's file is at fault."""
    say(request, "error", family="input", code="no_face", message="No face is seen. Film one.", at=0.4, traceback="")


def fault(family: str, code: str, message: str, traceback: str = "") -> Callable[[dict[str, Any], Path], None]:
    """A script that reports this error."""
    return lambda request, video: say(request, "error", family=family, code=code, message=message, at=None, traceback=traceback)


def stubborn(request: dict[str, Any], video: Path) -> None:
    """Run on, whoever asks for the end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stall(request)


def eat(request: dict[str, Any], video: Path) -> None:
    """Take memory until there is no more."""
    eaten = []
    try:
        while True:
            eaten.append(bytearray(b"1" * 2**24))
    except MemoryError:
        eaten.clear()
        fault("environment", "out_of_memory", "Too little memory.")(request, video)


def mutter(request: dict[str, Any], video: Path) -> None:
    """Write about the request, then succeed."""
    sys.stderr.write(f"words about {request['clip']}\n")
    sys.stderr.flush()
    hand_out(request, video)


def garble(request: dict[str, Any], video: Path) -> None:
    """Say what is no event, then succeed."""
    sys.stdout.write("not json\n[1, 2]\n")
    sys.stdout.flush()
    hand_out(request, video)


SCRIPTS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "succeed": hand_out,
    "lie": lambda request, video: hand_out(request, video, sha256="0" * 64),
    "refuse": refuse,
    "break": fault("bug", "bug", "It broke.", "Traceback: ZeroDivisionError"),
    "full": fault("environment", "no_space", "The disk with /srv is full."),
    "flaky": fault("environment", "tool_timeout", "A media program stopped answering."),
    "die": die,
    "one segment": one_segment,
    "stall": lambda request, video: stall(request),
    "stubborn": stubborn,
    "garble": garble,
    "eat": eat,
    "mutter": mutter,
}


def assist(request: dict[str, Any]) -> dict[str, Any]:
    """Render all that was left of somebody's render."""
    Path(request["task"]).unlink()
    return {"rendered": 2}


def teach(request: dict[str, Any]) -> dict[str, Any]:
    """Learn all that there is to learn of whatever is kept."""
    for manifest in Path(request["options"]["cache"]).glob("*/manifest.json"):
        manifest.with_name("lesson.json").write_text(request["clip"])
    return {"taught": True}


USEFUL = {"assist": assist, "teach": teach}


def main() -> None:
    """Answer requests until there are no more."""
    script, video = SCRIPTS[sys.argv[1]], Path(sys.argv[2])
    for line in sys.stdin:
        request = json.loads(line)
        if request["verb"] == "ping":
            say(request, "done", result={})
        elif request["verb"] in USEFUL and sys.argv[1] != "stall":
            say(request, "done", result=USEFUL[request["verb"]](request))
        else:
            begin(request)
            script(request, video)


if __name__ == "__main__":
    main()
