"""The one-time link with which the first account is made."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SetupLink(models.Model):
    """A link's hash; the link itself is printed once and never stored."""

    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("set-up link")
        verbose_name_plural = _("set-up links")

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"
