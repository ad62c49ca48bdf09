"""The audit log: who did what to which object goes in, an entry that nothing changes comes out; also as CSV.

Who asks and from where is known to the web alone: the middleware tells it once per request, so that the verbs need not carry
it. A verb that knows its person says so with `by`; what a command or a worker does has nobody's name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db.models import Model

from projects import tables
from projects.models import (
    AudioTrack,
    AuditEntry,
    Consent,
    Invitation,
    Membership,
    Project,
    RenderBatch,
    RenderJob,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Upload,
)
from projects.models.audit import TEXT_LENGTH

if TYPE_CHECKING:
    from django.http import HttpRequest

COLUMNS = (
    *("at", "actor_id", "actor_name", "verb", "object_type", "object_id", "object_name"),
    *("project_id", "project_name", "detail", "address"),
)
_asking: ContextVar[tuple[HttpRequest, str] | None] = ContextVar("asking", default=None)


@contextmanager
def asked_by(request: HttpRequest, address: str) -> Iterator[None]:
    """What is recorded in the block was asked for by this request. address: where it comes from"""
    token = _asking.set((request, address))
    try:
        yield
    finally:
        _asking.reset(token)


def record(verb: str, row: Model, *, by: Model | None = None, **detail: Any) -> None:
    """Note one deed, in the transaction that does it. detail: values that JSON knows"""
    record_each(verb, [row], by=by, **detail)


def record_each(verb: str, rows: Sequence[Model], *, by: Model | None = None, **detail: Any) -> None:
    """Note the same deed for several objects, in one query."""
    person, address = _who(by)
    AuditEntry.objects.bulk_create(
        AuditEntry(
            actor_id=person.pk if person else None,
            actor_name=str(person)[:TEXT_LENGTH] if person else "",
            verb=verb,
            object_type=row._meta.model_name or "",
            object_id=str(row.pk),
            object_name=_name(row)[:TEXT_LENGTH],
            project_id=project.pk if (project := _project(row)) else None,
            project_name=project.name if project else "",
            detail=detail,
            address=address,
        )
        for row in rows
    )


def asker_id() -> int | None:
    """Who asks in this request; None for commands and workers."""
    person, _address = _who(None)
    return person.pk if person else None


def as_csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """The entries as lines of CSV, the names of the columns first."""
    yield _line(COLUMNS)
    for entry in entries:
        yield _line([_cell(getattr(entry, column)) for column in COLUMNS])


def _who(by: Model | None) -> tuple[Model | None, str]:
    asking = _asking.get()
    if asking is None:
        return by, ""
    request, address = asking
    person = getattr(request, "user", None)
    return by or (person if isinstance(person, User) else None), address


def _project(row: Model) -> Project | None:
    """The project that an object belongs to."""
    match row:
        case Project():
            return row
        case Speaker() | AudioTrack() | RenderBatch() | RenderJob() | RenderOutput() | Membership() | Invitation() | Upload():
            return row.project
        case SpeakerClip() | Consent():
            return row.speaker.project
    return None


def _name(row: Model) -> str:
    """What an object is called."""
    match row:
        case Membership():
            return str(row.user)
        case Invitation():
            return str(row.role)
        case Consent():
            return row.speaker.name
    return str(row)


def _line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return tables.harmless(text)
