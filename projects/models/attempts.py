"""Every attempt at a render: who had it, from when to when, and how it ended."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models.renders import RenderJob


class Outcome(models.TextChoices):
    """How an attempt ended."""

    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    GIVEN_BACK = "given_back", _("given back, the worker stopped")
    PUT_OFF = "put_off", _("put off")
    LOST = "lost", _("lost, the worker vanished")


class ErrorClass(models.TextChoices):
    """What kind of fault ended an attempt; `projects.faults` says what follows from each."""

    NONE = "", _("none")
    INPUT = "input", _("a file that cannot be used")
    QUOTA = "quota", _("a limit of this installation")
    TRANSIENT = "transient", _("a fault that may pass")
    RESOURCE = "resource", _("no room or no memory")
    CRASH = "crash", _("broken off without a word")
    BUG = "bug", _("a bug")
    CANCEL = "cancel", _("a person's wish")


WITH_A_FAULT = (Outcome.FAILED, Outcome.PUT_OFF, Outcome.LOST)


class JobAttempt(models.Model):
    """One claim of a job, from the claim on. It is opened and closed together with the changes of the job's row.

    number: the claim's fence; lane, worker: who had it, the worker as "host:process"
    error_class, error_code, error_message: the fault that ended it; log_tail: the end of what the engine or we said then
    segments_done: of the job, at its end
    """

    job = models.ForeignKey(RenderJob, on_delete=models.CASCADE, related_name="history")
    number = models.PositiveIntegerField()
    lane = models.CharField(max_length=20, blank=True, default="")
    worker = models.CharField(max_length=200, blank=True, default="")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.RUNNING)
    error_class = models.CharField(max_length=12, choices=ErrorClass.choices, blank=True, default=ErrorClass.NONE)
    error_code = models.CharField(max_length=60, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    log_tail = models.TextField(blank=True, default="")
    segments_done = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("job", "number")
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = (
            models.UniqueConstraint(fields=("job", "number"), name="attempt_is_one_claim"),
            models.UniqueConstraint(fields=("job",), condition=Q(ended_at__isnull=True), name="attempt_open_once_per_job"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="attempt_outcome_is_known"),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.RUNNING, ended_at__isnull=True)
                | (~Q(outcome=Outcome.RUNNING) & Q(ended_at__isnull=False)),
                name="attempt_ended_has_an_outcome",
            ),
            models.CheckConstraint(
                condition=(Q(outcome__in=WITH_A_FAULT) & ~Q(error_code="") & ~Q(error_class=""))
                | (~Q(outcome__in=WITH_A_FAULT) & Q(error_code="")),
                name="attempt_broken_off_says_why",
            ),
        )

    def __str__(self) -> str:
        return f"{self.job_id} · {self.number}"
