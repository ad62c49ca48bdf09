"""A server on this machine that is told of things, and answers as a test says."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """answers: with which status it answers, the last one for ever; leads_to: the address of its redirects;
    gives: the bytes of its answer; states: how many it says that they are; drips: seconds between single bytes
    """

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    leads_to: str = ""
    gives: bytes = b""
    states: int | None = None
    drips: float = 0.0
    heard: list[Heard] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """One that listens while the block runs."""
    it = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            it.heard.append(Heard(self.command, self.path, dict(self.headers), body))
            self.send_response(it.answers.pop(0) if len(it.answers) > 1 else it.answers[0])
            if it.leads_to:
                self.send_header("Location", it.leads_to)
            self.send_header("Content-Length", str(len(it.gives) if it.states is None else it.states))
            self.end_headers()
            pieces = [it.gives[at : at + 1] for at in range(len(it.gives))] if it.drips else [it.gives]
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(it.drips)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_words: object) -> None:
            """Keep quiet."""

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the other side has had enough
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
