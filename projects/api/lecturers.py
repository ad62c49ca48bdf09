"""The API's views of lecturers: their tags and consents."""

from __future__ import annotations

from uuid import UUID

from rest_framework import status
from rest_framework.decorators import api_view, parser_classes
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, consents, library
from projects.api import serializers
from projects.api.answers import given, listed, one, person


@api_view(["GET", "PATCH"])
def lecturer(request: Request, speaker_id: UUID) -> Response:
    """One lecturer, or other tags for them."""
    if request.method == "GET":
        return one(request, access.speaker_for(request.user, speaker_id), serializers.SpeakerShape)
    row = access.editable_speaker_for(request.user, speaker_id)
    library.set_tags(speaker=row, tags=given(serializers.NewTags(data=request.data))["tags"])
    return one(request, row, serializers.SpeakerShape)


@api_view(["GET", "POST"])
@parser_classes([JSONParser, FormParser, MultiPartParser])
def lecturer_consents(request: Request, speaker_id: UUID) -> Response:
    """What a lecturer agreed to, or one more record of it, with evidence as multipart form data."""
    if request.method == "GET":
        row = access.speaker_for(request.user, speaker_id)
        return listed(request, access.consents_of(request.user, speaker=row), serializers.ConsentShape)
    row = access.editable_speaker_for(request.user, speaker_id)
    made = consents.record(speaker=row, by=person(request), **given(serializers.NewConsent(data=request.data)))
    return one(request, made, serializers.ConsentShape, status.HTTP_201_CREATED)


@api_view(["POST"])
def withdraw(request: Request, speaker_id: UUID) -> Response:
    """The lecturer no longer agrees: waiting and running renders end. Answers which did, and which videos there are."""
    user = person(request)
    row = access.editable_speaker_for(user, speaker_id)
    ended = consents.withdraw(speaker=row, by=user)
    videos = access.outputs_of(user, speaker=row).values_list("pk", flat=True)
    return Response({"cancelled": [job.pk for job in ended], "videos": list(videos)})
