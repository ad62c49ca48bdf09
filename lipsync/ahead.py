"""Items fetched in a thread of their own before they are asked for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar, cast

FRAMES_AHEAD = 3
Item = TypeVar("Item")


def ahead(items: Iterator[Item], depth: int = FRAMES_AHEAD) -> Generator[Item, None, None]:
    """The same items, fetched in a thread of their own, at most `depth` in advance."""
    waiting: queue.SimpleQueue[tuple[Item | None, BaseException | None]] = queue.SimpleQueue()
    room, stopped = threading.Semaphore(depth), threading.Event()

    def fetch() -> None:
        try:
            for item in items:
                room.acquire()
                if stopped.is_set():
                    break
                waiting.put((item, None))
            waiting.put((None, StopIteration()))
        except BaseException as error:  # handed over to whoever waits for the item
            waiting.put((None, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            room.release()
            yield cast(Item, item)
    finally:
        stopped.set()
        room.release()
        thread.join()
