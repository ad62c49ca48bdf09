"""What the API tells of itself: its error codes and its schema. The page to read it on is pages/reference.py."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from projects import codes
from projects.api.endpoints import Endpoint, one, operation
from projects.api.lists import Asked, asked, whole
from projects.api.shapes import Shape, told


class CodeShape(Shape):
    """An error code."""

    code = serializers.CharField(**told("Stable: it never changes its meaning.", "no_consent"))
    status = serializers.IntegerField(
        allow_null=True,
        **told("Of an answer that carries it, null where only a render, an attempt or an upload tells it.", 422),
    )
    message = serializers.CharField(
        **told(
            "What it means and what to do next; values go where words stand in braces.",
            "No valid consent of {speaker} is on record. Record it on the lecturer's page, then try again.",
        )
    )


class CodesAsked(Asked):
    """What the list of codes may be asked for."""


class Codes(Endpoint):
    """All error codes."""

    permission_classes = (AllowAny,)

    @operation("List the error codes", asks=CodesAsked, answers=CodeShape, many=True)
    def get(self, request: Request) -> Response:
        """Every code that this installation may answer with, or tell of a render, on one page. Nobody needs to sign in."""
        return whole(request, list(codes.CODES.values()), CodeShape, asked(request, CodesAsked))


class OneCode(Endpoint):
    """One error code."""

    permission_classes = (AllowAny,)

    @operation("Explain an error code", answers=CodeShape)
    def get(self, request: Request, code: str) -> Response:
        """What a code means and what to do next. Nobody needs to sign in."""
        if code not in codes.CODES:
            raise Http404
        return one(request, codes.CODES[code], CodeShape)


class Schema(SpectacularJSONAPIView):
    """The whole API as OpenAPI 3.1, for programs."""
