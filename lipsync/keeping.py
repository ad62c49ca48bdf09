"""Folders kept between runs: named for what they were made from and by which engine, each under a lock while it is used.

It loads nothing heavy: the platform clears here what may not be kept any longer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

from lipsync.version import DIGEST_LENGTH, engine_digest

MAKING = ".making-"
# Of a kept analysis: written last, so that what lacks it is half made; and what came of teaching the network its clip.
MANIFEST, LESSON = "manifest.json", "lesson.json"
CONTENT_LENGTH = 32
_LOCK = ".lock"
_NAME = re.compile(rf"([0-9a-f]{{{CONTENT_LENGTH}}})-([0-9a-f]{{{DIGEST_LENGTH}}})(-.*)?")


def name_for(content: str, choice: str = "") -> str:
    """A name for what this engine makes of a content.

    content: its hexadecimal SHA-256; choice: what else was asked for
    """
    return f"{content[:CONTENT_LENGTH]}-{engine_digest()}" + (f"-{choice}" if choice else "")


def making_folder(place: Path) -> Path:
    """A new folder beside `place` to make it in, for who holds it alone. Left behind, it is known as nobody's."""
    return Path(tempfile.mkdtemp(prefix=f"{MAKING}{place.name}-", dir=place.parent))


class Hold:
    """A hold on one folder, which may not be there yet: shared while it is used, alone while it is made or removed."""

    def __init__(self, place: Path) -> None:
        self._path = lock_of(place)
        self._file = -1

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._release()

    def take(self, how: int) -> None:
        """Hold it as `fcntl.flock` says, instead of as before. Raises OSError, with LOCK_NB when somebody else holds it."""
        while True:
            self._release()
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._file, how)
            with contextlib.suppress(FileNotFoundError):  # it was forgotten meanwhile, and its lock with it
                if os.path.samestat(os.fstat(self._file), self._path.stat()):
                    return

    def tried(self, how: int) -> bool:
        """Hold it unless somebody else does; whether it is held."""
        try:
            self.take(how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Let others use what was held alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def _release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def lock_of(place: Path) -> Path:
    """The file that whoever makes or uses the folder locks."""
    return place.with_name(f"{place.name}{_LOCK}")


def forget(place: Path) -> bool:
    """Remove one folder unless somebody uses it."""
    with Hold(place) as hold:
        if not hold.tried(fcntl.LOCK_EX):
            return False
        shutil.rmtree(place, ignore_errors=True)
        lock_of(place).unlink(missing_ok=True)
        return True


def forget_all_but(root: Path, contents: Collection[str]) -> int:
    """Remove what was made of other contents than these, or by another engine, unless somebody uses it. Returns how many.

    contents: hexadecimal SHA-256 of each
    """
    wanted = {content[:CONTENT_LENGTH] for content in contents}
    names = (_NAME.fullmatch(name) for name in {path.name.removesuffix(_LOCK) for path in root.iterdir()})
    useless = [name[0] for name in names if name and (name[1] not in wanted or name[2] != engine_digest())]
    return sum(forget(root / name) for name in useless)


def untaught(root: Path) -> list[str]:
    """The names of analyses of which this engine has not learnt yet whether teaching helps, the last used first.

    One that is being learnt at this moment is left out.
    """
    found: list[tuple[float, str]] = []
    for place in root.glob(f"*-{engine_digest()}*/"):
        with contextlib.suppress(OSError):  # it was forgotten meanwhile
            if not place.name.startswith(MAKING) and not (place / LESSON).exists() and not _busy(lesson_of(place)):
                found.append(((place / MANIFEST).stat().st_mtime, place.name))
    return [name for _, name in sorted(found, reverse=True)]


def lesson_of(place: Path) -> Path:
    """What whoever teaches the network this analysis holds (`Hold`), so that nobody else does the same."""
    return place.with_name(f"{place.name}-lesson")


def _busy(place: Path) -> bool:
    """Whether somebody holds it. No lock is made where there is none."""
    if not lock_of(place).exists():
        return False
    with Hold(place) as hold:
        return not hold.tried(fcntl.LOCK_EX)


def remove_half_made(root: Path) -> int:
    """Remove what was begun and is not being made any more: its engine was killed. Returns how many."""
    removed = 0
    for folder in root.glob(f"{MAKING}*"):
        name = folder.name.removeprefix(MAKING).rpartition("-")[0]
        with Hold(root / name) as hold:
            if _NAME.fullmatch(name) and hold.tried(fcntl.LOCK_EX):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed
