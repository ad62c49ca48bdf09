"""Folders kept between runs: named for what they were made from and by which engine, each under a lock while it is used.

It loads nothing heavy: the platform clears here what may not be kept any longer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from lipsync.version import DIGEST_LENGTH, engine_digest

MAKING = ".making-"
ABANDONED_SECONDS = 24 * 3600
CONTENT_LENGTH = 32
_LOCK = ".lock"
_NAME = re.compile(rf"([0-9a-f]{{{CONTENT_LENGTH}}})-([0-9a-f]{{{DIGEST_LENGTH}}})(-.*)?")


def name_for(content: str, choice: str = "") -> str:
    """A name for what this engine makes of a content.

    content: its hexadecimal SHA-256; choice: what else was asked for
    """
    return f"{content[:CONTENT_LENGTH]}-{engine_digest()}" + (f"-{choice}" if choice else "")


def lock_of(place: Path) -> Path:
    """The file that whoever makes or uses the folder locks."""
    return place.with_name(f"{place.name}{_LOCK}")


def forget(place: Path) -> bool:
    """Remove one folder unless somebody uses it."""
    lock = os.open(lock_of(place), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        shutil.rmtree(place, ignore_errors=True)
        lock_of(place).unlink(missing_ok=True)
        return True
    finally:
        os.close(lock)


def forget_all_but(root: Path, contents: Collection[str]) -> int:
    """Remove what was made of other contents than these, or by another engine, unless somebody uses it. Returns how many.

    contents: hexadecimal SHA-256 of each
    """
    wanted = {content[:CONTENT_LENGTH] for content in contents}
    names = (_NAME.fullmatch(name) for name in {path.name.removesuffix(_LOCK) for path in root.iterdir()})
    useless = [name[0] for name in names if name and (name[1] not in wanted or name[2] != engine_digest())]
    return sum(forget(root / name) for name in useless)


def remove_half_made(root: Path) -> int:
    """Remove what was begun so long ago that nobody makes it any more. Returns how many."""
    removed = 0
    for place in root.glob(f"{MAKING}*"):
        with contextlib.suppress(FileNotFoundError):  # finished or removed by somebody else
            if time.time() - place.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(place, ignore_errors=True)
                removed += 1
    return removed
