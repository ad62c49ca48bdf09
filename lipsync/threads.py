"""One thread for our own arithmetic: decoding and encoding run beside us in processes of their own.

OpenCV and the linear algebra libraries start a thread per core for every small step, and these spend three times the
work in waiting for each other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import cv2
from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold OpenCV and the linear algebra libraries to one thread."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(before)
