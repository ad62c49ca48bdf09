"""What is made of a clip to look at: a light film that plays in browsers, and a strip of pictures with the face drawn."""

from __future__ import annotations

from pathlib import Path

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from projects.models.library import SpeakerClip

MOST_ATTEMPTS = 2


class PreviewKind(models.TextChoices):
    """Which."""

    FILM = "film", _("light film")
    STRIP = "strip", _("strip of pictures")


class PreviewState(models.TextChoices):
    """Where it stands. Of a clip that is light and plays itself no film is needed."""

    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    NEEDLESS = "needless", _("not needed")
    GIVEN_UP = "given_up", _("given up")


class PreviewQuerySet(models.QuerySet["Preview"]):
    """Sets of previews."""

    def free(self) -> PreviewQuerySet:
        """Those that somebody may make now: nobody is at them, or whoever was has not been heard of in time."""
        unheld = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        return self.filter(unheld, state=PreviewState.WAITING, attempts__lt=MOST_ATTEMPTS)

    def lost(self) -> PreviewQuerySet:
        """Those that nobody has brought to an end in as many attempts as there are."""
        return self.filter(state=PreviewState.WAITING, attempts__gte=MOST_ATTEMPTS, lease_until__lt=Now())


class Preview(models.Model):
    """One of them. Its row says what is to be made; a message only wakes somebody.

    attempts: how often somebody began; lease_until: until then whoever makes it is left alone
    size: bytes of the file; card: of a strip, what the engine found (`lipsync.preflight.Card.as_dict`)
    note: why it was given up, in English
    """

    clip = models.ForeignKey(SpeakerClip, on_delete=models.CASCADE, related_name="previews")
    kind = models.CharField(max_length=8, choices=PreviewKind.choices)
    state = models.CharField(max_length=12, choices=PreviewState.choices, default=PreviewState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    file = models.FileField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    card = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PreviewQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("preview")
        verbose_name_plural = _("previews")
        indexes = (models.Index(fields=("state", "kind"), name="preview_waiting"),)
        constraints = (
            models.UniqueConstraint(fields=("clip", "kind"), name="preview_once_per_clip"),
            models.CheckConstraint(condition=Q(kind__in=PreviewKind.values), name="preview_kind_is_known"),
            models.CheckConstraint(condition=Q(state__in=PreviewState.values), name="preview_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=PreviewState.DONE, size__gt=0) & ~Q(file="")
                | ~Q(state=PreviewState.DONE) & Q(file="", size=0),
                name="preview_done_has_its_file",
            ),
            models.CheckConstraint(
                condition=Q(state=PreviewState.GIVEN_UP) & ~Q(note="") | ~Q(state=PreviewState.GIVEN_UP) & Q(note=""),
                name="preview_given_up_says_why",
            ),
        )

    def __str__(self) -> str:
        return f"{self.clip} · {self.get_kind_display()}"

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return Path(self.file.path)
