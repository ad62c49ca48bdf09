"""Many renders asked for at once: clips down, voices across."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from projects.models.library import TITLE_LENGTH, Project, role_in

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

PATTERN_LENGTH = 200


class RenderBatchQuerySet(models.QuerySet["RenderBatch"]):
    """Sets of batches."""

    def visible_to(self, user: User | AnonymousUser) -> RenderBatchQuerySet:
        """The batches this person may see."""
        return self.filter(project__in=Project.objects.visible_to(user))

    def with_role(self, user: User | AnonymousUser) -> RenderBatchQuerySet:
        """With the project of each, and this person's role in it."""
        if not user.is_authenticated:
            return self.none()
        return self.select_related("project").annotate(found_role=role_in("project", "project__owner_id", user))


class RenderBatch(models.Model):
    """A set of renders that are watched, repeated and fetched together.

    Its cells are those of its jobs that were not tried again.
    name_pattern: what its videos are called in the archive, see `archives.FIELDS`
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="batches")
    name = models.CharField(_("name"), max_length=TITLE_LENGTH)
    name_pattern = models.CharField(_("file names"), max_length=PATTERN_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RenderBatchQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes = (models.Index(fields=("project", "-created_at"), name="batch_by_project"),)
        constraints = (
            models.CheckConstraint(condition=~Q(name=""), name="batch_has_a_name"),
            models.CheckConstraint(condition=~Q(name_pattern=""), name="batch_names_its_files"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The batch's page."""
        return reverse("pages:batch", args=[self.pk])

    @property
    def home(self) -> Project:
        """Its project, with the role of the person for whom `access` found it."""
        return self.project.seen_as(getattr(self, "found_role", "") or "")
