"""One person's place among all, and the keys by which a script asks for the same render only once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models.batches import RenderBatch
from projects.models.renders import RenderJob
from projects.models.uploads import Upload

KEY_LENGTH = 200
RAISED = 1000  # from this priority on, a render is served before everybody's


class UserQueue(models.Model):
    """One person's queue. A person without a row has one that is not paused, keeps the usual limit and was never served.

    paused_at: set while nothing new shall start; parallel_limit: renders at once, 0 for no limit, null for the plan's;
    last_served_at: when one of their renders was last taken by a worker: who was served last comes last
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="queue", verbose_name=_("person")
    )
    paused_at = models.DateTimeField(_("paused since"), null=True, blank=True)
    parallel_limit = models.PositiveSmallIntegerField(
        _("renders at once"),
        null=True,
        blank=True,
        help_text=_("0: no limit. Empty: as the person's plan says, else PARALLEL_JOBS_PER_USER."),
    )
    last_served_at = models.DateTimeField(_("last served"), null=True, blank=True)

    class Meta:
        ordering = ("user",)
        verbose_name = _("person's queue")
        verbose_name_plural = _("people's queues")

    def __str__(self) -> str:
        return str(self.user)


class IdempotencyKey(models.Model):
    """A name that a script gave to one request, and the render, the batch or the upload that came of it.

    digest: SHA-256 of what was asked
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="idempotency_keys")
    key = models.CharField(max_length=KEY_LENGTH)
    digest = models.CharField(max_length=64)
    job = models.ForeignKey(RenderJob, on_delete=models.CASCADE, null=True, related_name="idempotency_keys")
    batch = models.ForeignKey(RenderBatch, on_delete=models.CASCADE, null=True, related_name="idempotency_keys")
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, null=True, related_name="idempotency_keys")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = (
            models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once_per_person"),
            models.CheckConstraint(
                condition=Q(job__isnull=False, batch__isnull=True, upload__isnull=True)
                | Q(job__isnull=True, batch__isnull=False, upload__isnull=True)
                | Q(job__isnull=True, batch__isnull=True, upload__isnull=False),
                name="idempotency_key_made_one_thing",
            ),
        )

    def __str__(self) -> str:
        return self.key
