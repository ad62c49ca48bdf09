"""Whom the installation tells of events, and every message to them."""

from __future__ import annotations

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from projects.models.events import KIND_LENGTH
from projects.models.library import Project

URL_LENGTH = 500
CODE_LENGTH = 40
SALT_BYTES = 16


def new_salt() -> str:
    """What makes an endpoint's secret differ from every other one."""
    return secrets.token_hex(SALT_BYTES)


class WebhookQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Sets of endpoints."""

    def listening(self) -> WebhookQuerySet:
        """Those that are told of what happens."""
        return self.filter(paused_at__isnull=True, owner__is_active=True)


class WebhookEndpoint(models.Model):
    """Where events go. Its secret is derived from `salt` and the installation's signing key, and stored nowhere.

    project: of which events are told, none for all that the owner may see; kinds: of events, none for all
    failures: requests in a row that came to nothing; rests_until: it is left alone until then
    paused_at: nothing is sent since; failing: because nothing got through for too long, else because its owner wished so
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True, related_name="webhooks")
    url = models.CharField(max_length=URL_LENGTH)
    kinds = models.JSONField(default=list, blank=True)
    salt = models.CharField(max_length=2 * SALT_BYTES, default=new_salt, editable=False)
    failures = models.PositiveIntegerField(default=0)
    rests_until = models.DateTimeField(null=True, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    failing = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints = (
            models.CheckConstraint(condition=Q(failing=False) | Q(paused_at__isnull=False), name="webhook_failing_is_paused"),
        )

    def __str__(self) -> str:
        return self.url

    @property
    def is_paused(self) -> bool:
        """Whether nothing is sent."""
        return self.paused_at is not None

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this kind."""
        return not self.kinds or kind in self.kinds


class DeliveryState(models.TextChoices):
    """Where a message stands."""

    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")


class DeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Sets of messages."""

    def waiting(self) -> DeliveryQuerySet:
        """Those that are still to be sent, sooner or later."""
        return self.filter(state=DeliveryState.WAITING, endpoint__in=WebhookEndpoint.objects.listening())

    def due(self) -> DeliveryQuerySet:
        """Those that may be sent now."""
        rested = Q(endpoint__rests_until__isnull=True) | Q(endpoint__rests_until__lte=Now())
        return self.waiting().filter(rested, next_at__lte=Now())


class WebhookDelivery(models.Model):
    """One message to one endpoint, written in the transaction of what it tells: the row is what is to be sent.

    event: its id, none for a test; body: exactly what is sent; next_at: not before; error: a code of `webhooks.WHY`
    status: of the last answer; seconds: that it took; repeats: the message that was asked for once more
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.PositiveBigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=KIND_LENGTH)
    body = models.TextField()
    state = models.CharField(max_length=12, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    error = models.CharField(max_length=CODE_LENGTH, blank=True, default="")
    repeats = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="repeated_by")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("webhook message")
        verbose_name_plural = _("webhook messages")
        indexes = (
            models.Index(fields=("next_at",), condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(F("endpoint"), F("created_at").desc(), name="delivery_by_endpoint"),
            models.Index(fields=("created_at",), name="delivery_by_time"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.WAITING, ended_at__isnull=True)
                | ~Q(state=DeliveryState.WAITING) & Q(ended_at__isnull=False),
                name="delivery_ended_has_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} → {self.endpoint.url}"

    @property
    def is_due_later(self) -> bool:
        """Whether it came to nothing and is tried again."""
        return self.state == DeliveryState.WAITING and self.attempts > 0 and bool(self.error)
