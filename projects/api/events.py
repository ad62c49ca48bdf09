"""Events: what happened since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access
from projects.api.endpoints import Endpoint, operation
from projects.api.jobs import READ
from projects.api.lists import Asked, asked, listed
from projects.api.shapes import EXAMPLE_ID, OTHER_ID, Id, Shape, Time, told
from projects.models import EventKind


class EventShape(Shape):
    """Something that happened."""

    id = serializers.IntegerField(**told("Grows: who has seen one has seen all with smaller numbers.", 4711))
    at = Time("When.")
    kind = serializers.ChoiceField(choices=EventKind.choices, **told("What.", "job.finished"))
    project = Id("In which project.", OTHER_ID, source="project_id")
    user = serializers.IntegerField(
        source="user_id", allow_null=True, **told("Who asked for it, null where that is not known.", 12)
    )
    object_type = serializers.CharField(**told("`job`, `batch`, `clip`, `track`, `upload` or `project`.", "job"))
    object_id = Id("Of that.")
    data = serializers.DictField(  # type: ignore[assignment]  # declared; the property of this name stays what it is
        **told("More ids and facts, by kind; `error` where something failed.", {"job": EXAMPLE_ID, "error": None})
    )


class EventsAsked(Asked):
    """What the list of events may be asked for."""

    orders, usual = {"id": "pk"}, "id"
    narrows: ClassVar[Mapping[str, str]] = {"kind": "kind__in", "object": "object_id", "after": "pk__gt", "since": "at__gte"}

    project = Id("Only those of this project.", OTHER_ID, required=False)
    kind = serializers.ListField(
        child=serializers.ChoiceField(choices=EventKind.choices),
        required=False,
        **told("Only those of these kinds; say it several times for several.", ["job.finished", "job.failed"]),
    )
    object = Id("Only those of this render, batch, clip, voice, upload or project.", required=False)
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, required=False, **told("Only those after the one with this number.", 4711)
    )
    since = Time("Only those of then or later.", required=False)


class Events(Endpoint):
    """What happened in all projects that the asker may see."""

    @operation("List events", scope=READ, asks=EventsAsked, answers=EventShape, many=True)
    def get(self, request: Request) -> Response:
        """What happened, the oldest first, for thirty days. Ask again with `after`, the last `id` that you have seen."""
        wanted = asked(request, EventsAsked)
        rows: Any = access.events_of(request.user, project=wanted.project_of(request))
        return listed(request, rows, EventShape, wanted)
