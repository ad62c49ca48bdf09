"""Finished videos become files of a folder, with a manifest that tells what each is.

A download that was broken off goes on where it was, and no file has its name before its digest is right. What is there already
is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from heygem_client.connection import Connection, Retries
from heygem_client.errors import OutOfReach, Refused, StudioError
from heygem_client.rows import Job, Video

MANIFEST = "manifest.json"
TRIES = 2  # of a file that arrives whole but damaged
# What some file system does not allow in a name: separators, wild cards, what Windows keeps for itself.
FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
LONGEST_NAME_BYTES = 180  # of 255, so that a numbering and an ending fit

Moved = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A finished video. name: what to call it, without an ending; is_chosen: by somebody, and not by its clip and voice;
    told: more for the manifest, such as the clip's title"""

    job: Job
    video: Video
    name: str
    told: Mapping[str, Any]
    is_chosen: bool = False


def file_name(*words: str) -> str:
    """Words that others chose, as a name that any system allows and that leaves no folder."""
    joined = "_".join(filter(None, (_clean(word) for word in words)))
    short = joined.encode()[:LONGEST_NAME_BYTES].decode(errors="ignore").strip(" .") or "video"
    return f"{short}_" if RESERVED.fullmatch(short) else short


def fetch_all(connection: Connection, wanted: Iterable[Wanted], folder: Path, moved: Moved) -> list[Path]:
    """Bring the videos that are not in the folder yet, and write the manifest. moved: hears how many bytes are there.

    Raises StudioError, also `folder_unwritable` and `damaged`; what has arrived by then stays and is in the manifest.
    """
    entries = _manifest(folder)
    done = 0
    paths: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in wanted:
            path = _place(folder, one, entries, taken=paths)
            before = done
            if digest_of(path) != one.video.sha256:
                fetch(connection, one.video, path, lambda there, before=before: moved(before + there))  # type: ignore[misc]
            done += one.video.size
            moved(done)
            entries[path.name] = {"file": path.name, **one.told, **_cell(one.job), "job": one.job.id, **_facts(one.video)}
            paths.append(path)
            _write(folder, entries)
    except OSError as error:
        raise Refused(
            "folder_unwritable", f"{folder} cannot be written to ({error.strerror}). Choose another folder."
        ) from error
    return paths


def fetch(connection: Connection, video: Video, path: Path, moved: Moved) -> None:
    """One video under this name. Raises StudioError, OSError."""
    part = path.with_name(f".{path.name}.{video.sha256[:12]}.part")  # other bytes under the same name do not go on from these
    for _try in range(TRIES):
        _bring(connection, video, part, moved)
        if digest_of(part) == video.sha256:
            part.replace(path)
            return
        part.unlink()
    raise StudioError("damaged", f"{path.name} does not arrive as it was sent, by its checksum. Try again later.")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, empty where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _bring(connection: Connection, video: Video, part: Path, moved: Moved) -> None:
    """Ask for what is missing of a file until it is whole. The time to give up counts from the last byte that came."""
    retries = Retries(connection)
    while (there := part.stat().st_size if part.exists() else 0) < video.size:
        try:
            _take(connection, video, part, there, moved)
        except (httpx.TransportError, OutOfReach) as error:
            if part.exists() and part.stat().st_size > there:
                retries = Retries(connection)
            told = (
                error if isinstance(error, StudioError) else OutOfReach("out_of_reach", f"The line broke: {error}. Try again.")
            )
            retries.rest(told)


def _take(connection: Connection, video: Video, part: Path, there: int, moved: Moved) -> None:
    headers = {"Range": f"bytes={there}-"} if there else {}
    with connection.reading(video.url, headers) as response, part.open("ab") as file:
        if response.status_code != 206:  # the whole again, or a part that does not fit
            file.truncate(0)
            there = 0
        if response.status_code == 416:
            return
        for chunk in response.iter_bytes():  # as they come: what waits for more of its kind is lost when the line breaks
            file.write(chunk)
            there += len(chunk)
            moved(there)
        file.flush()
        os.fsync(file.fileno())


def _place(folder: Path, one: Wanted, entries: Mapping[str, Mapping[str, Any]], taken: list[Path]) -> Path:
    """Where a video goes: where it was before, or under its name, unless that is another one's or a file of somebody else."""
    if not one.is_chosen:
        before = (folder / name for name, entry in entries.items() if _is_of(entry, one.job))
        if found := next((path for path in before if path not in taken), None):
            return found
    number = 1
    while True:
        name = f"{one.name}.mp4" if number == 1 else f"{one.name} ({number}).mp4"
        path, entry = folder / name, entries.get(name)
        # An older video of the same cell makes room.
        free = _is_of(entry, one.job) if entry else digest_of(path) in ("", one.video.sha256)
        if free and path not in taken:
            return path
        number += 1


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """What the folder's manifest says of the files that are still there, by their names."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(entry["file"]): dict(entry) for entry in told["files"] if (folder / str(entry["file"])).is_file()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    part = folder / f".{MANIFEST}.part"
    part.write_text(json.dumps({"files": list(entries.values())}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / MANIFEST)


def _cell(job: Job) -> dict[str, Any]:
    """What a render is made from."""
    return {"clip_id": job.clip, "voice_id": job.voice, "how": dict(job.how)}


def _is_of(entry: Mapping[str, Any], job: Job) -> bool:
    return {key: entry.get(key) for key in _cell(job)} == _cell(job)


def _facts(video: Video) -> dict[str, Any]:
    return {
        "size_bytes": video.size,
        "sha256": video.sha256,
        "duration_seconds": round(video.duration, 3),
        "width": video.width,
        "height": video.height,
        "frame_rate": video.frame_rate,
        "quality": dict(video.quality),
    }


def _clean(text: str) -> str:
    text = FORBIDDEN.sub("-", unicodedata.normalize("NFC", text))
    return "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cf", "Cs")).strip(" .")
