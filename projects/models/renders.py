"""The queue of renders, their results and what was logged. The job's row is the truth; messages only wake workers."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.choices import Chosen
from projects.models.kept import Kept, KeptQuerySet
from projects.models.library import AudioTrack, Project, SpeakerClip
from projects.models.presets import CODE_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class Status(models.TextChoices):
    """Where a job stands. The last three are final."""

    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Family(models.TextChoices):
    """Whom a failure concerns: the user's file, the machine, or us."""

    NONE = "", _("none")
    INPUT = "input", _("file")
    ENVIRONMENT = "environment", _("machine")
    BUG = "bug", _("bug")


LIVE = (Status.QUEUED, Status.RUNNING)
VIDEO_SECONDS = Coalesce("seconds", "track__duration")  # of a job, see `RenderJob.video_seconds`
FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class Stage(models.TextChoices):
    """What the engine is doing, in its order."""

    NONE = "", _("not started")
    LOOK = "look", _("looking at the clip")
    LISTEN = "listen", _("listening to the clip")
    PLAN = "plan", _("planning the mouth")
    RENDER = "render", _("making the frames")
    FINISH = "finish", _("adding the sound")
    MEASURE = "measure", _("measuring the result")


class RenderJobQuerySet(models.QuerySet["RenderJob"]):
    """Sets of jobs."""

    def visible_to(self, user: User | AnonymousUser) -> RenderJobQuerySet:
        """The jobs this person may see."""
        return self.filter(project__in=Project.objects.visible_to(user))

    def with_rights(self, user: User | AnonymousUser) -> RenderJobQuerySet:
        """With whether this person may change each."""
        editable = Q(project__in=Project.objects.editable_by(user))
        return self.annotate(found_editable=Case(When(editable, then=Value(True)), default=Value(False)))

    def lost(self) -> RenderJobQuerySet:
        """Running jobs whose worker has not been heard of in time."""
        return self.filter(status=Status.RUNNING, lease_until__lt=Now())

    def claimable(self) -> RenderJobQuerySet:
        """Jobs a worker may take now. Lost ones are not among them until `claims.settle_lost` has put them back."""
        ready = Q(not_before__isnull=True) | Q(not_before__lte=Now())
        return self.filter(ready, status=Status.QUEUED, cancels_at__isnull=True)

    def to_cancel(self) -> RenderJobQuerySet:
        """Jobs whose person has cancelled them and did not take it back in time."""
        return self.filter(status__in=LIVE, cancel_requested=False, cancels_at__lte=Now())

    def finals(self) -> RenderJobQuerySet:
        """Those that make a whole video, no draft."""
        return self.filter(excerpt__isnull=True)

    def claimable_since(self, moment: CombinedExpression) -> RenderJobQuerySet:
        """Jobs that a worker might have taken at this moment of the database's clock already."""
        return self.claimable().alias(since=Coalesce("not_before", "created_at")).filter(since__lt=moment)

    def in_turn(self) -> RenderJobQuerySet:
        """Which of one person's is served first: higher priority, then longer wait. Between people `turns` decides."""
        return self.order_by("-priority", "created_at", "id")

    def with_media(self) -> RenderJobQuerySet:
        """With everything a list shows, in one query."""
        return self.select_related("project", "clip__speaker", "track", "output", "created_by", "batch")


class RenderJob(Chosen):
    """One clip with one voice. The row is the queue.

    claim: the worker's key while it runs; fence: counts the claims and names the output, so that a worker that was
    given up for dead cannot overwrite a later one's work; lease_until: when the claim lapses unless renewed
    not_before: nobody takes it earlier; since when it waits again, once it has been put back
    attempts: claims that counted; crashes: attempts broken off without a word since the last new segment
    segments_done, segments_total: parts of the video that are kept, so that another attempt goes on from there
    preset: the code of the one that it was asked for with, which may be gone by now; what it said is in the row
    part_start, part_end, point_x, point_y, point_at: see `choices.Choice`
    expected_size: bytes that its video is reckoned to have, which are kept free for it while it lives
    seconds: how long its video will be, where that is not as long as its voice
    cancels_at: its person has cancelled it, and may take that back until then; nobody starts it meanwhile, who runs it goes on
    batch: what it was asked for with; of those a job that failed is tried again once, by the next of its row
    frames_done, frames_total: of the stage; progress: share of the whole, 0 to 1; seconds_left: where it can be told
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="jobs")
    clip = models.ForeignKey(SpeakerClip, on_delete=models.RESTRICT, related_name="jobs", db_index=False)
    track = models.ForeignKey(AudioTrack, on_delete=models.RESTRICT, related_name="jobs", db_index=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    retry_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries")
    batch = models.ForeignKey("RenderBatch", on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs")
    priority = models.SmallIntegerField(default=0)
    expected_size = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(null=True, blank=True)

    preset = models.SlugField(max_length=CODE_LENGTH, blank=True, default="", db_index=False)
    part_start = models.FloatField(null=True, blank=True)
    part_end = models.FloatField(null=True, blank=True)
    point_x = models.FloatField(null=True, blank=True)
    point_y = models.FloatField(null=True, blank=True)
    point_at = models.FloatField(null=True, blank=True)

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=12, choices=Stage.choices, blank=True, default=Stage.NONE)
    frames_done = models.PositiveIntegerField(default=0)
    frames_total = models.PositiveIntegerField(default=0)
    progress = models.FloatField(default=0.0)
    seconds_left = models.FloatField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    cancels_at = models.DateTimeField(null=True, blank=True)

    claim = models.UUIDField(null=True, blank=True, editable=False)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    crashes = models.PositiveIntegerField(default=0)
    segments_done = models.PositiveIntegerField(default=0)
    segments_total = models.PositiveIntegerField(default=0)

    error_family = models.CharField(max_length=12, choices=Family.choices, blank=True, default=Family.NONE)
    error_code = models.CharField(max_length=60, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    error_at = models.FloatField(null=True, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RenderJobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        verbose_name = _("render")
        verbose_name_plural = _("renders")
        indexes = (
            models.Index(fields=("status", "-priority", "created_at"), name="job_turn"),
            models.Index(fields=("status", "created_by", "-priority", "created_at"), name="job_turn_by_person"),
            models.Index(fields=("project", "-created_at", "id"), name="job_by_project"),
            models.Index(fields=("project", "status"), name="job_state_by_project"),
            models.Index(fields=("clip", "-created_at"), name="job_by_clip"),
            models.Index(fields=("track", "-created_at"), name="job_by_track"),
            # What a person made lately, and how much of it this month, without a look at the rows themselves.
            models.Index(fields=("created_by", "-created_at", "status", "track", "seconds"), name="job_by_person"),
            models.Index(fields=("cancels_at",), condition=Q(cancels_at__isnull=False), name="job_to_cancel"),
            models.Index(fields=("finished_at",), condition=Q(excerpt__isnull=False), name="job_draft_by_age"),
            # Whose renders have ended since somebody was written to: partial, so that no other question takes it.
            models.Index(
                fields=("created_by", "finished_at"), condition=Q(finished_at__isnull=False), name="job_ended_by_person"
            ),
        )
        constraints = (
            *Chosen.Meta.constraints,
            models.CheckConstraint(condition=Q(status__in=Status.values), name="job_status_is_known"),
            models.CheckConstraint(
                condition=Q(cancels_at__isnull=True) | Q(status__in=LIVE, cancel_requested=False),
                name="job_cancelled_soon_is_live",
            ),
            models.CheckConstraint(
                condition=Q(point_x__isnull=True, point_y__isnull=True)
                | Q(point_x__gte=0, point_x__lte=1, point_y__gte=0, point_y__lte=1),
                name="job_point_in_the_picture",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.RUNNING, claim__isnull=False, lease_until__isnull=False, started_at__isnull=False)
                | (~Q(status=Status.RUNNING) & Q(claim__isnull=True, lease_until__isnull=True)),
                name="job_runs_with_a_claim",
            ),
            models.CheckConstraint(condition=~Q(status=Status.QUEUED, cancel_requested=True), name="job_waiting_is_wanted"),
            models.CheckConstraint(
                condition=Q(status__in=FINAL, finished_at__isnull=False) | Q(status__in=LIVE, finished_at__isnull=True),
                name="job_final_has_an_end",
            ),
            models.CheckConstraint(
                condition=(Q(status=Status.FAILED) & ~Q(error_code="") & ~Q(error_message=""))
                | (~Q(status=Status.FAILED) & Q(error_code="")),
                name="job_failed_says_why",
            ),
            models.CheckConstraint(condition=Q(frames_done__lte=F("frames_total")), name="job_progress_in_bounds"),
            models.CheckConstraint(condition=Q(segments_done__lte=F("segments_total")), name="job_segments_in_bounds"),
            models.CheckConstraint(condition=Q(progress__gte=0.0, progress__lte=1.0), name="job_share_in_bounds"),
            models.CheckConstraint(condition=Q(attempts__lte=F("fence")), name="job_fence_counts_claims"),
            models.UniqueConstraint(
                fields=("batch", "clip", "track"), condition=Q(retry_of__isnull=True), name="job_cell_once_per_batch"
            ),
            models.UniqueConstraint(
                fields=("batch", "retry_of"), condition=Q(batch__isnull=False), name="job_of_batch_tried_again_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.clip} · {self.track}"

    def get_absolute_url(self) -> str:
        """The job's page."""
        return reverse("pages:job", args=[self.pk])

    @property
    def may_edit(self) -> bool:
        """Whether the person for whom `access` found it may cancel, retry and delete it."""
        return getattr(self, "found_editable", False)

    @property
    def is_final(self) -> bool:
        """Nothing will change any more."""
        return self.status in FINAL

    @property
    def shown_status(self) -> str:
        """The state as a person sees it: one that was cancelled just now counts as cancelled."""
        return Status.CANCELLED if self.cancels_at is not None else self.status

    @property
    def can_retry(self) -> bool:
        """It ended without a video."""
        return self.status in (Status.FAILED, Status.CANCELLED)

    @property
    def is_draft(self) -> bool:
        """It makes only some seconds, to look at."""
        return self.excerpt is not None

    @property
    def video_seconds(self) -> float:
        """How long its video will be."""
        return self.track.duration if self.seconds is None else self.seconds

    @property
    def running_seconds(self) -> float | None:
        """Seconds since the start, or from start to end."""
        if self.started_at is None:
            return None
        elapsed: timedelta = (self.finished_at or timezone.now()) - self.started_at
        return elapsed.total_seconds()

    def finished_output(self) -> RenderOutput | None:
        """The finished video, if there is one and it is not in the bin."""
        made = self.made_output()
        return made if made and made.is_kept else None

    def made_output(self) -> RenderOutput | None:
        """The finished video, also one that is in the bin or gone."""
        try:
            return self.output
        except RenderOutput.DoesNotExist:
            return None


class RenderOutput(Kept):
    """A finished video. `quality` maps a measure to its value or null, `timings` a stage to its seconds.

    project: its job's, which never changes; here too, for sums over all videos of a project
    """

    job = models.OneToOneField(RenderJob, on_delete=models.CASCADE, primary_key=True, related_name="output")
    # Without an index of its own: one of all rows would be taken for one of those that are kept, or of those in the bin.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="outputs", db_index=False)
    file = models.FileField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    frame_rate = models.CharField(max_length=24)
    frames = models.PositiveIntegerField()
    duration = models.FloatField()
    quality = models.JSONField(default=dict, blank=True)
    timings = models.JSONField(default=dict, blank=True)
    notices = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = KeptQuerySet["RenderOutput"].as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("finished video")
        verbose_name_plural = _("finished videos")
        indexes = (
            *Kept.Meta.indexes,
            models.Index(fields=("-created_at",), name="output_latest"),
            models.Index(fields=("-size",), condition=Q(binned_at__isnull=True), name="output_largest_kept"),
            models.Index(
                fields=("project", "-created_at", "job"), condition=Q(binned_at__isnull=True), name="output_by_project"
            ),
            # Sums of bytes read this alone, not the rows.
            models.Index(fields=("project", "size"), condition=Q(binned_at__isnull=True), name="output_room"),
        )
        constraints = (
            *Kept.Meta.constraints,
            models.CheckConstraint(
                condition=Q(width__gt=0, height__gt=0, frames__gt=0, duration__gt=0, size__gt=0),
                name="output_has_a_picture",
            ),
            models.CheckConstraint(condition=~Q(file=""), name="output_has_its_file"),
        )

    def __str__(self) -> str:
        return str(self.job)

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return Path(self.file.path)

    @property
    def file_url(self) -> str:
        """Where it plays from; `?download=1` saves it."""
        return reverse("output_file", args=[self.pk])


class JobLogLine(models.Model):
    """One line of a job's log, the same as in the log file."""

    class Level(models.TextChoices):
        """How grave a line is."""

        DEBUG = "debug"
        INFO = "info"
        WARNING = "warning"
        ERROR = "error"

    job = models.ForeignKey(RenderJob, on_delete=models.CASCADE, related_name="log_lines")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    stage = models.CharField(max_length=12, blank=True, default="")
    text = models.TextField()

    class Meta:
        ordering = ("id",)
        verbose_name = _("log line")
        verbose_name_plural = _("log lines")

    def __str__(self) -> str:
        return self.text
