"""A file goes in, a clip or a voice of the studio's library comes out; one that was broken off goes on where it was.

By the tus protocol, version 1.0.0. Nothing is kept on this machine: the studio knows its open uploads by the fingerprint that
was given with them, which is the file's digest, and the library has each file's digest too.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from heygem_client.connection import TIMEOUT, Connection, Retries
from heygem_client.errors import OutOfReach, Refused
from heygem_client.rows import Kind, Medium

VERSION = {"Tus-Resumable": "1.0.0"}
PIECE_TYPE = "application/offset+octet-stream"
PIECE_BYTES = 4 * 2**20  # what a break costs at most
# A whole file is looked at before its last piece is answered.
CHECK_TIMEOUT = httpx.Timeout(**{**TIMEOUT.as_dict(), "read": 600.0})
POLL_SECONDS = 1.0
OPEN = ("receiving", "finishing")
LISTS = {"clip": "clips/", "voice": "tracks/"}
KINDS = {"clip": "clip", "voice": "track"}  # the protocol's words

Moved = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class File:
    """A file and what is said of it. lecturer: the name of the person filmed; language: of a voice; project: by id"""

    path: Path
    kind: Kind
    project: str
    size: int
    sha256: str
    title: str = ""
    lecturer: str = ""
    language: str = ""

    @property
    def said(self) -> dict[str, str]:
        """What the studio is told with it."""
        words = {
            "project": self.project,
            "kind": KINDS[self.kind],
            "filename": self.path.name,
            "title": self.title,
            "lecturer": self.lecturer,
            "language": self.language,
            "fingerprint": f"sha256:{self.sha256}",
        }
        return {key: word for key, word in words.items() if word}


def look(path: Path, *, kind: Kind, project: str, title: str = "", lecturer: str = "", language: str = "") -> File:
    """Read a file once, for its digest. Raises Refused `file_unreadable`, `empty_file`."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise Refused("file_unreadable", f"{path} cannot be read ({error.strerror}). Check its name.") from error
    if not size:
        raise Refused("empty_file", f"{path} is empty. Choose another file.")
    return File(path, kind, project, size, digest, title, lecturer, language)


def known(connection: Connection, file: File, lecturer_id: str) -> Medium | None:
    """What the library has of these bytes already, by the same rule as the studio's: of this lecturer, in this language."""
    for row in connection.rows(LISTS[file.kind], project=file.project, sha256=file.sha256):
        medium = Medium.of(file.kind, row)
        same = (medium.sha256, medium.size) == (file.sha256, file.size)
        if same and lecturer_id in ("", medium.lecturer) and file.language in ("", medium.language):
            return medium
    return None


def send(connection: Connection, file: File, moved: Moved) -> Medium:
    """Send what the studio does not have yet. moved: hears how many bytes are there. Raises StudioError."""
    url = _begun(connection, file) or _announce(connection, file)
    retries = Retries(connection)
    offset = _offset(connection, url)
    with file.path.open("rb") as source:
        while True:
            moved(offset)
            source.seek(offset)
            piece = source.read(min(PIECE_BYTES, file.size - offset))
            if not piece and offset < file.size:
                raise Refused("file_changed", f"{file.path} was cut while it was sent. Send it again.")
            try:
                offset = _put(connection, url, offset, piece)
                retries = Retries(connection)
            except OutOfReach as error:
                retries.rest(error)
                offset = _offset(connection, url)
                continue
            except Refused as error:
                if error.status not in (409, 460):  # another place than we thought; damaged on its way
                    raise
                retries.rest(error)
                offset = _offset(connection, url)
                continue
            if offset >= file.size:
                moved(offset)
                return _became(connection, file, url)


def _begun(connection: Connection, file: File) -> str:
    """Where an upload of the same file that was broken off lies, or nothing."""
    for row in connection.rows("uploads/", project=file.project):
        there = {
            "kind": row["kind"],
            "fingerprint": row["fingerprint"],
            "lecturer": row["lecturer"],
            "language": row["language"],
        }
        if row["state"] in OPEN and row["size"] == file.size and there == {key: file.said.get(key, "") for key in there}:
            return str(row["url"])
    return ""


def _announce(connection: Connection, file: File) -> str:
    words = ",".join(f"{key} {base64.b64encode(word.encode()).decode()}" for key, word in file.said.items())
    headers = {
        **VERSION,
        "Upload-Length": str(file.size),
        "Upload-Metadata": words,
        "Idempotency-Key": str(uuid.uuid4()),  # of this try: the next one looks for what is open
    }
    return connection.ask("POST", "uploads/", headers=headers, again=True).headers["Location"]


def _offset(connection: Connection, url: str) -> int:
    """How many bytes are there. Asks also until a connection that was broken off has let go."""
    return int(connection.ask("HEAD", url, headers=VERSION).headers["Upload-Offset"])


def _put(connection: Connection, url: str, offset: int, piece: bytes) -> int:
    """Send one piece, or none to have a whole file looked at once more. Returns how many bytes are there then."""
    digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    headers = {
        **VERSION,
        "Content-Type": PIECE_TYPE,
        "Content-Length": str(len(piece)),
        "Upload-Offset": str(offset),
        **({"Upload-Checksum": f"sha256 {digest}"} if piece else {}),
    }
    answer = connection.ask("PATCH", url, headers=headers, content=piece, timeout=CHECK_TIMEOUT, again=False)
    return int(answer.headers["Upload-Offset"])


def _became(connection: Connection, file: File, url: str) -> Medium:
    """What has been made of a file that arrived whole."""
    row: dict[str, Any] = connection.get(url)
    while row["state"] in OPEN and not row["error"]:  # another process looks at it
        connection.rest(POLL_SECONDS)
        row = connection.get(url)
    if row["error"]:
        kind = OutOfReach if row["state"] in OPEN else Refused
        raise kind(row["error"]["code"], f"{file.path.name}: {row['error']['message']}")
    medium = Medium.of(file.kind, connection.get(f"{LISTS[file.kind]}{row[KINDS[file.kind]]}/"))
    if medium.sha256 != file.sha256:
        raise Refused("file_changed", f"{file.path} was changed while it was sent: delete {medium.title!r} and send it again.")
    return medium
