"""The web server's entrance."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.wsgi import get_wsgi_application

SILENCE_SECONDS = 30.0  # a connection that brings nothing of a body for so long is given up; the sender comes back

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heygem_site.settings")
django = get_wsgi_application()


class Impatient:
    """A request's body, of which a silent connection counts as a broken one: who reads it would otherwise wait for ever, and
    nobody else be answered once all threads do."""

    def __init__(self, body: Any, line: socket.socket) -> None:
        self._body, self._line = body, line

    def read(self, size: int = -1) -> bytes:
        """As of a file. Raises OSError."""
        with self._waiting():
            data: bytes = self._body.read(size)
            return data

    def readline(self, size: int = -1) -> bytes:
        """As of a file. Raises OSError."""
        with self._waiting():
            line: bytes = self._body.readline(size)
            return line

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """Only for reading: a browser that pauses a video takes nothing of the answer for long."""
        before = self._line.gettimeout()
        self._line.settimeout(SILENCE_SECONDS)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._line.settimeout(before)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request. gunicorn alone tells its socket."""
    line = environ.get("gunicorn.socket")
    if isinstance(line, socket.socket):
        environ["wsgi.input"] = Impatient(environ["wsgi.input"], line)
    return django(environ, start_response)
