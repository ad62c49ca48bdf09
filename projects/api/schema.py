"""How the API describes itself: what the framework's own description lacks, and headers that several methods have.

Fields have their example in `style`, beside their words; see `shapes.told`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from projects.api.shapes import Sent

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Your own name for this request, 1 to 200 printable ASCII characters: sent again within 24 hours it makes "
    "nothing new, and gives what it made.",
    examples=[],
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `ETag` of the answer that you have.",
)
NOT_MODIFIED = {304: OpenApiResponse(description="It stands as it stood; times that are estimated may be 15 seconds old.")}


def REPLAYED(shape: type[serializers.BaseSerializer[Any]]) -> dict[int, OpenApiResponse]:  # noqa: N802
    """What a request that was sent again is answered with."""
    return {200: OpenApiResponse(shape, description="This `Idempotency-Key` made it before.")}


class Described(AutoSchema):
    """Adds to each field its example, and names shapes by what they are.

    A row of a list has only the fields that were asked for, so none of them is promised.
    """

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        found = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if "example" in getattr(field, "style", {}) and "$ref" not in found:
            found = {**found, "examples": [field.style["example"]]}
        return found

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        found = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if getattr(serializer, "is_row", False):
            found.pop("required", None)
        if isinstance(serializer, Sent):
            found["additionalProperties"] = False
        return found

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return name.replace("Shape", "")

    def get_paginated_name(self, serializer_name: str) -> str:
        """What a page of rows is called."""
        return f"{serializer_name.removesuffix('Row')}Page"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A script's token."""

    target_class = "projects.api.entrance.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Tokens are made on the account's page, or with name and password at `POST tokens/`."""
        about = "`Token hgs_…` or `Bearer hgs_…`, made on your account's page or at `POST /api/v1/tokens/`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": about}


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A signed-in browser."""

    target_class = "projects.api.entrance.BrowserAuthentication"
    name = "browser"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The session's cookie; what changes something needs the CSRF token too."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class PasswordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Name and password, for a first token."""

    target_class = "projects.api.entrance.GuardedBasicAuthentication"
    name = "password"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """HTTP Basic."""
        return {"type": "http", "scheme": "basic"}
