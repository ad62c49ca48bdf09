"""Videos in one ZIP file, with a list of what is in it: a batch, or some videos, go in; bytes come out as they are read.

The archive is made while it is sent and kept nowhere. Nothing in it is compressed, so that its size is known before.
"""

from __future__ import annotations

import csv
import io
import json
import re
import string
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from zipstream import ZipStream

from projects import objects, tables
from projects.errors import Refused
from projects.models import Project, RenderBatch, RenderJob, RenderOutput, Status
from projects.models.batches import PATTERN_LENGTH
from projects.models.renders import RenderJobQuerySet

CHUNK_BYTES = 2**18
USUAL_PATTERN = "{speaker}_{clip}_{voice}_{language}"
FIELDS = ("speaker", "clip", "voice", "language", "number", "batch", "project")
COLUMNS = (
    *("file", "number", "speaker", "clip", "voice", "language", "duration_seconds", "width", "height", "frame_rate"),
    *("size_bytes", "sha256", "job"),
)
# What some file system does not allow in a name: separators, wild cards, what Windows keeps for itself.
FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
JOINTS = re.compile(r"([_\- ])\1+")
LONGEST_NAME_BYTES = 180  # of 255, so that a numbering and an ending fit


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP file about to be sent. size: bytes of the whole"""

    name: str
    size: int
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One video of the archive."""

    name: str
    number: int
    job: RenderJob
    output: RenderOutput

    def facts(self) -> dict[str, Any]:
        """What the manifest says of it, in the order of `COLUMNS`."""
        job, output = self.job, self.output
        told = (self.name, self.number, job.clip.speaker.name, job.clip.title, job.track.title, job.track.language)
        measures = (round(output.duration, 3), output.width, output.height, output.frame_rate, output.size, output.sha256)
        return dict(zip(COLUMNS, (*told, *measures, str(job.pk)), strict=True))


def checked_pattern(pattern: str) -> str:
    """The pattern, or the usual one when it is empty. Raises ProjectError `name_pattern_invalid`."""
    pattern = " ".join(pattern.split()) or USUAL_PATTERN
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        parts = [("", "", "", None)]
    plain = all(name is None or (name in FIELDS and not form and not turn) for _text, name, form, turn in parts)
    if not plain or len(pattern) > PATTERN_LENGTH or not any(name for _text, name, _form, _turn in parts):
        text = _("File names are made of words and of these fields, at least one: {fields}.")
        fields = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise Refused("name_pattern_invalid", text.format(fields=fields), field="name_pattern")
    return pattern


def archive(batch: RenderBatch) -> Archive:
    """The archive of the videos that are finished. Raises ProjectError `nothing_finished`."""
    told = {"batch": {"id": str(batch.pk), "name": batch.name, "project": batch.project.name}}
    jobs = RenderJob.objects.filter(batch=batch, retries__isnull=True)
    return _archive(jobs, told, name=batch.name, folder=whole_name(batch.name, "batch"), pattern=batch.name_pattern)


def archive_of(project: Project, jobs: Collection[UUID]) -> Archive:
    """The archive of the videos of some renders of a project. Raises ProjectError `nothing_finished`."""
    told = {"project": {"id": str(project.pk), "name": project.name}}
    return _archive(
        RenderJob.objects.filter(project=project, pk__in=jobs),
        told,
        name="",
        folder=whole_name(project.name, "videos"),
        pattern=USUAL_PATTERN,
    )


def _archive(jobs: RenderJobQuerySet, told: dict[str, Any], *, name: str, folder: str, pattern: str) -> Archive:
    """name: of the batch, empty for none; told: what the manifest says of the whole; pattern: of the files' names"""
    order = ("clip__speaker__name", "clip__title", "track__language", "track__title", "created_at")
    cells = list(jobs.with_media().order_by(*order))
    entries = _entries(name, pattern, cells)
    if not entries:
        raise Refused("nothing_finished", _("No video is finished yet. Come back when the first one is."))
    bundle = ZipStream(sized=True)
    for entry in entries:
        name = f"{folder}/{entry.name}"
        if objects.is_on():
            file = objects.pieces(str(entry.output.file), entry.output.sha256, CHUNK_BYTES)
            bundle.add(file, name, size=entry.output.size)
        else:
            bundle.add_path(entry.output.path, name)
    present = {entry.job.pk for entry in entries}
    missing = [_absent(job) for job in cells if job.pk not in present]
    bundle.add(_table(entries), f"{folder}/manifest.csv")
    bundle.add(_document(told, entries, missing), f"{folder}/manifest.json")
    return Archive(f"{folder}.zip", len(bundle), iter(bundle))


def clean(text: str) -> str:
    """Text as part of a file's name on any system."""
    text = FORBIDDEN.sub("-", unicodedata.normalize("NFC", text))
    return "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cf", "Cs")).strip(" .")


def file_name(pattern: str, values: Mapping[str, str]) -> str:
    """One name without its ending: the fields filled in, of joints that have come together around an empty one a single one."""
    filled = pattern.format_map({name: clean(values.get(name, "")) for name in FIELDS})
    joined = JOINTS.sub(r"\1", clean(filled)).strip("_- .")  # the pattern's own words are as little to be trusted
    return whole_name(joined, "video")


def whole_name(text: str, otherwise: str) -> str:
    """Text as a name of its own on any system, not too long for one. otherwise: where nothing of it can be kept"""
    short = clean(text).encode()[:LONGEST_NAME_BYTES].decode(errors="ignore").strip(" .") or otherwise
    return f"{short}_" if RESERVED.fullmatch(short) else short


def _entries(batch: str, pattern: str, cells: list[RenderJob]) -> list[Entry]:
    """The finished cells whose file is there, each under a name of its own."""
    entries: list[Entry] = []
    taken: set[str] = set()
    outputs = [(number, job, job.finished_output()) for number, job in enumerate(cells, start=1)]
    there = objects.present(str(output.file) for _number, _job, output in outputs if output is not None)
    for number, job, output in outputs:
        if output is None or str(output.file) not in there:
            continue
        values = {
            "speaker": job.clip.speaker.name,
            "clip": job.clip.title,
            "voice": job.track.title,
            "language": job.track.language,
            "number": f"{number:03}",
            "batch": batch,
            "project": job.project.name,
        }
        stem = file_name(pattern, values)
        name, again = stem, 1
        while name.casefold() in taken:
            again += 1
            name = f"{stem} ({again})"
        taken.add(name.casefold())
        entries.append(Entry(f"{name}{output.path.suffix}", number, job, output))
    return entries


def _absent(job: RenderJob) -> dict[str, str]:
    """What the manifest says of a cell without a video."""
    state = job.status if job.status != Status.SUCCEEDED else "file_missing"
    whose = {"speaker": job.clip.speaker.name, "clip": job.clip.title, "voice": job.track.title, "language": job.track.language}
    return {**whose, "state": state, "error_code": job.error_code, "job": str(job.pk)}


def _table(entries: list[Entry]) -> bytes:
    """The manifest for a spreadsheet. A cell that starts like a formula is kept from being one."""
    sheet = io.StringIO()
    qualities = sorted({name for entry in entries for name in entry.output.quality})
    writer = csv.DictWriter(sheet, [*COLUMNS, *(f"quality_{name}" for name in qualities)])
    writer.writeheader()
    for entry in entries:
        facts = entry.facts() | {f"quality_{name}": entry.output.quality.get(name) for name in qualities}
        writer.writerow({name: tables.harmless(value) if isinstance(value, str) else value for name, value in facts.items()})
    return sheet.getvalue().encode("utf-8-sig")


def _document(whole: dict[str, Any], entries: list[Entry], missing: list[dict[str, str]]) -> bytes:
    told = {
        **whole,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "files": [entry.facts() | {"quality": entry.output.quality} for entry in entries],
        "missing": missing,
    }
    return json.dumps(told, ensure_ascii=False, indent=2).encode()
