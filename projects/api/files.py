"""What clips, voices and finished videos have in common: their words, their files, keeping, the bin and restoring."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, bin, retention
from projects.api.endpoints import Endpoint, given, person
from projects.api.lists import Asked
from projects.api.shapes import OTHER_ID, Id, Sent, Time, told
from projects.models import Scope

READ, UPLOAD, MANAGE = {Scope.READ}, {Scope.UPLOAD}, {Scope.MANAGE}
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SEARCH = told("Only those with this in their title.", "Lecture")
SIZE, DURATION = told("Bytes of the file.", 1_048_576), told("Seconds.", 61.48)
FRAME_RATE = told("Pictures a second, an exact fraction.", "30000/1001")
UPLOADED = ("not_allowed", "too_large", "empty_file", "quota_bytes", "no_space", "storage_unavailable")


def bytes_of(kind: str) -> dict[Any, Any]:
    """What is documented of an answer that is a file."""
    whole = OpenApiResponse(OpenApiTypes.BINARY, description="The file; `Content-Disposition` has a name for it.")
    part = OpenApiResponse(OpenApiTypes.BINARY, description="The part that `Range` asked for.")
    elsewhere = OpenApiResponse(description="Where the bucket has it; follow it without the token.")
    same = OpenApiResponse(description="It is still the file that `If-None-Match` names.")
    beyond = OpenApiResponse(description="The file ends before the range that was asked for.")
    return {(200, kind): whole, (206, kind): part, 302: elsewhere, 304: same, 416: beyond}


class Keep(Sent):
    """Whether something is kept whatever the retention policies say."""

    pinned = serializers.BooleanField(**told("Kept, or left to the policies again.", True))


class MediaAsked(Asked):
    """What lists of files may be asked for."""

    orders, usual = {"created_at": "created_at", "size": "size", "duration": "duration"}, "-created_at"
    narrows: ClassVar[dict[str, str]] = {
        "sha256": "sha256",
        "created_after": "created_at__gte",
        "created_before": "created_at__lt",
    }

    project = Id("Only those of this project.", OTHER_ID, required=False)
    sha256 = serializers.CharField(required=False, **told("Only those of exactly these bytes.", SHA256))
    created_after = Time("Only those made then or later.", required=False)
    created_before = Time("Only those made earlier.", required=False)


class OneKept(Endpoint):
    """One clip, voice or finished video. kind: as in `bin.KINDS`"""

    kind: ClassVar[str]

    def keep(self, request: Request, row_id: UUID) -> access.Thing:
        """Keep it whatever the rules say, or leave it to them again."""
        thing = access.editable_kept_for(request.user, self.kind, row_id)
        retention.pin(thing, pinned=given(Keep(data=request.data))["pinned"])
        return thing

    def bin(self, request: Request, row_id: UUID) -> Response:
        """Put it into the bin."""
        bin.put(access.editable_kept_for(request.user, self.kind, row_id), by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def restore(self, request: Request, row_id: UUID) -> access.Thing:
        """Take it out of the bin."""
        thing = access.editable_binned_for(request.user, self.kind, row_id)
        bin.restore(thing)
        return thing
