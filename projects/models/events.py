"""What happened to renders, batches and uploads, in the order in which it was committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from projects.models.library import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

KIND_LENGTH = 40
OBJECT_LENGTH = 40


class EventKind(models.TextChoices):
    """What can happen. A batch's kind is that of its worst cell once the last one has ended."""

    JOB_FINISHED = "job.finished", _("a render is done")
    JOB_FAILED = "job.failed", _("a render failed")
    JOB_CANCELLED = "job.cancelled", _("a render was cancelled")
    BATCH_FINISHED = "batch.finished", _("a batch is done")
    BATCH_FAILED = "batch.failed", _("a batch ended with failed videos")
    BATCH_CANCELLED = "batch.cancelled", _("a batch ended with cancelled videos")
    CLIP_READY = "clip.ready", _("a clip is in the library")
    CLIP_REFUSED = "clip.refused", _("a clip was refused")
    TRACK_READY = "track.ready", _("a voice is in the library")
    TRACK_REFUSED = "track.refused", _("a voice was refused")
    STORAGE_WARNING = "storage.warning", _("storage is nearly full")


class EventQuerySet(models.QuerySet["Event"]):
    """Sets of events."""

    def visible_to(self, user: User | AnonymousUser) -> EventQuerySet:
        """The events of the projects that this person may see.

        Asked row by row: who reads on from a place walks along the ids and stops when there is enough.
        """
        return self.filter(Exists(Project.objects.visible_to(user).filter(pk=OuterRef("project_id"))))


class Event(models.Model):
    """One thing that happened. Rows are added and never changed; the daily cleanup removes old ones.

    id: grows in the order of commits, so that whoever reads on from the last one seen misses none
    user: who asked for it, nobody where that is not known; object_type, object_id: `job`, `batch`, `clip`, `track` or
    `upload` and its id, which the event may outlive; data: more ids and facts, in values that JSON knows
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=KIND_LENGTH, choices=EventKind.choices)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="events", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="events")
    object_type = models.CharField(max_length=OBJECT_LENGTH)
    object_id = models.UUIDField()
    data = models.JSONField(default=dict, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = (
            models.Index(fields=("project", "id"), name="event_by_project"),
            models.Index(fields=("object_id", "id"), name="event_by_object"),
            models.Index(fields=("at",), name="event_by_time"),
        )
        constraints = (models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="event_kind_is_known"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
