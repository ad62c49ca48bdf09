"""What all shapes have in common: words and an example for each field; answers with only the fields asked for, bodies without
others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

EXAMPLE_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER_ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
EXAMPLE_TIME = "2026-03-14T09:26:53Z"
EXAMPLE_HOST = "https://studio.example"


def told(words: str, example: Any) -> dict[str, Any]:
    """What the schema says of a field: what it means, with its unit, and an example."""
    return {"help_text": words, "style": {"example": example}}


class Sent(serializers.Serializer[Any]):
    """A body. No word of it is passed over in silence: one that is misspelt would make something else than was meant."""

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError for a field that there is not, as for one that is wrong."""
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            text = _("There is no field {name}. There are: {names}.")
            names = ", ".join(self.fields)
            raise serializers.ValidationError({name: [text.format(name=name, names=names)] for name in unknown})
        return super().to_internal_value(data)


class Shape(serializers.Serializer[Any]):
    """An answer. With `only` in the context of a list, the rows have those fields alone."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Those that were asked for, where this is the row itself and not a part of one."""
        found = super().get_fields()
        only = self.context.get("only")
        is_row = isinstance(self.parent, serializers.ListSerializer) and self.parent is self.root
        return {name: found[name] for name in only} if only is not None and is_row else found


@extend_schema_field({"type": "string", "format": "uri"})
class Address(serializers.ReadOnlyField):
    """The address of something of a row, by the name of the route; null where the row has no such thing.

    part: the attribute with the id that goes into it
    """

    def __init__(self, route: str, *, part: str = "pk", **kwargs: Any) -> None:
        self.route, self.part = route, part
        super().__init__(source="*", **kwargs)

    def to_representation(self, row: Any) -> str | None:
        """The whole address, with the host that was asked."""
        row_id = getattr(row, self.part)
        request = self.context.get("request")
        return str(reverse(self.route, args=[row_id], request=request)) if self.has(row) else None

    def has(self, row: Any) -> bool:
        """Whether there is anything at the address."""
        return True


class Id(serializers.UUIDField):
    """An id."""

    def __init__(self, words: str, example: str = EXAMPLE_ID, **kwargs: Any) -> None:
        super().__init__(**{**told(words, example), **kwargs})


class Time(serializers.DateTimeField):
    """A moment, with its time zone."""

    def __init__(self, words: str, example: str | None = EXAMPLE_TIME, **kwargs: Any) -> None:
        super().__init__(**{**told(words, example), **kwargs})
