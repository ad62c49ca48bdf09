"""What a person's projects hold and may hold, what lies in the bin, and what goes by itself soon."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, bin, quotas, retention
from projects.access import Thing
from projects.api.endpoints import Endpoint, operation, person
from projects.api.files import READ
from projects.api.lists import Asked, asked, whole
from projects.api.shapes import OTHER_ID, Id, Shape, Time, told

SOON_SHOWN = 200
BINNED_SHOWN = 200
KINDS = tuple((kind, kind) for kind in bin.KINDS)
NO_LIMIT = "Null for no limit."


class BytesShape(Shape):
    """Bytes by kind."""

    clips = serializers.IntegerField(**told("Of clips.", 734_003_200))
    tracks = serializers.IntegerField(**told("Of voices.", 52_428_800))
    outputs = serializers.IntegerField(**told("Of finished videos.", 314_572_800))
    arriving = serializers.IntegerField(**told("Of files on their way.", 0))
    expected = serializers.IntegerField(**told("Of the videos of renders that wait or run.", 10_485_760))
    previews = serializers.IntegerField(**told("Of what is made of clips to look at; it counts against no limit.", 9_437_184))
    used = serializers.IntegerField(**told("All that counts, what is still to come included.", 1_111_490_560))
    limit = serializers.IntegerField(allow_null=True, **told(f"How many there may be. {NO_LIMIT}", 10_737_418_240))
    left = serializers.IntegerField(allow_null=True, **told(f"How many can still be added. {NO_LIMIT}", 9_625_927_680))


class SecondsShape(Shape):
    """Seconds of video."""

    used = serializers.FloatField(**told("Rendered this month, and asked for.", 1820.5))
    limit = serializers.FloatField(allow_null=True, **told(f"How many there may be. {NO_LIMIT}", 36_000.0))
    left = serializers.FloatField(allow_null=True, **told(f"How many can still be rendered. {NO_LIMIT}", 34_179.5))


class UsageShape(Shape):
    """What a person uses of the installation."""

    bytes = BytesShape(**told("What the projects hold that the asker owns.", {"used": 1_111_490_560}))
    video_seconds = SecondsShape(**told("The video that the asker has rendered this month.", {"used": 1820.5}))


class BinnedShape(Shape):
    """Something in the bin."""

    kind = serializers.ChoiceField(choices=KINDS, **told("What it is.", "clips"))
    id = Id("Names it in the address that restores it; of a video, its render.")
    project = Id("The project.", OTHER_ID)
    title = serializers.CharField(**told("What it is called.", "Lecture 1"))
    size = serializers.IntegerField(**told("Bytes of the file.", 1_048_576))
    binned_at = Time("Since when it is there.")
    goes_at = Time("When its file goes for good, a week later.", "2026-03-21T09:26:53Z")

    def to_representation(self, instance: Thing) -> dict[str, Any]:
        """Of a clip, a voice or a finished video."""
        kind = next(name for name, model in bin.KINDS.items() if isinstance(instance, model))
        facts = {"kind": kind, "id": instance.pk, "project": bin.home_of(instance).pk, "title": bin.title_of(instance)}
        times = {"binned_at": instance.binned_at, "goes_at": instance.goes_at}
        return super().to_representation({**facts, "size": instance.size, **times})


class LeavingShape(Shape):
    """Something that a retention policy puts into the bin within a week."""

    kind = serializers.ChoiceField(choices=KINDS, **told("What it is.", "videos"))
    id = Id("Names it in addresses; of a video, its render.", source="thing.pk")
    project = Id("The project.", OTHER_ID, source="home.pk")
    title = serializers.CharField(**told("What it is called.", "Lecture 1 × Welcome"))
    size = serializers.IntegerField(source="thing.size", **told("Bytes of the file.", 1_048_576))
    goes_at = Time("When it is put into the bin.", "2026-03-21T09:26:53Z")
    days = serializers.IntegerField(**told("Of the rule that says so.", 90))

    def to_representation(self, instance: retention.Going) -> dict[str, Any]:
        """Of something that goes."""
        facts = {"kind": instance.kind, "thing": instance.thing, "goes_at": instance.goes_at, "days": instance.days}
        names = {"home": bin.home_of(instance.thing), "title": bin.title_of(instance.thing)}
        return super().to_representation(facts | names)


class StorageAsked(Asked):
    """What these lists may be asked for."""


class Usage(Endpoint):
    """What the asker uses."""

    @operation("Show what I use", scope=READ, answers=UsageShape)
    def get(self, request: Request) -> Response:
        """Bytes of the asker's own projects and seconds of video of this month, with their limits."""
        user = person(request)
        plan = quotas.plan_of(user)
        told_of = {"bytes": quotas.room_of_person(user, plan), "video_seconds": quotas.minutes_of(user, plan)}
        return Response(UsageShape(told_of).data)


class Bin(Endpoint):
    """What was deleted."""

    @operation("List the bin", scope=READ, asks=StorageAsked, answers=BinnedShape, many=True)
    def get(self, request: Request) -> Response:
        """The latest that was deleted, the first to go for good first; at most 200 of each kind, on one page."""
        user = request.user
        kinds = (access.binned_clips_of(user), access.binned_tracks_of(user), access.binned_outputs_of(user))
        found: list[Thing] = [thing for rows in kinds for thing in rows.order_by("-binned_at")[:BINNED_SHOWN]]
        found.sort(key=lambda thing: str(thing.binned_at))
        return whole(request, found, BinnedShape, asked(request, StorageAsked))


class Leaving(Endpoint):
    """What goes by itself."""

    @operation("List what goes soon", scope=READ, asks=StorageAsked, answers=LeavingShape, many=True)
    def get(self, request: Request) -> Response:
        """What the retention policies put into the bin within a week, the first first; at most 200, on one page."""
        rows = retention.soon(access.projects_of(request.user), SOON_SHOWN)
        return whole(request, rows, LeavingShape, asked(request, StorageAsked))
