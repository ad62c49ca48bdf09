"""Clips: what was filmed, what was found in it, and its files."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, consents, media, sentences, uploads
from projects.api.endpoints import Endpoint, given, one, operation, person
from projects.api.files import (
    DURATION,
    FRAME_RATE,
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
from projects.models import PreviewKind, SpeakerClip
from projects.models.library import TITLE_LENGTH


class FilmAddress(Address):
    """Null until the film is made, and where none is needed."""

    def has(self, row: SpeakerClip) -> bool:
        """Whether the light film is there."""
        return row.sight.is_light


class StripAddress(Address):
    """Null until the strip is made."""

    def has(self, row: SpeakerClip) -> bool:
        """Whether the strip is there."""
        return bool(row.sight.strip_url)


class ClipShape(Shape):
    """A clip."""

    id = Id("Names the clip in all addresses.")
    project = Id("The project.", OTHER_ID, source="speaker.project_id")
    speaker = Id("The lecturer who is filmed.", OTHER_ID, source="speaker_id")
    title = serializers.CharField(**told("What it is called.", "Lecture 1"))
    size = serializers.IntegerField(**SIZE)
    sha256 = serializers.CharField(**told("Digest of the file, hexadecimal.", SHA256))
    width = serializers.IntegerField(**told("Pixels across.", 1920))
    height = serializers.IntegerField(**told("Pixels down.", 1080))
    frame_rate = serializers.CharField(**FRAME_RATE)
    frames = serializers.IntegerField(**told("How many pictures it has.", 1842))
    duration = serializers.FloatField(**DURATION)
    codec = serializers.CharField(**told("How the picture is encoded.", "h264"))
    has_sound = serializers.BooleanField(**told("Whether it has a sound of its own, which the mouth is learnt from.", True))
    pinned = serializers.BooleanField(**told("Whether it is kept whatever the retention policies say.", False))
    created_at = Time("When it was added.")
    file_url = Address("api:clip_file", **told("The file as it was uploaded.", f"{EXAMPLE_HOST}/api/v1/clips/…/file/"))
    still_url = Address("api:clip_still", **told("A still picture of it, JPEG.", f"{EXAMPLE_HOST}/api/v1/clips/…/still/"))
    film_url = FilmAddress(
        "api:clip_film", allow_null=True, **told("A light copy for browsers, null where there is none.", None)
    )
    strip_url = StripAddress(
        "api:clip_strip", allow_null=True, **told("Moments with the mouth drawn on the face, null where there is none.", None)
    )


class FindingShape(Shape):
    """Something that was found in a clip."""

    code = serializers.CharField(**told("Stable; for programs.", "dark"))
    severity = serializers.CharField(**told("`refusal`, `warning` or `note`.", "warning"))
    message = serializers.SerializerMethodField(
        **told("What it is and what to do.", "The face is dark. Film with soft light from the front.")
    )

    def get_message(self, finding: dict[str, Any]) -> str:
        """In the language asked for."""
        return sentences.shown(str(finding["sentence"]))


class CardShape(Shape):
    """What was found when the clip was looked at, after it was added."""

    verdict = serializers.CharField(**told("`ready`, `warnings` or `refused`.", "ready"))
    findings = FindingShape(many=True, **told("What was found, the gravest first.", []))
    figures = serializers.DictField(**told("What was measured; lengths in seconds.", {"coverage": 0.98, "faces": 1}))


class ClipDetailShape(ClipShape):
    """A clip, with what was found in it."""

    card = serializers.SerializerMethodField(**told("What was found in it, null until it has been looked at.", None))

    @extend_schema_field(CardShape(allow_null=True))
    def get_card(self, clip: SpeakerClip) -> dict[str, Any] | None:
        """The card of its strip."""
        strip = clip.sight.strip
        return dict(CardShape(strip.card).data) if strip and strip.card else None


class NewClip(Sent):
    """What a clip is made from."""

    speaker = Id("The lecturer who is filmed.", OTHER_ID)
    title = serializers.CharField(
        max_length=TITLE_LENGTH, required=False, default="", **told("What to call it; else the file's name.", "Lecture 1")
    )
    consent = serializers.BooleanField(
        required=False, default=False, **told("You say that this person agreed to videos being made of this take.", True)
    )
    file = serializers.FileField(max_length=1000, allow_empty_file=True, **told("The filmed take.", None))


class ClipsAsked(MediaAsked):
    """What the list of clips may be asked for."""

    narrows: ClassVar[dict[str, str]] = MediaAsked.narrows | {"speaker": "speaker", "search": "title__icontains"}

    speaker = Id("Only those of this lecturer.", OTHER_ID, required=False)
    search = serializers.CharField(required=False, **SEARCH)


class Clips(Endpoint):
    """All clips that the asker may see."""

    parser_classes = FORMS

    @operation("List clips", scope=READ, asks=ClipsAsked, answers=ClipShape, many=True)
    def get(self, request: Request) -> Response:
        """The clips of all projects of the asker, or of one."""
        wanted = asked(request, ClipsAsked)
        rows = access.clips_of(request.user, project=wanted.project_of(request)).prefetch_related("previews")
        return listed(request, rows, ClipShape, wanted)

    @operation(
        "Add a clip", scope=UPLOAD, takes=NewClip, answers=ClipShape, status=201, refuses=("not_a_video", *UPLOADED), files=True
    )
    def post(self, request: Request) -> Response:
        """A clip in one piece; large ones come better by `uploads/`. The same bytes again give the clip that has them."""
        wanted = given(NewClip(data=request.data))
        whose = access.editable_speaker_for(request.user, wanted["speaker"])
        clip = uploads.add_clip(project=whose.project, speaker=whose, uploaded_file=wanted["file"], title=wanted["title"])
        if wanted["consent"]:
            consents.state(speaker=clip.speaker, by=person(request))
        return one(request, clip, ClipShape, status.HTTP_201_CREATED)


class OneClip(OneKept):
    """One clip."""

    kind = "clips"

    @operation("Show a clip", scope=READ, answers=ClipDetailShape)
    def get(self, request: Request, clip_id: UUID) -> Response:
        """One clip."""
        return one(request, access.clip_for(request.user, clip_id), ClipDetailShape)

    @operation("Keep a clip", scope=MANAGE, takes=Keep, answers=ClipShape, refuses=("not_allowed",), example={"pinned": True})
    def patch(self, request: Request, clip_id: UUID) -> Response:
        """Keep it whatever the retention policies say, or leave it to them again."""
        return one(request, self.keep(request, clip_id), ClipShape)

    @operation("Delete a clip", scope=MANAGE, status=204, refuses=("not_allowed", "in_use"))
    def delete(self, request: Request, clip_id: UUID) -> Response:
        """Put it into the bin for seven days."""
        return self.bin(request, clip_id)


class RestoreClip(OneKept):
    """One clip in the bin."""

    kind = "clips"

    @operation("Restore a clip", scope=MANAGE, answers=ClipShape, refuses=("not_allowed", "gone", "quota_bytes"))
    def post(self, request: Request, clip_id: UUID) -> Response:
        """Take it out of the bin again."""
        return one(request, self.restore(request, clip_id), ClipShape)


class ClipFile(Endpoint):
    """A clip as it was uploaded."""

    content_negotiation_class = AnyKind

    @operation("Download a clip", scope=READ, more=bytes_of("video/*"))
    def get(self, request: Request, clip_id: UUID) -> HttpResponseBase:
        """The file as it was uploaded, whole or a range of it."""
        return media.clip_file(request._request, clip_id)


class ClipStill(Endpoint):
    """A clip's still picture."""

    content_negotiation_class = AnyKind

    @operation("Show a clip's still picture", scope=READ, more=bytes_of("image/jpeg"))
    def get(self, request: Request, clip_id: UUID) -> HttpResponseBase:
        """A still picture of it."""
        return media.clip_still(request._request, clip_id)


class ClipPreview(Endpoint):
    """What was made of a clip to look at."""

    content_negotiation_class = AnyKind
    kind: ClassVar[str] = PreviewKind.FILM

    @operation("Download what was made of a clip", scope=READ, more=bytes_of("video/mp4"))
    def get(self, request: Request, clip_id: UUID) -> HttpResponseBase:
        """The light film or the strip of pictures; 404 until it is made."""
        return media.clip_preview(request._request, clip_id, self.kind)
