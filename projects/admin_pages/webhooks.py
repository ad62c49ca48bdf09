"""Whose webhooks lead where, and what became of every message."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from projects import webhooks
from projects.admin_pages import confirming, figures
from projects.admin_pages.base import ReadOnly
from projects.errors import ProjectError
from projects.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from projects.pages.people import signed_in

LOOKS = {DeliveryState.DELIVERED: "good", DeliveryState.FAILED: "bad", DeliveryState.WAITING: ""}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnly):
    """Webhooks."""

    list_display = ("url", "owner", "project", "is_on", "failures", "reached_at", "created_at")
    list_filter = ("failing", "created_at")
    list_select_related = ("owner", "project")
    search_fields = ("url", "owner__username", "project__name")
    fields = readonly_fields = (
        *("url", "owner", "project", "kinds", "failures", "rests_until", "reached_at", "paused_at", "failing", "created_at"),
    )
    actions = ("pause",)

    @admin.display(description="on", boolean=True, ordering="paused_at")
    def is_on(self, endpoint: WebhookEndpoint) -> bool:
        """Whether anything is sent."""
        return endpoint.paused_at is None

    @admin.action(description="Pause…", permissions=["steer"])
    def pause(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        """Send nothing more to these until their owners resume them."""
        rows = list(chosen.select_related("owner"))
        if not confirming.is_confirmed(request):
            return confirming.ask(
                self,
                request,
                title=f"Pause {len(rows)} webhooks?",
                explanation="What happens meanwhile is not told there. Their owners can resume them.",
                button="Pause",
                count=len(rows),
                lines=(f"{row.url} · {row.owner}" for row in rows),
            )
        for row in rows:
            webhooks.pause(endpoint=row, by=signed_in(request))
        self.message_user(request, f"{len(rows)} webhooks are paused.")
        return None


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly):
    """Messages of webhooks."""

    list_display = ("created_at", "kind", "endpoint", "stands", "status", "attempts", "error", "next_at")
    list_filter = ("state", "kind", "created_at")
    list_select_related = ("endpoint",)
    search_fields = ("endpoint__url", "endpoint__owner__username")
    fields = readonly_fields = (
        *("endpoint", "kind", "event", "state", "status", "attempts", "error", "seconds", "next_at", "created_at", "ended_at"),
        *("repeats", "body"),
    )
    actions = ("send_again",)

    @admin.display(description="state", ordering="state")
    def stands(self, delivery: WebhookDelivery) -> str:
        """Where it stands."""
        return figures.chip(delivery.get_state_display(), LOOKS[DeliveryState(delivery.state)])

    @admin.action(description="Send again", permissions=["steer"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        """Send the same once more."""
        count = 0
        for row in chosen.select_related("endpoint"):
            try:
                webhooks.replay(delivery=row, by=signed_in(request))
                count += 1
            except ProjectError as error:
                self.message_user(request, error.message, "error")
                break
        self.message_user(request, f"{count} messages are sent once more.")
