"""Uploads as rows: how a file that comes in pieces stands, and what became of it. The protocol is in tus.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rest_framework import serializers

from projects.api.jobs import FaultShape
from projects.api.lists import Asked
from projects.api.shapes import EXAMPLE_HOST, OTHER_ID, Address, Id, Shape, Time, told
from projects.models import UploadKind, UploadState


class UploadShape(Shape):
    """A file on its way in."""

    id = Id("Names the upload in its address.")
    project = Id("The project.", OTHER_ID, source="project_id")
    kind = serializers.ChoiceField(choices=UploadKind.choices, **told("What it is to become.", "clip"))
    name = serializers.CharField(**told("What its owner calls the file.", "lecture.mp4"))
    size = serializers.IntegerField(**told("Bytes of the whole file.", 1_048_576))
    offset = serializers.IntegerField(source="arrived", **told("Bytes that have arrived.", 524_288))
    lecturer = serializers.CharField(**told("Who is filmed, as was said.", "Ada"))
    title = serializers.CharField(**told("What to call it.", "Lecture 1"))
    language = serializers.CharField(**told("A language tag, as was said.", "de"))
    fingerprint = serializers.CharField(**told("How its sender knows the file again.", "lecture.mp4|1048576|0"))
    state = serializers.ChoiceField(
        choices=UploadState.choices, **told("Where it stands; the last two are final.", "receiving")
    )
    clip = Id("The clip that it became, null until then.", source="clip_id", allow_null=True)
    track = Id("The voice that it became, null until then.", source="track_id", allow_null=True)
    error = FaultShape(
        source="*", allow_null=True, **told("Why it was refused, or what keeps a whole file from being taken in.", None)
    )
    created_at = Time("When it was announced.")
    expires_at = Time("When it is given up unless more arrives.", "2026-03-17T09:26:53Z")
    url = Address("api:upload", **told("Where its bytes go.", f"{EXAMPLE_HOST}/api/v1/uploads/…/"))


class UploadsAsked(Asked):
    """What the list of uploads may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"
    narrows: ClassVar[Mapping[str, str]] = {"state": "state__in", "kind": "kind"}

    project = Id("Only those to this project.", OTHER_ID, required=False)
    kind = serializers.ChoiceField(choices=UploadKind.choices, required=False, **told("Only those of this kind.", "clip"))
    state = serializers.ListField(
        child=serializers.ChoiceField(choices=UploadState.choices),
        required=False,
        **told("Only those in one of these states; say it several times for several.", ["receiving"]),
    )
