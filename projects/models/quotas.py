"""How much of the installation a person or a project may use."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models.library import NAME_LENGTH, Project


class QuotaPlan(models.Model):
    """Named limits. An empty one does not limit. The usual plan is everybody's who was given no other.

    bytes_per_person: of all projects that the person owns; minutes_per_month: of video that a person has rendered, by calendar
    month; parallel_renders: of one person at once
    """

    name = models.CharField(_("name"), max_length=NAME_LENGTH, unique=True)
    bytes_per_person = models.PositiveBigIntegerField(
        _("bytes per person"), null=True, blank=True, help_text=_("Of all projects that the person owns. Empty: no limit.")
    )
    bytes_per_project = models.PositiveBigIntegerField(
        _("bytes per project"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    minutes_per_month = models.PositiveIntegerField(
        _("minutes of video per person and month"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    parallel_renders = models.PositiveSmallIntegerField(
        _("renders of one person at once"),
        null=True,
        blank=True,
        help_text=_("0: no limit. Empty: as PARALLEL_JOBS_PER_USER says."),
    )
    is_usual = models.BooleanField(_("the usual plan"), default=False, help_text=_("Everybody's who was given no other."))

    class Meta:
        ordering = ("name",)
        verbose_name = _("quota plan")
        verbose_name_plural = _("quota plans")
        constraints = (
            models.CheckConstraint(condition=~Q(name=""), name="quota_plan_has_a_name"),
            models.UniqueConstraint(fields=("is_usual",), condition=Q(is_usual=True), name="quota_plan_usual_is_one"),
        )

    def __str__(self) -> str:
        return self.name


class PersonPlan(models.Model):
    """The plan that a person was given."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="given_plan",
        verbose_name=_("person"),
    )
    plan = models.ForeignKey(QuotaPlan, on_delete=models.PROTECT, related_name="people", verbose_name=_("quota plan"))

    class Meta:
        ordering = ("user",)
        verbose_name = _("person's plan")
        verbose_name_plural = _("people's plans")

    def __str__(self) -> str:
        return f"{self.user}: {self.plan}"


class ProjectPlan(models.Model):
    """The plan that a project was given, for its bytes; without one its owner's plan counts."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="given_plan")
    plan = models.ForeignKey(QuotaPlan, on_delete=models.PROTECT, related_name="projects", verbose_name=_("quota plan"))

    class Meta:
        ordering = ("project",)
        verbose_name = _("project's plan")
        verbose_name_plural = _("projects' plans")

    def __str__(self) -> str:
        return f"{self.project}: {self.plan}"
