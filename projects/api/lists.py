"""Lists: what may be asked of one is checked, and the rows come in pages that rows added meanwhile do not shift.

A cursor says after which row a page begins, by what the list is sorted by and the row's id, so that a page far behind costs
as little as the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from projects import access
from projects.api.shapes import Shape, told
from projects.models import Project

USUAL_SIZE, LARGEST_SIZE = 50, 200
SALT = "api.cursor"


class Asked(serializers.Serializer[Any]):
    """What may be said in the address of a list. Subclasses add what it is narrowed by.

    orders: the names that a list is sorted by, each with its column, which is never null; the first one, as written in
    `usual`, when none is asked for
    narrows: the lookup of each filter that is one
    """

    orders: ClassVar[Mapping[str, str]] = {}
    usual: ClassVar[str] = ""
    narrows: ClassVar[Mapping[str, str]] = {}

    cursor = serializers.CharField(required=False, **told("Where a page begins: taken from `next` or `previous`.", "eyJ2Ijo"))
    page_size = serializers.IntegerField(
        min_value=1, max_value=LARGEST_SIZE, default=USUAL_SIZE, **told("How many rows a page has.", USUAL_SIZE)
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With the orders that this list knows, and a name that serializers keep for themselves."""
        found = super().get_fields()
        found["fields"] = serializers.CharField(
            required=False, **told("Only these fields of each row, with commas between.", "id")
        )
        if self.orders:
            names = [name for order in self.orders for name in (order, f"-{order}")]
            about = told("What the rows are sorted by; with a minus, downwards.", self.usual)
            found["ordering"] = serializers.ChoiceField(choices=names, default=self.usual, **about)
        return found

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """No word is passed over in silence: one that is misspelt would give another list than was asked for."""
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            text = _("This list cannot be narrowed by that. It knows: {names}.").format(names=", ".join(sorted(self.fields)))
            raise serializers.ValidationError({name: [text] for name in sorted(unknown)})
        return attrs

    def lookups(self) -> dict[str, Any]:
        """What was asked for as lookups of the database."""
        given = self.validated_data
        return {lookup: given[name] for name, lookup in self.narrows.items() if name in given}

    def project_of(self, request: Request) -> Project | None:
        """The project that the list is narrowed to. Nothing of one that the asker may not see: a 404."""
        wanted = self.validated_data.get("project")
        return access.project_for(request.user, wanted) if wanted else None


def asked(request: Request, kind: type[Asked]) -> Asked:
    """What the address says. Raises ValidationError."""
    several = {name for name, field in kind().fields.items() if isinstance(field, serializers.ListField)}
    query = request.query_params
    words = {name: query.getlist(name) if name in several else query[name] for name in query}
    given = kind(data=words)
    given.is_valid(raise_exception=True)
    return given


class Keyset(BasePagination):
    """Pages of a list, each with the addresses of the next and the previous one."""

    def __init__(self) -> None:
        self.next: str | None = None
        self.previous: str | None = None

    def page(self, rows: QuerySet[Any], request: Request, given: Asked) -> list[Any]:
        """The rows of the page asked for, in two queries: which they are is found before anything is joined to them."""
        order = given.validated_data["ordering"]
        downwards, column = order.startswith("-"), given.orders[order.removeprefix("-")]
        size, after = given.validated_data["page_size"], _position(given, order)
        backwards = after is not None and after["back"]
        # Ids always grow: so the usual orders are those of the indexes, forwards and backwards.
        falls, ids_fall = downwards != backwards, backwards
        keys = rows.order_by(f"{'-' * falls}{column}", f"{'-' * ids_fall}pk")
        if after is not None:
            keys = keys.filter(_beyond(column, after, value_falls=falls, ids_fall=ids_fall))
        found = list(keys.values_list("pk", column)[: size + 1])
        more, found = len(found) > size, found[:size]
        if backwards:
            found.reverse()
        if found:
            here = request.build_absolute_uri()
            if more or backwards:
                self.next = _address(here, rows.model, order, found[-1], back=False)
            if (more and backwards) or (after is not None and not backwards):
                self.previous = _address(here, rows.model, order, found[0], back=True)
        by_id = rows.in_bulk([pk for pk, _value in found])
        return [by_id[pk] for pk, _value in found if pk in by_id]

    def get_paginated_response(self, data: Any) -> Response:
        """See BasePagination."""
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """See BasePagination."""
        about = {"type": ["string", "null"], "format": "uri"}
        ahead, back = "The address of the next page, null on the last one.", "The address of the page before this one."
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**about, "description": ahead, "examples": ["https://studio.example/api/v1/jobs/?cursor=eyJ2Ijo"]},
                "previous": {**about, "description": back, "examples": [None]},
                "results": {**schema, "description": "The rows of this page."},
            },
        }


def listed(request: Request, rows: QuerySet[Any], shape: type[Shape], given: Asked) -> Response:
    """One page of rows, narrowed and sorted as asked."""
    pages = Keyset()
    page = pages.page(rows.filter(**given.lookups()), request, given)
    return pages.get_paginated_response(_told(request, page, shape, given))


def whole(request: Request, rows: Sequence[Any], shape: type[Shape], given: Asked) -> Response:
    """All rows on one page, of a list that stays short."""
    return Keyset().get_paginated_response(_told(request, rows, shape, given))


def _told(request: Request, rows: Sequence[Any], shape: type[Shape], given: Asked) -> Any:
    wanted = given.validated_data.get("fields")
    context: dict[str, Any] = {"request": request}
    if wanted is not None:
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        there = shape().fields
        if unknown := [name for name in names if name not in there]:
            text = _("There is no field {name}. There are: {names}.")
            raise serializers.ValidationError({"fields": [text.format(name=unknown[0], names=", ".join(there))]})
        context["only"] = names
    return shape(rows, many=True, context=context).data


def _beyond(column: str, after: Mapping[str, Any], *, value_falls: bool, ids_fall: bool) -> Q:
    """The rows behind a position. Said of the column alone first, so that an index of it is walked along."""
    way, id_way = ("lt" if falls else "gt" for falls in (value_falls, ids_fall))
    if column == "pk":
        return Q(**{f"pk__{way}": after["id"]})
    further = Q(**{f"{column}__{way}": after["v"]}) | Q(**{f"pk__{id_way}": after["id"]})
    return Q(**{f"{column}__{way}e": after["v"]}) & further


def _position(given: Asked, order: str) -> Mapping[str, Any] | None:
    cursor = given.validated_data.get("cursor")
    if cursor is None:
        return None
    try:
        # Signed, so that nobody can put values into it that a column does not hold.
        after: Mapping[str, Any] = signing.loads(cursor, salt=SALT)
    except signing.BadSignature:
        after = {}
    if after.get("by") != order:
        text = _("This cursor is not of this list in this order. Take one from `next` or `previous`.")
        raise serializers.ValidationError({"cursor": [text]})
    return after


def _address(here: str, model: type[Model], order: str, key: tuple[Any, Any], *, back: bool) -> str:
    pk, value = key
    position = {"by": order, "v": _plain(value), "id": _plain(pk), "back": back}
    return replace_query_param(here, "cursor", signing.dumps(position, salt=SALT))


def _plain(value: Any) -> Any:
    """A value as JSON knows it; exact, for a time too."""
    return value if value is None or isinstance(value, int | float | str) else str(value)
