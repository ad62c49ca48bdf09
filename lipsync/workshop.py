"""A folder beside the output for what a render needs on the way. What one left that was killed, the next one clears away."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.machine import writing_to

SUFFIX = ".parts"


@contextmanager
def workshop_beside(output: Path) -> Iterator[Path]:
    """A folder of this render's own, held by a lock as long as its process and those that it started live.

    Raises EnvironmentFault (`not_writable`, `no_space`).
    """
    prefix = f".{output.stem}-"
    with contextlib.ExitStack() as held:
        with writing_to(output.parent):
            output.parent.mkdir(parents=True, exist_ok=True)
            # Nobody clears away between a folder's making and its lock.
            with _locked(output.parent, fcntl.LOCK_EX):
                for left in output.parent.glob(f"{glob.escape(prefix)}*{SUFFIX}"):
                    _clear(left)
                folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=SUFFIX, dir=output.parent))
                held.callback(shutil.rmtree, folder, ignore_errors=True)
                held.enter_context(_locked(folder, fcntl.LOCK_SH))
        yield folder


def _clear(folder: Path) -> None:
    """Remove it unless a render works there."""
    with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as unused:
        if unused:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[bool]:
    """Whether it is locked: not where somebody else has it, nor on a network disk that locks no folders."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, how)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
