"""Which engine this is: everything that is kept between runs carries its digest, and nothing of another engine is used."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.media.ffmpeg import ffmpeg, run

DIGEST_LENGTH = 16
# What computes what is kept: another release may find other landmarks or decode other samples.
PACKAGES = ("mediapipe", "numpy", "opencv-contrib-python", "scipy")


@cache
def engine_digest() -> str:
    """Hexadecimal digest over the engine's own code and weights and what it computes with: any change makes a new one."""
    home = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*home.rglob("*.py"), *home.rglob("*.npz")]):
        digest.update(str(path.relative_to(home)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for release in releases():
        digest.update(release.encode() + b"\0")
    return digest.hexdigest()[:DIGEST_LENGTH]


def releases() -> list[str]:
    """The releases of what the engine computes with: one entry for each package, and what ffmpeg says of itself."""
    return [*(f"{name} {release(name)}" for name in PACKAGES), _ffmpeg_release()]


def release(package: str) -> str:
    """The release of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # installed under another name; whoever needs it says if it is missing
        return "unknown"


def _ffmpeg_release() -> str:
    try:
        return run(ffmpeg("-version")).stdout.decode(errors="replace")
    except LipsyncError as error:  # whoever needs it says so; looking after what is kept goes on without
        return error.code


def file_digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
