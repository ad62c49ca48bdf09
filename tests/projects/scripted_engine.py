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
from pathlib import Path
from typing import Any

FOREVER = 600


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


def stall(request: dict[str, Any]) -> None:
    """Run on, with a child in the same group and one in a group of its own."""
    sleeper = [sys.executable, "-c", f"import time; time.sleep({FOREVER})"]
    children = [subprocess.Popen(sleeper), subprocess.Popen(sleeper, start_new_session=True)]
    say(request, "log", level="info", message=f"children {' '.join(str(child.pid) for child in children)}")
    time.sleep(FOREVER)


def main() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        if request["verb"] == "ping":
            say(request, "done", result={})
        else:
            answer(request, sys.argv[1], Path(sys.argv[2]))


def answer(request: dict[str, Any], script: str, video: Path) -> None:
    """Answer one request."""
    begin(request)
    if script == "break":
        say(request, "error", family="bug", code="bug", message="It broke.", at=None, traceback="Traceback: ZeroDivisionError")
    elif script == "refuse":
        say(request, "error", family="input", code="no_face", message="No face is seen. Film one.", at=0.4, traceback="")
    elif script in ("stubborn", "stall"):
        if script == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stall(request)
    elif script == "eat":
        eat(request)
    elif script == "die":
        sys.stderr.write("Segmentation fault\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        if script == "garble":
            sys.stdout.write("not json\n[1, 2]\n")
        if script == "mutter":
            sys.stderr.write(f"words about {request['clip']}\n")
            sys.stderr.flush()
        hand_out(request, video, **({"sha256": "0" * 64} if script == "lie" else {}))


def eat(request: dict[str, Any]) -> None:
    """Take memory until there is no more."""
    eaten = []
    try:
        while True:
            eaten.append(bytearray(b"1" * 2**24))
    except MemoryError:
        eaten.clear()
        say(request, "error", family="environment", code="out_of_memory", message="Too little.", at=None, traceback="")


if __name__ == "__main__":
    main()
