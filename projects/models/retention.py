"""How long things are kept, and what each cleaning has taken away."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models.library import Project

DAYS_HELP = _("Empty: for ever.")


class RetentionPolicy(models.Model):
    """After how many days things go. Of a project, else of its owner, else of the whole installation.

    video_days: since it was made; unused_days: of clips and voices, since they were added or last rendered from;
    failed_days: of renders outside batches that ended without a video
    """

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="retention", verbose_name=_("project")
    )
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="retention",
        verbose_name=_("owner of projects"),
    )
    for_all = models.BooleanField(_("of the whole installation"), default=False)
    video_days = models.PositiveIntegerField(
        _("keep videos, days"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=DAYS_HELP
    )
    unused_days = models.PositiveIntegerField(
        _("keep unused clips and voices, days"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=DAYS_HELP
    )
    failed_days = models.PositiveIntegerField(
        _("keep failed renders, days"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=DAYS_HELP
    )

    class Meta:
        ordering = ("pk",)
        verbose_name = _("retention policy")
        verbose_name_plural = _("retention policies")
        constraints = (
            models.CheckConstraint(
                condition=Q(project__isnull=False, owner__isnull=True, for_all=False)
                | Q(project__isnull=True, owner__isnull=False, for_all=False)
                | Q(project__isnull=True, owner__isnull=True, for_all=True),
                name="retention_of_one_scope",
                violation_error_message=_("Choose one: a project, an owner, or the whole installation."),
            ),
            models.UniqueConstraint(fields=("for_all",), condition=Q(for_all=True), name="retention_installation_is_one"),
            models.CheckConstraint(
                condition=(Q(video_days__isnull=True) | Q(video_days__gt=0))
                & (Q(unused_days__isnull=True) | Q(unused_days__gt=0))
                & (Q(failed_days__isnull=True) | Q(failed_days__gt=0)),
                name="retention_is_a_day_at_least",
            ),
        )

    def __str__(self) -> str:
        return str(self.project or self.owner or _("the installation"))


class CleanupRun(models.Model):
    """One cleaning. lines: what went or would go, the first thousand; a dry run has taken nothing away.

    by: who asked for it, nobody for the daily one; policy: the one that it was of alone, unless that has been removed
    """

    class Scope(models.TextChoices):
        """What a run looks at."""

        WHOLE = "whole", _("all that is due")
        POLICY = "policy", _("one policy")
        BIN = "bin", _("the whole bin")

    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    dry_run = models.BooleanField(_("dry run"), default=False)
    scope = models.CharField(_("of"), max_length=8, choices=Scope.choices, default=Scope.WHOLE)
    policy = models.ForeignKey(
        RetentionPolicy, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs", verbose_name=_("policy")
    )
    binned = models.PositiveIntegerField(_("put into the bin"), default=0)
    binned_size = models.PositiveBigIntegerField(_("bytes put into the bin"), default=0)
    removed = models.PositiveIntegerField(_("files removed"), default=0)
    removed_size = models.PositiveBigIntegerField(_("bytes freed"), default=0)
    forgotten = models.PositiveIntegerField(_("failed renders removed"), default=0)
    lines = models.JSONField(_("what"), default=list, blank=True)

    class Meta:
        ordering = ("-started_at",)
        verbose_name = _("cleanup run")
        verbose_name_plural = _("cleanup runs")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"
