"""What the machine refuses, in the engine's words, and the one guard against writing over what must stay."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.errors import EnvironmentFault, UnusableInput

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn an OSError of the block into EnvironmentFault (`no_space`, `not_writable`). Only writes belong in the block."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise EnvironmentFault("no_space", f"The disk with {folder} is full. Free some room and try again.") from error
        raise EnvironmentFault(
            "not_writable",
            f"Nothing can be written to {folder} ({error.strerror or error}). Choose another folder or change its permissions.",
        ) from error


@contextmanager
def starting(program: str) -> Iterator[None]:
    """Turn an OSError of the block into EnvironmentFault (`cannot_start`). Only what starts the program belongs in it."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(
            "cannot_start",
            f"{program} cannot be started ({error.strerror or error}). Free some memory and disk, and try again.",
        ) from error


def check_output(output: Path, *inputs: Path) -> None:
    """Refuse an output that would overwrite one of the inputs, by any name, or take the place of a folder or a device.

    Raises UnusableInput (`output_is_input`), EnvironmentFault (`not_writable`).
    """
    for path in inputs:
        with contextlib.suppress(OSError):  # what is not there is told by whoever opens it, or needs no guard
            if output.samefile(path):
                raise UnusableInput(
                    "output_is_input", "The output would overwrite a file that is read. Choose another name for it."
                )
    with contextlib.suppress(OSError):
        if output.exists() and not output.is_file():
            kind = "a folder" if output.is_dir() else "a device"
            raise EnvironmentFault("not_writable", f"{output} cannot be written (it is {kind}). Choose another name or folder.")
