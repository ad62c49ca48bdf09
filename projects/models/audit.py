"""Who did what to which object. Rows are added and never changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

TEXT_LENGTH = 200
VERB_LENGTH = 40


class AppendOnlyError(Exception):
    """An entry of the audit log was to be changed or removed."""

    def __init__(self) -> None:
        super().__init__("the audit log is append-only")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Sets of entries, to read."""

    def update(self, **fields: Any) -> NoReturn:
        """Refused."""
        raise AppendOnlyError

    def delete(self) -> NoReturn:
        """Refused."""
        raise AppendOnlyError


class AuditEntry(models.Model):
    """One deed. People, projects and objects are named in words and by id: an entry outlives them all.

    verb: kind and deed, e.g. `clip.added`; address: where the request came from, empty for commands and workers
    """

    at = models.DateTimeField(auto_now_add=True)
    actor_id = models.PositiveBigIntegerField(null=True)
    actor_name = models.CharField(max_length=TEXT_LENGTH, blank=True, default="")
    verb = models.CharField(max_length=VERB_LENGTH)
    object_type = models.CharField(max_length=VERB_LENGTH)
    object_id = models.CharField(max_length=VERB_LENGTH)
    object_name = models.CharField(max_length=TEXT_LENGTH, blank=True, default="")
    project_id = models.UUIDField(null=True)
    project_name = models.CharField(max_length=TEXT_LENGTH, blank=True, default="")
    detail = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=64, blank=True, default="")

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = (
            models.Index(fields=("verb", "-id"), name="audit_by_verb"),
            models.Index(fields=("project_id", "-id"), name="audit_by_project"),
            models.Index(fields=("at",), name="audit_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name} {self.verb} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the entry. One that is there already is refused: nothing else could keep the log append-only."""
        if not self._state.adding:
            raise AppendOnlyError
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnlyError
