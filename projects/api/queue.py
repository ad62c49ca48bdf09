"""A person's own queue."""

from __future__ import annotations

from django.db.models.expressions import Combinable
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects import polling, turns
from projects.api.endpoints import Endpoint, Polled, one, operation, person
from projects.api.jobs import READ, RENDER
from projects.api.schema import IF_NONE_MATCH, NOT_MODIFIED
from projects.api.shapes import Shape, Time, told


class QueueShape(Shape):
    """A person's own queue."""

    paused = serializers.BooleanField(**told("Whether nothing new of theirs is started.", False))
    paused_at = Time("Since when, null while it is not paused.", None, allow_null=True)
    parallel_limit = serializers.IntegerField(
        source="limit", **told("How many of their renders run at once, 0 for no limit.", 2)
    )
    waiting = serializers.IntegerField(**told("How many of their renders wait.", 3))
    running = serializers.IntegerField(**told("How many of their renders run.", 1))


class Queue(Polled):
    """The asker's own queue."""

    def beside_the_asker(self, user: str) -> Combinable:
        """See Polled."""
        return polling.queue(user)

    @operation("Show my queue", scope=READ, answers=QueueShape, more=NOT_MODIFIED, parameters=[IF_NONE_MATCH])
    def get(self, request: Request) -> Response:
        """How the asker's queue stands. May be polled with `If-None-Match`."""

        def tell() -> Response:
            return one(request, turns.own(person(request)), QueueShape)

        return self.polled(request, tell, moves=lambda _stands: False)


class Pause(Endpoint):
    """A rest."""

    @operation("Pause my queue", scope=RENDER, answers=QueueShape)
    def post(self, request: Request) -> Response:
        """Start nothing new of the asker's; what runs goes on."""
        user = person(request)
        turns.pause(user=user)
        return one(request, turns.own(user), QueueShape)


class Resume(Endpoint):
    """Its end."""

    @operation("Resume my queue", scope=RENDER, answers=QueueShape)
    def post(self, request: Request) -> Response:
        """Go on with the asker's renders."""
        user = person(request)
        turns.resume(user=user)
        return one(request, turns.own(user), QueueShape)
