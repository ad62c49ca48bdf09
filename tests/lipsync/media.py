"""Small media files made by ffmpeg for tests, and real takes where they are at hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL_CLIPS = ROOT.parent / "shared" / "clips"
REAL_SPEECH = ROOT.parent / "shared" / "speech"


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg and fail the test with its words when it fails."""
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def counting_clip(
    path: Path, *, frames: int = 130, rate: str = "25", size: str = "128x96", options: tuple[str, ...] = ()
) -> Path:
    """A video whose every frame differs: the brightness of frame k is told by `frame_label`."""
    levels = "geq=lum='16+mod(N,64)*3':cb='96+floor(N/64)*32':cr=128"
    source = f"color=c=gray:s={size}:r={rate},format=yuv420p,{levels}"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", str(frames), "-c:v", "libx264", "-qp", "0", "-g", "50", *options, path)
    return path


def frame_label(y: object, u: object) -> int:
    """The number that `counting_clip` drew into a frame, from its mean luma and chroma."""
    return round((float(y) - 16) / 3) + 64 * round((float(u) - 96) / 32)  # type: ignore[arg-type]


def tone(path: Path, *, seconds: float = 2.0, hertz: int = 220, rate: int = 48000, channels: int = 2) -> Path:
    """A steady tone."""
    source = f"sine=frequency={hertz}:sample_rate={rate}:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-ac", str(channels), path)
    return path


def real(folder: Path, name: str) -> Path:
    """A real take or voice, or the test is skipped."""
    path = folder / name
    if not path.exists():
        pytest.skip(f"the real take {name} is not beside the project")
    return path
