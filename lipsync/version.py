"""Which engine this is: everything that is kept between runs carries its digest, and nothing of another engine is used."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

DIGEST_LENGTH = 16


@cache
def engine_digest() -> str:
    """Hexadecimal digest over the engine's own code and weights: any change of them makes a new one."""
    home = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*home.rglob("*.py"), *home.rglob("*.npz")]):
        digest.update(str(path.relative_to(home)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:DIGEST_LENGTH]


def file_digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
