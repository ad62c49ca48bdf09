"""API tokens: what a script signs in with. Of the token itself only a digest is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PREFIX = "hgs_"
KEY_LENGTH = 15
TOKEN_NAME_LENGTH = 80


class Scope(models.TextChoices):
    """What a token may be used for. Whoever is signed in with a browser may do all of it."""

    READ = "read", _("look and download")
    UPLOAD = "upload", _("add lecturers, clips, voices and consents")
    RENDER = "render", _("render, cancel, pause the queue")
    MANAGE = "manage", _("projects, members, deleting, tokens")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Sets of tokens."""

    def usable(self) -> ApiTokenQuerySet:
        """Those that have not ended and whose person may sign in."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user__is_active=True)


class ApiToken(models.Model):
    """A token of one person's.

    key: its first letters, which name it without giving it away; digest: SHA-512 of the whole, hexadecimal
    scopes: words of `Scope` with spaces between; last_used_at: exact to ten minutes, so that reading costs no writing
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    key = models.CharField(max_length=KEY_LENGTH, db_index=True)
    digest = models.CharField(max_length=128, unique=True)
    name = models.CharField(_("name"), max_length=TOKEN_NAME_LENGTH, blank=True, default="")
    scopes = models.CharField(_("may"), max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = (models.CheckConstraint(condition=~Q(scopes=""), name="token_may_do_something"),)

    def __str__(self) -> str:
        return f"{self.name or self.key}"

    @property
    def may(self) -> frozenset[str]:
        """Its scopes."""
        return frozenset(self.scope_list)

    @property
    def scope_list(self) -> list[str]:
        """Its scopes in their usual order."""
        return self.scopes.split()

    @property
    def scope_labels(self) -> list[str]:
        """Its scopes in words."""
        return [str(Scope(scope).label) for scope in Scope.values if scope in self.may]

    @property
    def has_ended(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


def digest_of(token: str) -> str:
    """What is kept of a token. It is random and long, so that one round of a plain hash is enough."""
    return hashlib.sha512(token.encode()).hexdigest()


def spelled(scopes: Collection[str]) -> str:
    """Scopes as a row keeps them, in their usual order."""
    return " ".join(scope for scope in Scope.values if scope in scopes)
