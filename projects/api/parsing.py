"""How bodies come in, and answers that are files go out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class PlainJson(JSONParser):
    """JSON, of which so much may be nested as can be read."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Raises ParseError."""
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - Too much is nested") from error


FORMS = [MultiPartParser]
FORMS_AND_JSON = [PlainJson, FormParser, MultiPartParser]


class AnyKind(DefaultContentNegotiation):
    """For answers that are files: their kind is what it is, whatever is accepted; only a refusal is JSON."""

    def select_renderer(self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None) -> Any:
        """The renderer of a refusal."""
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            first = next(iter(renderers))
            return first, first.media_type
