"""Webhooks of the asker: where events go, and every message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, webhooks
from projects.api.endpoints import Endpoint, given, one, operation, person
from projects.api.lists import Asked, asked, listed
from projects.api.shapes import OTHER_ID, Id, Sent, Shape, Time, told
from projects.models import DeliveryState, EventKind, Scope
from projects.models.webhooks import URL_LENGTH

MANAGE = {Scope.MANAGE}
URL = told("Where messages are posted to, by https.", "https://example.com/hooks/studio")
KINDS = told("Of which kinds of events it is told; all when empty.", ["job.finished", "job.failed"])
UNREACHED = ("webhooks_off", "kind_unknown", "url_invalid", "not_encrypted", "unknown_host", "not_public")


class WebhookShape(Shape):
    """A webhook."""

    id = Id("Names the webhook in all addresses.")
    url = serializers.CharField(**URL)
    project = Id("Of which project it is told, null for all.", OTHER_ID, source="project_id", allow_null=True)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=EventKind.choices), **KINDS)
    paused = serializers.BooleanField(source="is_paused", **told("Whether nothing is sent.", False))
    failing = serializers.BooleanField(
        **told("Whether it is paused because nothing reached it for a day, or because it answered 410.", False)
    )
    failures = serializers.IntegerField(**told("Requests in a row that came to nothing.", 0))
    reached_at = Time("When a message was last taken, null if never.", allow_null=True)
    created_at = Time("When it was made.")


class NewWebhookShape(WebhookShape):
    """A webhook whose secret is new, and told this once."""

    secret = serializers.CharField(**told("Signs its messages. It is not told again.", "whsec_1f9a3c07b2d…"))


class NewWebhook(Sent):
    """What a webhook is made from."""

    url = serializers.CharField(max_length=URL_LENGTH, **URL)
    project = Id("Of which project to tell; all when left out.", OTHER_ID, required=False, allow_null=True, default=None)
    kinds = serializers.ListField(child=serializers.CharField(max_length=40), required=False, default=list, **KINDS)


class ChangedWebhook(Sent):
    """What of a webhook becomes otherwise. What is left out stays."""

    url = serializers.CharField(max_length=URL_LENGTH, required=False, **URL)
    kinds = serializers.ListField(child=serializers.CharField(max_length=40), required=False, **KINDS)
    paused = serializers.BooleanField(required=False, **told("Send nothing, or go on.", True))


class MessageShape(Shape):
    """A message of a webhook."""

    id = Id("Names the message; sent as `HeyGem-Delivery`.")
    event = serializers.IntegerField(allow_null=True, **told("The event it tells of, null for a test.", 4711))
    kind = serializers.CharField(**told("What it tells.", "job.finished"))
    state = serializers.ChoiceField(choices=DeliveryState.choices, **told("Where it stands.", "delivered"))
    attempts = serializers.IntegerField(**told("How often it was sent.", 1))
    status = serializers.IntegerField(allow_null=True, **told("HTTP status of the last answer, null without one.", 204))
    error = serializers.CharField(**told("Why it was not taken, a code; empty where it was.", ""))
    created_at = Time("When it was written.")
    next_at = Time("Before then it is not sent again.")
    ended_at = Time("When it was taken or given up, null before.", allow_null=True)
    body = serializers.CharField(**told("Exactly what is sent.", '{"id": 4711, "kind": "job.finished"}'))


class WebhooksAsked(Asked):
    """What the list of webhooks may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"


class MessagesAsked(Asked):
    """What the list of messages may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"
    narrows: ClassVar[Mapping[str, str]] = {"state": "state"}

    state = serializers.ChoiceField(
        choices=DeliveryState.choices, required=False, **told("Only those that stand so.", "failed")
    )


class Webhooks(Endpoint):
    """The asker's webhooks."""

    @operation("List my webhooks", scope=MANAGE, asks=WebhooksAsked, answers=WebhookShape, many=True)
    def get(self, request: Request) -> Response:
        """The asker's own; nobody else sees them."""
        return listed(request, access.webhooks_of(request.user), WebhookShape, asked(request, WebhooksAsked))

    @operation(
        "Add a webhook",
        scope=MANAGE,
        takes=NewWebhook,
        answers=NewWebhookShape,
        status=201,
        refuses=(*UNREACHED, "too_many_webhooks"),
        example={"url": "https://example.com/hooks/studio", "kinds": ["batch.finished", "batch.failed"]},
    )
    def post(self, request: Request) -> Response:
        """Have a server told of events. The secret is told this once."""
        wanted = given(NewWebhook(data=request.data))
        home = access.project_for(request.user, wanted["project"]) if wanted["project"] else None
        row, secret = webhooks.add(owner=person(request), url=wanted["url"], project=home, kinds=wanted["kinds"])
        answer = one(request, row, WebhookShape, status.HTTP_201_CREATED)
        answer.data |= {"secret": secret}
        return answer


class OneWebhook(Endpoint):
    """One webhook."""

    @operation("Show a webhook", scope=MANAGE, answers=WebhookShape)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """One of the asker's own."""
        return one(request, access.webhook_for(request.user, webhook_id), WebhookShape)

    @operation(
        "Change a webhook",
        scope=MANAGE,
        takes=ChangedWebhook,
        answers=WebhookShape,
        refuses=UNREACHED,
        example={"paused": True},
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Another address, other kinds, or a pause."""
        by, row = person(request), access.webhook_for(request.user, webhook_id)
        wanted = given(ChangedWebhook(data=request.data))
        webhooks.change(endpoint=row, by=by, url=wanted.get("url"), kinds=wanted.get("kinds"))
        if "paused" in wanted:
            (webhooks.pause if wanted["paused"] else webhooks.resume)(endpoint=row, by=by)
        return one(request, row, WebhookShape)

    @operation("Remove a webhook", scope=MANAGE, status=204)
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Tell it nothing more, and forget what was told."""
        webhooks.remove(endpoint=access.webhook_for(request.user, webhook_id), by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Secret(Endpoint):
    """The secret of one webhook."""

    @operation("Change a webhook's secret", scope=MANAGE, answers=NewWebhookShape)
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """The new one is told this once, and signs from now on."""
        row = access.webhook_for(request.user, webhook_id)
        secret = webhooks.change_secret(endpoint=row, by=person(request))
        answer = one(request, row, WebhookShape)
        answer.data |= {"secret": secret}
        return answer


class Test(Endpoint):
    """A test of one webhook."""

    @operation(
        "Send a test message", scope=MANAGE, answers=MessageShape, status=202, refuses=("webhooks_off", "webhook_paused")
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """A message of the kind `ping`."""
        row = webhooks.ping(endpoint=access.webhook_for(request.user, webhook_id), by=person(request))
        return one(request, row, MessageShape, status.HTTP_202_ACCEPTED)


class Messages(Endpoint):
    """The messages to one webhook."""

    @operation("List messages", scope=MANAGE, asks=MessagesAsked, answers=MessageShape, many=True)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """What was sent, and what waits, of thirty days."""
        row = access.webhook_for(request.user, webhook_id)
        return listed(request, access.deliveries_of(row), MessageShape, asked(request, MessagesAsked))


class Replay(Endpoint):
    """A message once more."""

    @operation(
        "Send a message again", scope=MANAGE, answers=MessageShape, status=202, refuses=("webhooks_off", "webhook_paused")
    )
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """The same, to the byte, as a message of its own."""
        row = access.delivery_in(access.webhook_for(request.user, webhook_id), delivery_id)
        made = webhooks.replay(delivery=row, by=person(request))
        return one(request, made, MessageShape, status.HTTP_202_ACCEPTED)
