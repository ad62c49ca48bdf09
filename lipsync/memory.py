"""Memory that was used and let go goes back to the machine: an engine process lives on, and the next stage needs the room.

The C library keeps what was freed for itself, between what is still in use: after a look, a hundred megabytes of it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Return free memory to the machine, where the C library knows how (glibc); milliseconds, so once per stage."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
