"""What a filmed person has agreed to, for how long, and whether they still do."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.library import NAME_LENGTH, TITLE_LENGTH, Speaker

NOTE_LENGTH = 200


def today() -> date:
    """The installation's day: a consent ends at the same moment for everybody, wherever they look from."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


class ConsentQuerySet(models.QuerySet["Consent"]):
    """Sets of consents."""

    def valid(self) -> ConsentQuerySet:
        """Those that allow renders today."""
        return self.filter(Q(expires_on=None) | Q(expires_on__gte=today()), withdrawn_at=None)


class Consent(models.Model):
    """One agreement of a lecturer.

    given_by: who agreed, the lecturer or who may sign for them; scope: to what; evidence: a paper or a recording of it;
    expires_on: the last day on which it holds, or none; note: how the record came about, in English
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    speaker = models.ForeignKey(Speaker, on_delete=models.CASCADE, related_name="consents")
    given_by = models.CharField(_("given by"), max_length=NAME_LENGTH)
    scope = models.TextField(_("scope"))
    evidence = models.FileField(max_length=200, blank=True)
    evidence_name = models.CharField(max_length=TITLE_LENGTH, blank=True, default="")
    evidence_sha256 = models.CharField(max_length=64, blank=True, default="")
    given_on = models.DateField(_("given on"))
    expires_on = models.DateField(_("expires on"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=NOTE_LENGTH, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = (
            models.CheckConstraint(condition=~Q(given_by="") & ~Q(scope=""), name="consent_says_who_and_what"),
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(expires_on__gte=F("given_on")), name="consent_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=Q(withdrawn_by=None) | ~Q(withdrawn_at=None), name="consent_withdrawn_at_a_time"),
        )

    def __str__(self) -> str:
        return f"{self.given_by} · {self.given_on:%Y-%m-%d}"

    @property
    def is_valid(self) -> bool:
        """Whether it allows renders today."""
        return self.withdrawn_at is None and (self.expires_on is None or self.expires_on >= today())

    @property
    def path(self) -> Path:
        """The evidence on this machine."""
        return Path(self.evidence.path)

    @property
    def evidence_url(self) -> str:
        """Where the evidence is, if there is any."""
        return reverse("consent_file", args=[self.pk]) if self.evidence else ""
