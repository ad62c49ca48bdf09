"""What a team keeps: projects, lecturers, their clips, and voices."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Case, OuterRef, Q, Subquery, Value, When
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from projects.models.kept import Kept, KeptQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from projects.models.previews import Preview

NAME_LENGTH = 120
TITLE_LENGTH = 200
LANGUAGE_LENGTH = 20
SILENT_PEAK, QUIET_PEAK = 2, 8  # of 255: 42 and 30 dB below full scale


class Role(models.TextChoices):
    """What a person may do in a project: the owner everything, an editor add, render and delete, a viewer look and download."""

    OWNER = "owner", _("owner")
    EDITOR = "editor", _("editor")
    VIEWER = "viewer", _("viewer")


EDITING = (Role.OWNER, Role.EDITOR)


def role_in(home: str, owner: str, user: User) -> Case:
    """This person's role in the project of a row. home, owner: where the row names its project, and that project's owner"""
    as_member = user.memberships.filter(project=OuterRef(home)).values("role")[:1]
    return Case(When(**{owner: user.pk}, then=Value(Role.OWNER.value)), default=Subquery(as_member))


class ProjectQuerySet(models.QuerySet["Project"]):
    """Sets of projects."""

    def visible_to(self, user: User | AnonymousUser) -> ProjectQuerySet:
        """The projects this person may see: their own, and those that they are a member of."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(owner_id=user.pk) | Q(pk__in=user.memberships.values("project")))

    def editable_by(self, user: User | AnonymousUser) -> ProjectQuerySet:
        """The projects in which this person may add, render and delete."""
        if not user.is_authenticated:
            return self.none()
        edited = user.memberships.filter(role=Role.EDITOR)
        return self.filter(Q(owner_id=user.pk) | Q(pk__in=edited.values("project")))

    def with_role(self, user: User | AnonymousUser) -> ProjectQuerySet:
        """With this person's role in each."""
        if not user.is_authenticated:
            return self.none()
        return self.annotate(found_role=role_in("pk", "owner_id", user))


class Project(models.Model):
    """A team's space."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("name", "created_at")
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        constraints = (models.CheckConstraint(condition=~Q(name=""), name="project_has_a_name"),)

    def __str__(self) -> str:
        return self.name

    @property
    def role(self) -> str:
        """The role of the person for whom `access` found it."""
        return getattr(self, "found_role", "")

    def seen_as(self, role: str) -> Project:
        """The same, found for a person with this role."""
        vars(self)["found_role"] = role
        return self

    @property
    def can_edit(self) -> bool:
        """Whether the person for whom it was found may add, render and delete."""
        return self.role in EDITING

    @property
    def is_owned(self) -> bool:
        """Whether the person for whom it was found is the owner."""
        return self.role == Role.OWNER

    def role_of(self, user: User | AnonymousUser) -> Role | None:
        """This person's role, None for a stranger."""
        if not user.is_authenticated:
            return None
        if self.owner_id == user.pk:
            return Role.OWNER
        found = user.memberships.filter(project_id=self.pk).values_list("role", flat=True).first()
        return Role(found) if found else None


class Speaker(models.Model):
    """A lecturer. `tags` are small free words by which they are found again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="speakers")
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "created_at")
        verbose_name = _("lecturer")
        verbose_name_plural = _("lecturers")
        constraints = (
            models.UniqueConstraint(fields=("project", "name"), name="speaker_name_once_per_project"),
            models.CheckConstraint(condition=~Q(name=""), name="speaker_has_a_name"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The lecturer's page."""
        return reverse("pages:lecturer", args=[self.pk])

    @property
    def home(self) -> Project:
        """Their project, with the role of the person for whom `access` found them."""
        return self.project.seen_as(getattr(self, "found_role", "") or "")

    def has_consent(self) -> bool:
        """Whether a consent allows renders today."""
        return self.consents.valid().exists()


class SpeakerClip(Kept):
    """A filmed take. `frame_rate` is an exact fraction such as 25 or 30000/1001; durations are seconds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    speaker = models.ForeignKey(Speaker, on_delete=models.CASCADE, related_name="clips")
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    file = models.FileField(max_length=200)
    still = models.FileField(max_length=200)
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    frame_rate = models.CharField(max_length=24)
    frames = models.PositiveIntegerField()
    duration = models.FloatField()
    codec = models.CharField(max_length=40)
    has_sound = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = KeptQuerySet["SpeakerClip"].as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("clip")
        verbose_name_plural = _("clips")
        indexes = Kept.Meta.indexes
        constraints = (
            *Kept.Meta.constraints,
            models.CheckConstraint(
                condition=Q(width__gt=0, height__gt=0, duration__gt=0, size__gt=0), name="clip_has_a_picture"
            ),
            models.CheckConstraint(condition=~Q(file="") & ~Q(still=""), name="clip_has_its_files"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return Path(self.file.path)

    @property
    def frames_per_second(self) -> Fraction:
        """The exact frame rate."""
        return Fraction(self.frame_rate)

    @property
    def file_url(self) -> str:
        """Where the clip plays from."""
        return reverse("clip_file", args=[self.pk])

    @property
    def sight(self) -> Sight:
        """What there is to look at. Uses what was prefetched as `previews`."""
        found = {preview.kind: preview for preview in self.previews.all()}
        return Sight(self, found.get("film"), found.get("strip"))

    @property
    def still_url(self) -> str:
        """Where its still picture is."""
        return reverse("clip_still", args=[self.pk])


@dataclass(frozen=True, slots=True)
class Sight:
    """A clip as it is looked at. film, strip: the rows of what is made of it, None where nobody has asked for it yet"""

    clip: SpeakerClip
    film: Preview | None
    strip: Preview | None

    @property
    def is_light(self) -> bool:
        """Whether what plays is the light film and not the file itself."""
        return self.film is not None and self.film.state == "done"

    @property
    def film_url(self) -> str:
        """What plays in a page."""
        return reverse("clip_film", args=[self.clip.pk]) if self.is_light else self.clip.file_url

    @property
    def strip_url(self) -> str:
        """The strip of pictures, empty where there is none."""
        is_there = self.strip is not None and self.strip.state == "done"
        return reverse("clip_strip", args=[self.clip.pk]) if is_there else ""

    @property
    def is_refused(self) -> bool:
        """Whether the preflight found that no video can be made of it."""
        return self.strip is not None and self.strip.card.get("verdict") == "refused"

    @property
    def is_coming(self) -> bool:
        """Whether anything is still being made."""
        return any(preview is not None and preview.state == "waiting" for preview in (self.film, self.strip))


class AudioTrack(Kept):
    """A new voice. `language` is a tag such as zh-hans, or empty when not stated.

    peaks: how it is drawn, as `lipsync.media.sound_peaks` tells it; None until somebody has looked, empty where it cannot be
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tracks")
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    file = models.FileField(max_length=200)
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField()
    duration = models.FloatField()
    sample_rate = models.PositiveIntegerField()
    codec = models.CharField(max_length=40)
    language = models.CharField(_("language"), max_length=LANGUAGE_LENGTH, blank=True, default="")
    peaks = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = KeptQuerySet["AudioTrack"].as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("voice")
        verbose_name_plural = _("voices")
        indexes = Kept.Meta.indexes
        constraints = (
            *Kept.Meta.constraints,
            models.CheckConstraint(condition=Q(duration__gt=0, size__gt=0), name="track_has_sound"),
            models.CheckConstraint(condition=~Q(file=""), name="track_has_its_file"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return Path(self.file.path)

    @property
    def file_url(self) -> str:
        """Where the voice plays from."""
        return reverse("track_file", args=[self.pk])

    @property
    def loudest(self) -> int | None:
        """How high its waveform goes, 0 to 255; None where nobody can tell."""
        return max(bytes(self.peaks)) if self.peaks else None

    @property
    def is_silent(self) -> bool:
        """Nothing can be heard in it."""
        return self.loudest is not None and self.loudest < SILENT_PEAK

    @property
    def is_quiet(self) -> bool:
        """Hardly anything can be heard in it."""
        return self.loudest is not None and SILENT_PEAK <= self.loudest < QUIET_PEAK
