"""What is put into the bin before it goes for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

BIN_DAYS = 7
Row = TypeVar("Row", bound="Kept")


class KeptQuerySet(models.QuerySet[Row], Generic[Row]):
    """Sets of things that have a file."""

    def kept(self) -> KeptQuerySet[Row]:
        """Those that are not in the bin."""
        return self.filter(binned_at__isnull=True)

    def binned(self) -> KeptQuerySet[Row]:
        """Those that can still be taken out of the bin."""
        return self.filter(binned_at__isnull=False, purged_at__isnull=True)

    def past_restoring(self) -> KeptQuerySet[Row]:
        """Those whose file goes now."""
        return self.binned().filter(binned_at__lt=timezone.now() - timedelta(days=BIN_DAYS))


class Kept(models.Model):
    """A row with a file. Its row outlives the file, so that the renders that used it can still tell of it.

    pinned: no retention policy puts it into the bin
    binned_at: since when it is in the bin; purged_at: when its file went for good
    """

    binned_at = models.DateTimeField(_("in the bin since"), null=True, blank=True)
    binned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("put there by"),
    )
    pinned = models.BooleanField(_("kept whatever the rules say"), default=False)
    purged_at = models.DateTimeField(_("file gone since"), null=True, blank=True)

    class Meta:
        abstract = True
        # Only of what is in the bin: an index of all would be taken for one that tells what is kept, which nearly all are.
        indexes = (models.Index(fields=("binned_at",), condition=Q(binned_at__isnull=False), name="%(class)s_binned"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True) | Q(binned_at__isnull=False), name="%(class)s_purged_from_bin"
            ),
        )

    @property
    def is_kept(self) -> bool:
        """It is not in the bin."""
        return self.binned_at is None

    @property
    def goes_at(self) -> datetime | None:
        """When its file goes for good, while it is in the bin."""
        return None if self.binned_at is None else self.binned_at + timedelta(days=BIN_DAYS)


def first_by(rows: models.QuerySet[Row], order: str, count: int) -> models.QuerySet[Row]:
    """The first so many in this order, without what was joined to them: which they are is found before anything is."""
    return rows.model._default_manager.filter(pk__in=rows.order_by(order).values("pk")[:count]).order_by(order)
