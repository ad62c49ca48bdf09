"""What is still arriving: a file that comes in pieces, until it is a clip or a voice."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.library import LANGUAGE_LENGTH, NAME_LENGTH, TITLE_LENGTH, AudioTrack, Project, SpeakerClip

FOLDER = "uploads"
FINGERPRINT_LENGTH = 300


class UploadKind(models.TextChoices):
    """What it is to become."""

    CLIP = "clip", _("clip")
    TRACK = "track", _("voice")


class UploadState(models.TextChoices):
    """Where it stands. A file that is whole is `finishing` while it is looked at."""

    RECEIVING = "receiving", _("arriving")
    FINISHING = "finishing", _("being checked")
    DONE = "done", _("in the library")
    REFUSED = "refused", _("refused")


OPEN = (UploadState.RECEIVING, UploadState.FINISHING)


class UploadQuerySet(models.QuerySet["Upload"]):
    """Sets of uploads."""

    def unfinished(self) -> UploadQuerySet:
        """Those that a person can go on with, in a browser that knows the file again."""
        return self.filter(state__in=OPEN, expires_at__gt=timezone.now()).exclude(fingerprint="")


class Upload(models.Model):
    """A file on its way in. Its bytes lie in a folder of their own, under this row's id.

    name: what its owner calls the file, text and never a path; size, offset: bytes, of the whole and as last noted;
    fingerprint: how the sender knows the same file again, in words of its own; metadata: what was said at its creation;
    consent: its owner says that the person filmed agreed to videos being made of it;
    expires_at: when it is given up unless more arrives; clip, track: what became of it;
    error_*: why it was refused, or what kept a whole file from being taken in, in English
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="uploads")
    kind = models.CharField(max_length=8, choices=UploadKind.choices)
    name = models.CharField(max_length=TITLE_LENGTH, blank=True)
    size = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0)
    lecturer = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    title = models.CharField(max_length=TITLE_LENGTH, blank=True, default="")
    language = models.CharField(max_length=LANGUAGE_LENGTH, blank=True, default="")
    fingerprint = models.CharField(max_length=FINGERPRINT_LENGTH, blank=True, default="")
    metadata = models.TextField(blank=True, default="")
    consent = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=12, choices=UploadState.choices, default=UploadState.RECEIVING)
    clip = models.ForeignKey(SpeakerClip, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    track = models.ForeignKey(AudioTrack, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    error_code = models.CharField(max_length=60, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    error_at = models.FloatField(null=True, blank=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = (
            models.CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=UploadKind.values), name="upload_kind_is_known"),
            models.CheckConstraint(condition=Q(size__gt=0, offset__lte=F("size")), name="upload_fits_its_size"),
            models.CheckConstraint(condition=~Q(state="done") | Q(offset=F("size")), name="upload_done_is_whole"),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(error_code=""), name="upload_refused_has_a_reason"),
        )

    def __str__(self) -> str:
        return self.name or str(self.pk)

    @property
    def path(self) -> Path:
        """Where its bytes lie while it arrives."""
        return Path(settings.MEDIA_ROOT) / FOLDER / str(self.pk)

    @property
    def is_open(self) -> bool:
        """Whether more may arrive, or be made of what has."""
        return self.state in OPEN and self.expires_at > timezone.now()

    @property
    def arrived(self) -> int:
        """Bytes that have arrived: what the disk says, which the row follows at the end of each piece."""
        if self.state not in OPEN:
            return self.offset
        try:
            return min(self.path.stat().st_size, self.size)
        except FileNotFoundError:
            return self.offset

    @property
    def share(self) -> float:
        """How much of it has arrived, 0 to 1."""
        return self.arrived / self.size
