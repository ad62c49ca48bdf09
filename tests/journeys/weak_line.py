"""A line between a browser and a server that holds, breaks and is mended when a test says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

PIECE = 64 * 1024


class WeakLine:
    """Passes TCP connections on to `port`. address: where browsers go"""

    def __init__(self, port: int) -> None:
        self.port = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://localhost:{self._door.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Condition()
        self._whole = True
        self._left: int | None = None  # bytes that still pass towards the server

    def __enter__(self) -> WeakLine:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()
        self._door.close()

    def let_pass(self, count: int) -> None:
        """Hold everything towards the server back after so many bytes."""
        with self._lock:
            self._left = count

    def cut(self) -> None:
        """Break every connection and take no new one."""
        with self._lock:
            self._whole = False
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._lock.notify_all()

    def mend(self) -> None:
        """Take connections again, and hold nothing back."""
        with self._lock:
            self._whole, self._left = True, None
            self._lock.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            with self._lock:
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.port))
                self._open |= {near, far}
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                if counted:
                    self._wait(len(data))
                target.sendall(data)
        with self._lock:
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                self._open.discard(each)

    def _wait(self, count: int) -> None:
        with self._lock:
            self._lock.wait_for(lambda: not self._whole or self._left is None or self._left > 0)
            if not self._whole:
                raise OSError("cut")
            if self._left is not None:
                self._left -= count
