"""What rows say is there, compared with what is: names of files that are missing, or that belong to nothing, come out.

`fill`, `fetch` and `prune` put right what the comparison with a bucket shows, and tell each name when it is done.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Collate
from django.utils import timezone

from projects import objects, storage
from projects.models import AudioTrack, Consent, Preview, RenderOutput, SpeakerClip

# How each database orders text by its bytes, as a bucket does.
BY_BYTES = {"postgresql": "C", "sqlite": "BINARY"}
UNSETTLED = timedelta(days=1)  # an object so new may have a row in a moment


@dataclass(frozen=True, slots=True)
class Shelf:
    """Files of one sort. kind: their folder; what: in words; field: of the rows, holds their names; digest: their sha256"""

    kind: str
    what: str
    rows: QuerySet[Any]
    field: str = "file"
    digest: str = "sha256"

    def digest_of(self, name: str) -> str:
        """The sha256 that the row has of a file, or nothing."""
        rows = self.rows.filter(**{self.field: name})
        return str(rows.values_list(self.digest, flat=True).first() or "") if self.digest else ""

    def names(self) -> QuerySet[Any, str]:
        """The names of all of them."""
        return self.rows.values_list(self.field, flat=True)


def shelves() -> tuple[Shelf, ...]:
    """All sorts of files that rows stand for."""
    return (
        Shelf(storage.CLIPS, "clips", SpeakerClip.objects.filter(purged_at__isnull=True)),
        Shelf(storage.CLIPS, "stills of clips", SpeakerClip.objects.exclude(still=""), "still", ""),
        Shelf(storage.TRACKS, "voices", AudioTrack.objects.filter(purged_at__isnull=True)),
        Shelf(storage.CONSENTS, "evidence of consents", Consent.objects.exclude(evidence=""), "evidence", "evidence_sha256"),
        Shelf(storage.PREVIEWS, "previews of clips", Preview.objects.exclude(file=""), "file", ""),
        Shelf(storage.RENDERS, "finished videos", RenderOutput.objects.filter(purged_at__isnull=True)),
    )


def missing(shelf: Shelf) -> Iterator[str]:
    """Names of rows whose file is not in its home."""
    if objects.is_on():
        yield from (name for name, is_there in _apart(shelf.kind, [shelf]) if not is_there)
    else:
        yield from (name for name in shelf.names().iterator() if not objects.exists(name))


def strays() -> Iterator[str]:
    """Names of objects in the bucket that belong to no row, and have lain there for a day."""
    for kind in objects.KINDS:
        yield from (name for name, is_there in _apart(kind, shelves()) if is_there)


def fill() -> Iterator[str]:
    """Bring into the bucket what is missing there and lies in the data folder. Raises ProjectError, OSError."""
    for shelf in shelves():
        for name in missing(shelf):
            if objects.path_of(name).is_file():
                objects.keep(objects.path_of(name), name, shelf.digest_of(name) or objects.digest_of(name))
                yield name


def fetch() -> Iterator[str]:
    """Bring everything into the data folder, and see that it is whole. Raises ProjectError."""
    for shelf in shelves():
        for name in shelf.names().iterator():
            with objects.local(name, shelf.digest_of(name)):
                yield name


def prune() -> Iterator[str]:
    """Remove what belongs to nothing. Raises ProjectError."""
    for name in strays():
        objects.forget(name)
        yield name


def _apart(kind: str, some: Iterable[Shelf]) -> Iterator[tuple[str, bool]]:
    """What only the bucket has of a kind (True), or only the rows (False): both are read once, in the order of names."""
    there = objects.listed(kind)
    known = (name for name, _same in groupby(heapq.merge(*(_in_order(shelf) for shelf in some if shelf.kind == kind))))
    one, name = next(there, None), next(known, None)
    while one is not None or name is not None:
        if name is not None and (one is None or name < one.name):
            yield name, False
            name = next(known, None)
        elif one is not None and (name is None or one.name < name):
            if one.modified < timezone.now() - UNSETTLED:
                yield one.name, True
            one = next(there, None)
        else:
            one, name = next(there, None), next(known, None)


def _in_order(shelf: Shelf) -> Iterator[str]:
    return shelf.names().order_by(Collate(shelf.field, BY_BYTES[connection.vendor])).iterator()
