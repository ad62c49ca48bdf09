"""Every address that the URLconf has, and what goes into it: for tests and measurements of all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

ELSEWHERE = ("admin/",)
READ_HERE = ("pages:", "api:")
ANSWERS = (200, 302, 405)
# Files, the doors that are closed to whoever is in, and what is for staff alone.
LEFT_OUT = (
    *("api:batch_archive", "api:output_download", "api:clip_file", "api:clip_still", "api:clip_film", "api:clip_strip"),
    *("api:track_file", "api:consent_evidence", "api:schema", "pages:batch_archive", "pages:set_up", "pages:sign_out"),
    "pages:styleguide",
)


def patterns(entries: list[URLPattern | URLResolver], before: str = "", space: str = "") -> Iterator[tuple[str, str, set[str]]]:
    """Each address as name, route and the names of its parts."""
    for entry in entries:
        route = before + str(entry.pattern)
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, route, f"{entry.namespace}:" if entry.namespace else space)
        else:
            yield f"{space}{entry.name}", route, set(entry.pattern.converters)


def every() -> list[tuple[str, str, set[str]]]:
    """All of them but those of the administration."""
    return list(patterns(get_resolver().url_patterns))


def address(route: str, ids: Mapping[str, object]) -> str:
    """The route with ids in it. A part that the caller does not know fails it: add it there."""
    for part, value in ids.items():
        for kind in ("uuid", "int", "str", "slug"):
            route = route.replace(f"<{kind}:{part}>", str(value))
    assert "<" not in route, f"{route}: a new kind of id"
    return f"/{route}"


def to_read(client: Client, ids: Mapping[str, object], *, refused: Collection[int] = ()) -> dict[str, str]:
    """The pages, and what of the API is read, that answer this browser with all they have: addresses by name.

    refused: how others may answer, for a person who may not see everything
    """
    found = {}
    for name, route, _parts in every():
        if not name.startswith(READ_HERE) or name in LEFT_OUT:
            continue
        url = address(route, ids)
        answer = client.get(url)
        assert answer.status_code in (*ANSWERS, *refused), f"{url} answered {answer.status_code}"
        if answer.status_code == 200:
            found[name] = url
    return found
