"""A single picture out of a video, for pages and lists."""

from __future__ import annotations

from pathlib import Path

from lipsync.errors import UnusableInput
from lipsync.media.ffmpeg import ffmpeg, guarded_input, run
from lipsync.media.timing import PICTURE


def save_still(path: Path, at_seconds: float, output: Path, *, width: int = 480) -> None:
    """Write one frame as JPEG, `width` px wide, upright.

    Raises UnusableInput (`not_a_video`) when no frame can be decoded there.
    """
    part = output.with_name(output.name + ".part")
    scale = f"scale={width}:-2:flags=area"
    run(
        ffmpeg(
            *("-y", "-ss", f"{max(0.0, at_seconds):.3f}"),
            *guarded_input(path),
            *("-map", f"0:{PICTURE}", "-frames:v", "1", "-vf", scale, "-q:v", "3", "-f", "image2", "-update", "1"),
            f"file:{part}",
        )
    )
    if not part.is_file() or part.stat().st_size == 0:
        part.unlink(missing_ok=True)
        raise UnusableInput("not_a_video", "No picture of the clip can be decoded. Export it again as mp4.")
    part.replace(output)
