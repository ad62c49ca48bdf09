"""An engine that takes as long as it is told and makes a real video: the clip's picture with the voice's sound.

It speaks the engine's lines, keeps its work in segments as the engine does, and its bytes follow from clip, voice and
options alone. Standing alone: it knows neither Django nor the project.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
SOUND = ("denoise", "loudness")  # the options that change the result


def say(request: dict[str, Any], event: str, **facts: Any) -> None:
    """One event."""
    sys.stdout.write(json.dumps({"id": request.get("id"), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def digest_of(request: dict[str, Any]) -> str:
    """What the result follows from."""
    chosen = {name: request["options"].get(name, False) for name in SOUND}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
    for name in ("clip", "voice"):
        digest.update(Path(request[name]).read_bytes())
    return digest.hexdigest()


def make_segment(path: Path, seconds: float, note: Callable[[str], None]) -> bytes:
    """A segment's bytes, made in so many seconds and noted, unless it is there already."""
    content = hashlib.sha256(path.name.encode()).hexdigest().encode()
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_file():
            return path.read_bytes()
        time.sleep(seconds)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(path)
        note(path.name)
    return content


def join(request: dict[str, Any], mark: str) -> dict[str, Any]:
    """The finished video and what is to be said of it. mark: kept in the video, so that its bytes tell the segments'"""
    output = Path(request["output"])
    part = output.with_name(f"{output.stem}.part{output.suffix}")
    streams = ("-i", request["clip"], "-i", request["voice"], "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac")
    exact = ("-shortest", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-metadata", f"comment={mark}")
    subprocess.run([*FFMPEG, *streams, *exact, str(part)], check=True)
    asked = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-select_streams", "v:0", str(part)]
    facts = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(output)
    content = output.read_bytes()
    stream = facts["streams"][0]
    return {
        "output": str(output),
        "duration": float(facts["format"]["duration"]),
        "frames": int(stream["nb_frames"]),
        "width": stream["width"],
        "height": stream["height"],
        "frame_rate": stream["r_frame_rate"],
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "timings": {},
        "quality": {},
        "notices": [],
    }


def render(request: dict[str, Any], seconds: float, count: int, journal: Path | None) -> dict[str, Any]:
    """One video in `count` segments."""
    say(request, "stage", stage="look")
    say(request, "stage", stage="render")
    folder = Path(request["options"].get("segments") or Path(request["output"]).parent)
    folder.mkdir(parents=True, exist_ok=True)
    name = digest_of(request)[:24]
    paths = [folder / f"{name}-{number:07d}.bin" for number in range(count)]
    whole = hashlib.sha256()

    def note(segment: str) -> None:
        if journal is not None:
            with journal.open("a") as file:
                file.write(f"{request['id']} {segment} {os.getpid()}\n")

    for done, path in enumerate(paths, start=1):
        whole.update(make_segment(path, seconds / count, note))
        say(request, "progress", stage="render", done=done, total=count)
        say(request, "segments", done=done, total=count, task=None)  # nobody can help
    say(request, "stage", stage="finish")
    result = join(request, whole.hexdigest())
    for path in paths:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
    return result


def main() -> None:
    """Answer requests until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--segments", type=int, default=1)
    parser.add_argument("--journal", type=Path)
    chosen = parser.parse_args()
    for line in sys.stdin:
        request = json.loads(line)
        if request["verb"] == "render":
            say(request, "done", result=render(request, chosen.seconds, chosen.segments, chosen.journal))
        elif request["verb"] == "ping":
            say(request, "done", result={"version": "soak"})
        else:
            say(request, "error", family="bug", code="unknown_verb", message=request["verb"], at=None, traceback="")


if __name__ == "__main__":
    main()
