"""What a person has chosen for themselves, and how far they have been told by mail."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

LANGUAGE_LENGTH, ZONE_LENGTH = 16, 64


class Mail(models.TextChoices):
    """What a person can be written about."""

    VIDEOS = "videos", _("A video is finished")
    FAILURES = "failures", _("A render failed")
    BATCHES = "batches", _("A batch is finished")
    ROOM = "room", _("My storage is nearly full")
    CONSENTS = "consents", _("A lecturer's consent ends within 30 days")


class Preferences(models.Model):
    """One person's choices. A person without a row has chosen nothing.

    language, time_zone: empty for what the browser says; mails: values of `Mail`
    told_until: what happened before has been told by mail, or was not wanted; mailed_at: when the last one was sent;
    room_told: they know that their storage is nearly full; reset_asked_at: they wait for a link to a new password
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preferences"
    )
    language = models.CharField(max_length=LANGUAGE_LENGTH, blank=True, default="")
    time_zone = models.CharField(max_length=ZONE_LENGTH, blank=True, default="")
    mails = models.JSONField(default=list, blank=True)
    told_until = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    room_told = models.BooleanField(default=False)
    reset_asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("preferences")
        verbose_name_plural = _("preferences")
        indexes = (
            models.Index(fields=("told_until",), condition=Q(told_until__isnull=False), name="preferences_with_mails"),
            models.Index(fields=("reset_asked_at",), condition=Q(reset_asked_at__isnull=False), name="preferences_reset_asked"),
        )

    def __str__(self) -> str:
        return str(self.user)
