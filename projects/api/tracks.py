"""Voices: what is to be said."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.http import HttpResponseBase
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, media, uploads
from projects.api.endpoints import Endpoint, given, one, operation
from projects.api.files import (
    DURATION,
    MANAGE,
    READ,
    SEARCH,
    SHA256,
    SIZE,
    UPLOAD,
    UPLOADED,
    Keep,
    MediaAsked,
    OneKept,
    bytes_of,
)
from projects.api.lists import asked, listed
from projects.api.parsing import FORMS, AnyKind
from projects.api.shapes import EXAMPLE_HOST, OTHER_ID, Address, Id, Sent, Shape, Time, told
from projects.models.library import LANGUAGE_LENGTH, TITLE_LENGTH


class TrackShape(Shape):
    """A voice."""

    id = Id("Names the voice in all addresses.")
    project = Id("The project.", OTHER_ID, source="project_id")
    title = serializers.CharField(**told("What it is called.", "Welcome"))
    language = serializers.CharField(**told("A language tag, empty where none was stated.", "de"))
    size = serializers.IntegerField(**SIZE)
    sha256 = serializers.CharField(**told("Digest of the file, hexadecimal.", SHA256))
    duration = serializers.FloatField(**DURATION)
    sample_rate = serializers.IntegerField(**told("Samples a second.", 48000))
    codec = serializers.CharField(**told("How the sound is encoded.", "pcm_s16le"))
    pinned = serializers.BooleanField(**told("Whether it is kept whatever the retention policies say.", False))
    created_at = Time("When it was added.")
    file_url = Address("api:track_file", **told("The file as it was uploaded.", f"{EXAMPLE_HOST}/api/v1/tracks/…/file/"))


class NewTrack(Sent):
    """What a voice is made from."""

    project = Id("The project.", OTHER_ID)
    title = serializers.CharField(
        max_length=TITLE_LENGTH, required=False, default="", **told("What to call it; else the file's name.", "Welcome")
    )
    language = serializers.CharField(max_length=LANGUAGE_LENGTH, required=False, default="", **told("A language tag.", "de"))
    file = serializers.FileField(
        max_length=1000, allow_empty_file=True, **told("A sound, or a video whose sound is wanted.", None)
    )


class TracksAsked(MediaAsked):
    """What the list of voices may be asked for."""

    narrows: ClassVar[dict[str, str]] = MediaAsked.narrows | {"language": "language", "search": "title__icontains"}

    language = serializers.CharField(required=False, **told("Only those stated to be in this language.", "de"))
    search = serializers.CharField(required=False, **SEARCH)


class Tracks(Endpoint):
    """All voices that the asker may see."""

    parser_classes = FORMS

    @operation("List voices", scope=READ, asks=TracksAsked, answers=TrackShape, many=True)
    def get(self, request: Request) -> Response:
        """The voices of all projects of the asker, or of one."""
        wanted = asked(request, TracksAsked)
        return listed(request, access.tracks_of(request.user, project=wanted.project_of(request)), TrackShape, wanted)

    @operation(
        "Add a voice",
        scope=UPLOAD,
        takes=NewTrack,
        answers=TrackShape,
        status=201,
        refuses=("not_a_sound", *UPLOADED),
        files=True,
    )
    def post(self, request: Request) -> Response:
        """A voice in one piece; large ones come better by `uploads/`. The same bytes again give the voice that has them."""
        wanted = given(NewTrack(data=request.data))
        track = uploads.add_track(
            project=access.editable_project_for(request.user, wanted["project"]),
            uploaded_file=wanted["file"],
            title=wanted["title"],
            language=wanted["language"],
        )
        return one(request, track, TrackShape, status.HTTP_201_CREATED)


class OneTrack(OneKept):
    """One voice."""

    kind = "voices"

    @operation("Show a voice", scope=READ, answers=TrackShape)
    def get(self, request: Request, track_id: UUID) -> Response:
        """One voice."""
        return one(request, access.track_for(request.user, track_id), TrackShape)

    @operation("Keep a voice", scope=MANAGE, takes=Keep, answers=TrackShape, refuses=("not_allowed",), example={"pinned": True})
    def patch(self, request: Request, track_id: UUID) -> Response:
        """Keep it whatever the retention policies say, or leave it to them again."""
        return one(request, self.keep(request, track_id), TrackShape)

    @operation("Delete a voice", scope=MANAGE, status=204, refuses=("not_allowed", "in_use"))
    def delete(self, request: Request, track_id: UUID) -> Response:
        """Put it into the bin for seven days."""
        return self.bin(request, track_id)


class RestoreTrack(OneKept):
    """One voice in the bin."""

    kind = "voices"

    @operation("Restore a voice", scope=MANAGE, answers=TrackShape, refuses=("not_allowed", "gone", "quota_bytes"))
    def post(self, request: Request, track_id: UUID) -> Response:
        """Take it out of the bin again."""
        return one(request, self.restore(request, track_id), TrackShape)


class TrackFile(Endpoint):
    """A voice as it was uploaded."""

    content_negotiation_class = AnyKind

    @operation("Download a voice", scope=READ, more=bytes_of("audio/*"))
    def get(self, request: Request, track_id: UUID) -> HttpResponseBase:
        """The file as it was uploaded, whole or a range of it."""
        return media.track_file(request._request, track_id)
