"""The only door to another person's row: a user and an id go in, the row or a 404 comes out.

A stranger's id and an id that never existed give the same answer.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404

from projects.models import (
    AudioTrack,
    JobAttempt,
    JobLogLine,
    Project,
    RenderJob,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Upload,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from projects.models.uploads import UploadQuerySet

    Person = User | AnonymousUser

Row = TypeVar("Row", bound=Model)


def projects_of(user: Person) -> QuerySet[Project]:
    """The projects this person may see."""
    return Project.objects.visible_to(user)


def speakers_of(user: Person, *, project: Project | None = None) -> QuerySet[Speaker]:
    """The lecturers this person may see, of one project or of all."""
    rows = Speaker.objects.filter(project__in=projects_of(user)).select_related("project")
    return rows.filter(project=project) if project else rows


def clips_of(user: Person, *, project: Project | None = None) -> QuerySet[SpeakerClip]:
    """The clips this person may see, of one project or of all, newest first."""
    rows = SpeakerClip.objects.filter(speaker__project__in=projects_of(user)).select_related("speaker__project")
    return rows.filter(speaker__project=project) if project else rows


def tracks_of(user: Person, *, project: Project | None = None) -> QuerySet[AudioTrack]:
    """The voices this person may see, of one project or of all, newest first."""
    rows = AudioTrack.objects.filter(project__in=projects_of(user)).select_related("project")
    return rows.filter(project=project) if project else rows


def jobs_of(user: Person, *, project: Project | None = None) -> QuerySet[RenderJob]:
    """The renders this person may see, of one project or of all, newest first."""
    rows = RenderJob.objects.visible_to(user).with_media()
    return rows.filter(project=project) if project else rows


def outputs_of(user: Person, *, project: Project | None = None) -> QuerySet[RenderOutput]:
    """The finished videos this person may see, newest first."""
    rows = RenderOutput.objects.filter(job__project__in=projects_of(user))
    rows = rows.select_related("job__project", "job__clip__speaker", "job__track")
    return rows.filter(job__project=project) if project else rows


def uploads_of(user: Person, *, project: Project | None = None) -> UploadQuerySet:
    """The uploads that are this person's own, of one project or of all, newest first."""
    rows = Upload.objects.filter(owner_id=user.pk, project__in=projects_of(user))
    return rows.filter(project=project) if project else rows


def project_for(user: Person, project_id: UUID | str) -> Project:
    """One project."""
    return _one(projects_of(user), project_id)


def speaker_for(user: Person, speaker_id: UUID | str) -> Speaker:
    """One lecturer."""
    return _one(speakers_of(user), speaker_id)


def clip_for(user: Person, clip_id: UUID | str) -> SpeakerClip:
    """One clip."""
    return _one(clips_of(user), clip_id)


def track_for(user: Person, track_id: UUID | str) -> AudioTrack:
    """One voice."""
    return _one(tracks_of(user), track_id)


def upload_for(user: Person, upload_id: UUID | str) -> Upload:
    """One upload of this person's own."""
    return _one(uploads_of(user), upload_id)


def job_for(user: Person, job_id: UUID | str) -> RenderJob:
    """One render."""
    return _one(jobs_of(user), job_id)


def any_job_for(administrator: Person, job_id: UUID | str) -> RenderJob:
    """One render, whosever it is. A person who is no administrator finds nothing."""
    rows = RenderJob.objects.with_media()
    return _one(rows if administrator.is_staff else rows.none(), job_id)


def output_for(user: Person, job_id: UUID | str) -> RenderOutput:
    """The finished video of one render."""
    return _one(outputs_of(user), job_id)


def attempts_of(user: Person, job_id: UUID | str) -> QuerySet[JobAttempt]:
    """The attempts at one render, the first one first."""
    return job_for(user, job_id).history.all()


def log_of(user: Person, job_id: UUID | str) -> QuerySet[JobLogLine]:
    """What was logged about one render, oldest first."""
    return job_for(user, job_id).log_lines.all()


def _one(rows: QuerySet[Row], row_id: UUID | str) -> Row:
    row = None
    with contextlib.suppress(ValidationError, ValueError):  # not even an id
        row = rows.filter(pk=row_id).first()
    if row is None:
        raise Http404
    return row
