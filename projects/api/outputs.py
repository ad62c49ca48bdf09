"""Finished videos."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, media, sentences
from projects.api.endpoints import Endpoint, one, operation
from projects.api.files import DURATION, FRAME_RATE, MANAGE, READ, SHA256, SIZE, Keep, MediaAsked, OneKept, bytes_of
from projects.api.lists import asked, listed
from projects.api.parsing import AnyKind
from projects.api.shapes import EXAMPLE_HOST, OTHER_ID, Address, Id, Shape, Time, told
from projects.models import RenderOutput


class OutputShape(Shape):
    """A finished video."""

    job = Id("The render that made it, which names it in addresses.", source="job_id")
    project = Id("The project.", OTHER_ID, source="project_id")
    size = serializers.IntegerField(**SIZE)
    sha256 = serializers.CharField(**told("Digest of the file, hexadecimal.", SHA256))
    width = serializers.IntegerField(**told("Pixels across.", 1920))
    height = serializers.IntegerField(**told("Pixels down.", 1080))
    frame_rate = serializers.CharField(**FRAME_RATE)
    frames = serializers.IntegerField(**told("How many pictures it has.", 1842))
    duration = serializers.FloatField(**DURATION)
    quality = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        **told("Measures of the result by name, null where one cannot be taken.", {"sharpness": 0.93}),
    )
    timings = serializers.DictField(child=serializers.FloatField(), **told("Seconds that each stage took.", {"render": 41.7}))
    notices = serializers.SerializerMethodField(**told("What to know about it, in the language asked for.", []))
    pinned = serializers.BooleanField(**told("Whether it is kept whatever the retention policies say.", False))
    created_at = Time("When it was finished.")
    download_url = Address("api:output_download", **told("The video.", f"{EXAMPLE_HOST}/api/v1/outputs/…/download/"))

    def get_notices(self, output: RenderOutput) -> list[str]:
        """Translated."""
        return [sentences.shown(notice) for notice in output.notices]


class OutputsAsked(MediaAsked):
    """What the list of finished videos may be asked for."""

    narrows: ClassVar[dict[str, str]] = MediaAsked.narrows | {
        "speaker": "job__clip__speaker",
        "batch": "job__batch",
        "language": "job__track__language",
    }

    speaker = Id("Only those of this lecturer.", OTHER_ID, required=False)
    batch = Id("Only those of this batch.", OTHER_ID, required=False)
    language = serializers.CharField(required=False, **told("Only those whose voice is in this language.", "de"))


class Outputs(Endpoint):
    """All finished videos that the asker may see."""

    @operation("List finished videos", scope=READ, asks=OutputsAsked, answers=OutputShape, many=True)
    def get(self, request: Request) -> Response:
        """The finished videos of all projects of the asker, or of one."""
        wanted = asked(request, OutputsAsked)
        return listed(request, access.outputs_of(request.user, project=wanted.project_of(request)), OutputShape, wanted)


class OneOutput(OneKept):
    """One finished video."""

    kind = "videos"

    @operation("Show a finished video", scope=READ, answers=OutputShape)
    def get(self, request: Request, job_id: UUID) -> Response:
        """One finished video."""
        return one(request, access.output_for(request.user, job_id), OutputShape)

    @operation(
        "Keep a finished video",
        scope=MANAGE,
        takes=Keep,
        answers=OutputShape,
        refuses=("not_allowed",),
        example={"pinned": True},
    )
    def patch(self, request: Request, job_id: UUID) -> Response:
        """Keep it whatever the retention policies say, or leave it to them again."""
        return one(request, self.keep(request, job_id), OutputShape)

    @operation("Delete a finished video", scope=MANAGE, status=204, refuses=("not_allowed", "in_use"))
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Put it into the bin for seven days."""
        return self.bin(request, job_id)


class RestoreOutput(OneKept):
    """One finished video in the bin."""

    kind = "videos"

    @operation("Restore a finished video", scope=MANAGE, answers=OutputShape, refuses=("not_allowed", "gone", "quota_bytes"))
    def post(self, request: Request, job_id: UUID) -> Response:
        """Take it out of the bin again."""
        return one(request, self.restore(request, job_id), OutputShape)


class Download(Endpoint):
    """A finished video as a file."""

    content_negotiation_class = AnyKind

    @operation("Download a finished video", scope=READ, more=bytes_of("video/mp4"))
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """The video, named for its clip and voice, whole or a range of it."""
        return media.serve_output(request._request, access.output_for(request.user, job_id), attachment=True)
