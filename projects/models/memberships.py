"""Who takes part in a project besides its owner, and the links that invite people."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.library import Project, Role

INVITED_AS = (Role.EDITOR, Role.VIEWER)


class Membership(models.Model):
    """One person's part in somebody else's project. The owner has none: `Project.owner` alone says who that is."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=8, choices=[(role.value, role.label) for role in INVITED_AS])
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("joined_at", "id")
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (
            models.UniqueConstraint(fields=("project", "user"), name="member_once_per_project"),
            models.CheckConstraint(condition=Q(role__in=INVITED_AS), name="member_role_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.project}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Sets of invitations."""

    def open(self) -> InvitationQuerySet:
        """Those that still let somebody in."""
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """A link that lets one person in. Its hash is kept; the link itself is shown once and never stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(_("role"), max_length=8, choices=[(role.value, role.label) for role in INVITED_AS])
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = (
            models.CheckConstraint(condition=Q(role__in=INVITED_AS), name="invitation_role_is_known"),
            models.CheckConstraint(condition=Q(used_at=None) | Q(revoked_at=None), name="invitation_used_or_revoked"),
        )

    def __str__(self) -> str:
        return f"{self.project} · {self.get_role_display()}"
