"""Batches: many renders at once, watched, repeated and fetched together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db.models.expressions import Combinable
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from projects import access, archives, batches, media, polling
from projects.api.choices import HowFields, chosen
from projects.api.endpoints import Endpoint, Polled, begun_once, given, one, operation, person, under_way
from projects.api.jobs import KEYED, QUEUED_AS, READ, RENDER
from projects.api.lists import Asked, asked, listed
from projects.api.parsing import AnyKind
from projects.api.schema import IDEMPOTENCY_KEY, IF_NONE_MATCH, NOT_MODIFIED, REPLAYED
from projects.api.shapes import EXAMPLE_HOST, EXAMPLE_ID, OTHER_ID, Address, Id, Sent, Shape, Time, told
from projects.batches import MOST_CELLS
from projects.models import Project, RenderBatch, Status
from projects.models.batches import PATTERN_LENGTH
from projects.models.library import TITLE_LENGTH

REFUSED = ("unknown_preset", "no_cells", "too_many_cells", "name_pattern_invalid", *QUEUED_AS)
EXAMPLE = {"project": OTHER_ID, "clips": [EXAMPLE_ID], "tracks": [OTHER_ID], "name": "Spring course"}
PATTERN = told("What its videos are called in the archive.", "{speaker}_{clip}_{voice}_{language}")


class CellCounts(Shape):
    """How many cells a batch has, and in which state they are."""

    total = serializers.IntegerField(**told("All of them.", 6))
    queued = serializers.IntegerField(**told("They wait.", 2))
    running = serializers.IntegerField(**told("They are being made.", 1))
    succeeded = serializers.IntegerField(**told("Their videos are finished.", 2))
    failed = serializers.IntegerField(**told("They failed.", 1))
    cancelled = serializers.IntegerField(**told("They were cancelled.", 0))


@extend_schema_field({"type": "string", "format": "uri"})
class JobsAddress(serializers.ReadOnlyField):
    """Where the renders of a batch are listed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="pk", **kwargs)

    def to_representation(self, value: UUID) -> str:
        """The whole address."""
        return f"{reverse('api:jobs', request=self.context.get('request'))}?batch={value}"


class BatchShape(Shape):
    """A batch."""

    id = Id("Names the batch in all addresses.")
    url = Address("api:batch", **told("Where to poll.", f"{EXAMPLE_HOST}/api/v1/batches/{EXAMPLE_ID}/"))
    project = Id("The project.", OTHER_ID, source="project_id")
    name = serializers.CharField(**told("What it is called.", "Spring course"))
    name_pattern = serializers.CharField(**PATTERN)
    created_at = Time("When it was asked for.")
    jobs_url = JobsAddress(**told("Its renders, earlier tries too.", f"{EXAMPLE_HOST}/api/v1/jobs/?batch={EXAMPLE_ID}"))
    archive_url = Address(
        "api:batch_archive", **told("All finished videos in one ZIP.", f"{EXAMPLE_HOST}/api/v1/batches/…/archive.zip")
    )


class BatchDetailShape(BatchShape):
    """A batch with how far it is."""

    cells = CellCounts(source="far.cells", **told("How many of its cells are in which state.", {"total": 6}))
    progress = serializers.FloatField(source="far.progress", **told("Share of the whole, 0 to 1.", 0.52))
    ends_at = Time("When its last render is expected to end.", "2026-03-14T10:04:00Z", source="far.ends_at", allow_null=True)

    def to_representation(self, instance: RenderBatch) -> dict[str, Any]:
        """With its progress."""
        far = batches.progress(instance)
        cells = {"total": far.total, **{status: far.counts.get(status, 0) for status in Status.values}}
        vars(instance)["far"] = {"cells": cells, "progress": round(far.share, 4), "ends_at": far.ends_at}
        return super().to_representation(instance)


class NeedShape(Shape):
    """What a batch would take."""

    videos = serializers.IntegerField(**told("How many videos it makes.", 6))
    work_seconds = serializers.FloatField(**told("Seconds until all are rendered, once it is their turn.", 512.4))
    video_seconds = serializers.FloatField(**told("Seconds of video, which count against the month's minutes.", 368.9))
    bytes = serializers.IntegerField(**told("Bytes of the finished videos, as far as can be told.", 88_080_384))


class NewCell(Sent):
    """A clip with a voice."""

    clip = Id("Whose mouth is moved.")
    track = Id("What is to be said.", OTHER_ID)


class NewBatch(HowFields):
    """What a batch is made from, and how: `clips` and `tracks`, each with each, or single `cells`, or both."""

    project = Id("The project.", OTHER_ID)
    clips = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=MOST_CELLS,
        **told("Each with each voice.", [EXAMPLE_ID]),
    )
    tracks = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=MOST_CELLS,
        **told("Each with each clip.", [OTHER_ID]),
    )
    cells = NewCell(many=True, required=False, default=list, **told("Single pairs.", [{"clip": EXAMPLE_ID, "track": OTHER_ID}]))
    name = serializers.CharField(
        max_length=TITLE_LENGTH,
        required=False,
        default="",
        allow_blank=True,
        **told("What to call it; else the time.", "Spring course"),
    )
    name_pattern = serializers.CharField(max_length=PATTERN_LENGTH, required=False, default="", allow_blank=True, **PATTERN)


class NewClipForCells(Sent):
    """Which clip takes the place of which in the cells that failed."""

    old = Id("The clip that failed.")
    new = Id("The clip to use instead.", OTHER_ID)


class BatchesAsked(Asked):
    """What the list of batches may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"
    narrows: ClassVar[Mapping[str, str]] = {
        "search": "name__icontains",
        "created_after": "created_at__gte",
        "created_before": "created_at__lt",
    }

    project = Id("Only those of this project.", OTHER_ID, required=False)
    search = serializers.CharField(required=False, **told("Only those with this in their name.", "Spring"))
    created_after = Time("Only those asked for then or later.", required=False)
    created_before = Time("Only those asked for earlier.", required=False)


class Batches(Endpoint):
    """All batches that the asker may see."""

    @operation("List batches", scope=READ, asks=BatchesAsked, answers=BatchShape, many=True)
    def get(self, request: Request) -> Response:
        """The batches of all projects of the asker, or of one."""
        wanted = asked(request, BatchesAsked)
        return listed(request, access.batches_of(request.user, project=wanted.project_of(request)), BatchShape, wanted)

    @operation(
        "Render a batch",
        scope=RENDER,
        takes=NewBatch,
        answers=BatchDetailShape,
        status=202,
        more=REPLAYED(BatchDetailShape),
        refuses=(*REFUSED, *KEYED),
        parameters=[IDEMPOTENCY_KEY],
        example=EXAMPLE,
    )
    def post(self, request: Request) -> Response:
        """Clips and voices of one project become videos, all of them or none. `Location` says where to poll."""
        wanted, home, cells = _cells(request)
        choice, preset = chosen(wanted)
        make = partial(
            batches.submit,
            project=home,
            cells=cells,
            created_by=person(request),
            name=wanted["name"],
            name_pattern=wanted["name_pattern"],
            choice=choice,
            preset=preset,
        )
        pairs = sorted((str(clip.pk), str(track.pk)) for clip, track in cells)
        told_of = {
            **wanted,
            **choice.as_dict(),
            "preset": preset,
            "project": str(home.pk),
            "clips": [],
            "tracks": [],
            "cells": pairs,
        }
        return begun_once(request, told_of, make, BatchDetailShape)


class Estimate(Endpoint):
    """What a batch would take."""

    @operation(
        "Estimate a batch",
        scope={*READ, *RENDER},
        takes=NewBatch,
        answers=NeedShape,
        refuses=("unknown_preset", "not_allowed"),
        example=EXAMPLE,
    )
    def post(self, request: Request) -> Response:
        """How long and how large a batch would be. It queues nothing."""
        wanted, _home, cells = _cells(request)
        needed = batches.need(cells, chosen(wanted)[0])
        facts = {"videos": needed.videos, "work_seconds": round(needed.work, 1)}
        return Response(NeedShape(facts | {"video_seconds": needed.video, "bytes": needed.size}).data)


class OneBatch(Polled):
    """One batch."""

    def beside_the_asker(self, user: str) -> Combinable:
        """See Polled."""
        return polling.batch(user, self.kwargs["batch_id"])

    @operation("Show a batch", scope=READ, answers=BatchDetailShape, more=NOT_MODIFIED, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, batch_id: UUID) -> Response:
        """Poll this, with `If-None-Match`, until `cells` has neither queued nor running ones."""

        def tell() -> Response:
            return one(request, access.batch_for(request.user, batch_id), BatchDetailShape)

        return self.polled(request, tell, moves=lambda stands: stands["queued"] + stands["running"] > 0)


class RetryBatch(Endpoint):
    """Another try of what failed."""

    @operation("Try a batch's failed videos again", scope=RENDER, answers=BatchDetailShape, status=202, refuses=QUEUED_AS)
    def post(self, request: Request, batch_id: UUID) -> Response:
        """Queue the cells that failed or were cancelled once more."""
        row = access.editable_batch_for(request.user, batch_id)
        batches.retry_failed(batch=row, by=person(request))
        return under_way(request, row, BatchDetailShape)


class ReplaceClip(Endpoint):
    """Another clip for what failed."""

    @operation(
        "Use another clip for a batch's failed videos",
        scope=RENDER,
        takes=NewClipForCells,
        answers=BatchDetailShape,
        status=202,
        refuses=("same_clip", "nothing_failed", *QUEUED_AS),
        example={"old": EXAMPLE_ID, "new": OTHER_ID},
    )
    def post(self, request: Request, batch_id: UUID) -> Response:
        """Queue the cells of a clip that failed with another clip."""
        row = access.editable_batch_for(request.user, batch_id)
        wanted = given(NewClipForCells(data=request.data))
        old, new = access.clip_ever_for(request.user, wanted["old"]), access.clip_for(request.user, wanted["new"])
        batches.replace_clip(batch=row, old=old, new=new, by=person(request))
        return under_way(request, row, BatchDetailShape)


class CancelBatch(Endpoint):
    """The end of a batch."""

    @operation("Cancel a batch", scope=RENDER, answers=BatchDetailShape, status=202, refuses=("not_allowed",))
    def post(self, request: Request, batch_id: UUID) -> Response:
        """End what waits and stop what runs. Finished videos stay."""
        row = access.editable_batch_for(request.user, batch_id)
        batches.cancel(batch=row)
        return under_way(request, row, BatchDetailShape)


class Archive(Endpoint):
    """All finished videos of a batch."""

    content_negotiation_class = AnyKind

    @operation(
        "Download a batch",
        scope=READ,
        more={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="Videos and a manifest.")},
        refuses=("nothing_finished", "storage_unavailable"),
    )
    def get(self, request: Request, batch_id: UUID) -> HttpResponseBase:
        """All finished videos and a manifest, in one ZIP."""
        return media.serve_archive(archives.archive(access.batch_for(request.user, batch_id)))


def _cells(request: Request) -> tuple[dict[str, Any], Project, list[batches.Cell]]:
    """What a batch is asked for with: the words as given, the project, and the clips and voices that the person may see."""
    wanted = given(NewBatch(data=request.data))
    home = access.editable_project_for(request.user, wanted["project"])
    singles = [(cell["clip"], cell["track"]) for cell in wanted["cells"]]
    pairs = [*batches.matrix(wanted["clips"], wanted["tracks"]), *singles]
    return wanted, home, access.cells_for(request.user, pairs)
