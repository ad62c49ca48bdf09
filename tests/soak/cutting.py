"""A sender whose connection breaks again and again, in the ways in which connections break, and a file of any size to send."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import random
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.soak.installation import eventually

PIECE = "application/offset+octet-stream"
BLOCK = 2**20
SEND_BYTES = 64 * 1024
ANSWER_SECONDS = 120.0
BUSY_SECONDS = 60.0
PARALLEL_EVERY = 5  # of so many cuts one has a second sender beside it
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: throw away what is unsent and say so


class Source:
    """A small film followed by a box of noise that players skip: a valid video of any size, made block by block."""

    def __init__(self, film: bytes, size: int, seed: int) -> None:
        assert size >= len(film) + 16
        self.film = film + struct.pack(">I4sQ", 1, b"free", size - len(film))
        self.size, self.seed = size, seed

    def read(self, begin: int, stop: int) -> bytes:
        """Bytes from `begin` to before `stop`."""
        found = self.film[begin:stop]
        at = begin + len(found)
        while at < stop:
            block, offset = divmod(at - len(self.film), BLOCK)
            piece = random.Random(f"{self.seed}:{block}").randbytes(BLOCK)[offset : offset + stop - at]
            found += piece
            at += len(piece)
        return found

    def pieces(self, begin: int, stop: int) -> Iterator[bytes]:
        """The same in pieces."""
        for at in range(begin, stop, BLOCK):
            yield self.read(at, min(at + BLOCK, stop))

    def digest(self) -> str:
        """SHA-256 of the whole."""
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()


@dataclass
class Sender:
    """Somebody with a token. port: of the server on this machine"""

    port: int
    token: str
    project: str
    url: str = ""

    def announce(self, size: int, name: str = "take.mp4") -> None:
        """Begin an upload."""
        said = {"project": self.project, "kind": "clip", "filename": name, "lecturer": "Ada"}
        words = ",".join(f"{key} {base64.b64encode(word.encode()).decode()}" for key, word in said.items())
        answer = self.ask("POST", "/api/v1/uploads/", {"Upload-Length": str(size), "Upload-Metadata": words})
        assert answer.status == 201, answer.read()
        self.url = answer.headers["Location"]

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Any:
        """One request over a connection of its own: the answer, with its body as `text`."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        line.request(method, path, body=body, headers=self._headers() | headers)
        answer: Any = line.getresponse()
        answer.text = answer.read()
        line.close()
        return answer

    def offset(self) -> int:
        """What the server says has arrived."""
        answer = self.ask("HEAD", self.url, {})
        assert answer.status == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def state(self) -> dict[str, Any]:
        """What became of it."""
        return dict(json.loads(self.ask("GET", self.url, {}).text))

    def start(self, offset: int, length: int) -> socket.socket:
        """A connection on which so many bytes are promised."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS)
        words = {**self._headers(), "Host": "localhost", "Content-Type": PIECE}
        words |= {"Upload-Offset": str(offset), "Content-Length": str(length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in words.items())
        line.sendall(f"PATCH {self.url} HTTP/1.1\r\n{head}\r\n".encode())
        return line

    def send(self, offset: int, data: bytes) -> int:
        """A whole piece; the status of the answer."""
        headers = {"Upload-Offset": str(offset), "Content-Type": PIECE}
        return self.ask("PATCH", self.url, headers, data).status

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}", "Tus-Resumable": "1.0.0"}


@dataclass
class Outcome:
    """What was seen. kept: bytes that cut connections had brought; busy: second senders that were turned away"""

    cuts: int = 0
    equal: int = 0
    kept: int = 0
    parallel: int = 0
    busy: int = 0
    late: int = 0  # how often the server was still at the last piece when the next one came
    misses: list[str] = field(default_factory=list)


def send_with_cuts(sender: Sender, source: Source, cuts: int, chance: random.Random, look: Any) -> Outcome:
    """Send a file, cut so often, then its rest at once.

    look: a function that gives the bytes that lie on the server's disk, from one offset to another
    """
    seen = Outcome()
    share = 2 * source.size / (cuts + 1)
    offset = furthest = sender.offset()
    while seen.cuts < cuts:
        most = min(int(chance.uniform(0, share)), source.size - offset - 1)
        line = sender.start(offset, source.size - offset)
        if seen.cuts % PARALLEL_EVERY == 0:
            most = max(most, min(SEND_BYTES * 8, source.size - offset - 1))
        try:
            for piece in source.pieces(offset, offset + most):
                for at in range(0, len(piece), SEND_BYTES):
                    line.sendall(piece[at : at + SEND_BYTES])
        except ConnectionError:  # it was answered before its end: somebody else was at it still
            seen.late += 1
        if seen.cuts % PARALLEL_EVERY == 0 and most:
            _beside(sender, source, offset, seen)
        _cut(line, chance)
        seen.cuts += 1
        # A connection that is cut before the server took it up is taken up later, and its bytes count as any others.
        furthest = max(furthest, offset + most)
        begin, offset = offset, _settled(sender, seen)
        right = look(begin, offset) == source.read(begin, offset) and offset <= furthest
        seen.equal += right
        seen.kept += offset - begin
        if not right:
            seen.misses.append(f"after cut {seen.cuts} the bytes {begin} to {offset} are not those that were sent ({most})")
    _finish(sender, source, offset)
    return seen


def _beside(sender: Sender, source: Source, offset: int, seen: Outcome) -> None:
    """While the first one's bytes arrive, a second one begins at the same place: it must be turned away."""
    if not eventually(lambda: sender.offset() > offset, BUSY_SECONDS):
        seen.misses.append(f"nothing arrives at {offset}")
    seen.parallel += 1
    status = sender.send(offset, source.read(offset, min(offset + SEND_BYTES, source.size)))
    seen.busy += status == 423
    if status not in (423, 409):
        seen.misses.append(f"a second sender was answered {status}")


def _cut(line: socket.socket, chance: random.Random) -> None:
    """Reset, closed, or half closed and then closed."""
    way = chance.randrange(3)
    if way == 0:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif way == 1:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_WR)
    line.close()


def _settled(sender: Sender, seen: Outcome) -> int:
    """The offset once nobody is at the upload any more: a piece of no bytes is only taken then."""
    deadline = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < deadline:
        offset = sender.offset()
        if sender.send(offset, b"") == 204:
            return offset
        time.sleep(0.01)
    seen.misses.append("the upload stays locked")
    return sender.offset()


def _finish(sender: Sender, source: Source, offset: int) -> None:
    line = sender.start(offset, source.size - offset)
    for piece in source.pieces(offset, source.size):
        line.sendall(piece)
    answer = http.client.HTTPResponse(line, method="PATCH")
    answer.begin()
    assert answer.status == 204, answer.read()
    line.close()
