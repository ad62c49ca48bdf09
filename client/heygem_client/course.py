"""A list of videos to make: a CSV file goes in, the clips and voices that it names come out, checked before any is sent."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from uuid import UUID

from heygem_client.errors import Refused

COLUMNS = ("clip", "voice", "language", "lecturer", "name")
DELIMITERS = ",;\t"
HERE = Path()


@dataclass(frozen=True, slots=True)
class Source:
    """A clip or a voice: a file, or the id of one that the library has. said: a clip's lecturer, or a voice's language"""

    path: Path | None
    id: str
    said: str


@dataclass(frozen=True, slots=True)
class Line:
    """One video to make. name: what to call it, without an ending"""

    clip: Source
    voice: Source
    name: str = ""


def read(path: Path, *, matrix: bool = False) -> list[Line]:
    """The videos that a list asks for: one for each line, or with `matrix` every clip with every voice of the two columns.

    Files are named as seen from the list's folder. Raises Refused with the line that is wrong.
    """
    rows = _rows(path)
    clips: dict[Source, None] = {}
    voices: dict[Source, None] = {}
    lines: list[Line] = []
    for number, row in rows:
        clip = _source(path, number, row.get("clip", ""), row.get("lecturer", ""))
        voice = _source(path, number, row.get("voice", ""), row.get("language", ""))
        if not matrix and (clip is None or voice is None):
            raise _wrong(path, number, f"the column {'voice' if clip else 'clip'} is empty. Fill it, or use --matrix")
        clips |= {clip: None} if clip else {}
        voices |= {voice: None} if voice else {}
        if clip and voice:
            lines.append(Line(clip, voice, row.get("name", "")))
    if matrix:
        lines = [Line(clip, voice) for clip, voice in product(clips, voices)]
    if not lines:
        raise Refused("empty_list", f"{path} names no clip with a voice. It needs the columns clip and voice.")
    return lines


def sources(lines: Sequence[Line]) -> tuple[list[Source], list[Source]]:
    """The clips and the voices of some lines, each once."""
    return list(dict.fromkeys(line.clip for line in lines)), list(dict.fromkeys(line.voice for line in lines))


def source(word: str, said: str, *, folder: Path = HERE) -> Source:
    """What a word means: a file, as seen from the folder, or else an id. Raises Refused `no_file`."""
    file = folder / word
    if file.is_file():
        return Source(file, "", said)
    try:
        return Source(None, str(UUID(word)), said)
    except ValueError as error:
        raise Refused("no_file", f"There is no file {file}. Check its name.") from error


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines with their numbers. Spreadsheets write a mark in front, and other separators in other countries."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Refused("file_unreadable", f"{path} cannot be read ({error.strerror}). Check its name.") from error
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", f"{path} is not in UTF-8. Save it as 'CSV UTF-8'.") from error
    head = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or not {"clip", "voice"} <= set(names):
        what = f"nobody knows the column {unknown[0]!r}" if unknown else "the columns clip and voice are needed"
        raise Refused("columns", f"{path}: {what}. The first line names columns of these: {', '.join(COLUMNS)}.")
    reader.fieldnames = names
    told = []
    for row in reader:
        if None in row:
            raise _wrong(path, reader.line_num, "there are more cells than columns. Put text with separators in quotes")
        cells = {name: (word or "").strip() for name, word in row.items()}
        if any(cells.values()):
            told.append((reader.line_num, cells))
    return told


def _source(path: Path, number: int, word: str, said: str) -> Source | None:
    try:
        return source(word, said, folder=path.parent) if word else None
    except Refused as error:
        raise _wrong(path, number, error.message) from error


def _wrong(path: Path, number: int, what: str) -> Refused:
    return Refused("line", f"{path}, line {number}: {what.rstrip('.')}.")
