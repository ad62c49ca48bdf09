"""Placeholder until the media branch lands."""

from __future__ import annotations

from pathlib import Path

from lipsync.media.ffmpeg import ffmpeg, guarded_input, run
from lipsync.media.frames import Encoding
from lipsync.media.probe import ClipFacts


def join(segments: list[Path], output: Path, facts: ClipFacts, *, sound: Path | None, encoding: Encoding) -> None:
    """Join."""
    listing = segments[0].parent / "list.txt"
    listing.write_text("".join(f"file '{path}'\n" for path in segments))
    part = output.with_name(f".{output.name}.part")
    run(
        ffmpeg(
            *("-y", "-f", "concat", "-safe", "0", "-i", str(listing)),
            *guarded_input(sound),
            *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"),
            *("-f", "mp4", str(part)),
        )
    )
    part.replace(output)
