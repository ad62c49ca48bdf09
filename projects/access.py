"""The only door to another person's row: a user and an id go in, the row or a 404 comes out.

A stranger's id and an id that never existed give the same answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
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
    RenderBatch,
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
Thing = SpeakerClip | AudioTrack | RenderOutput


def projects_of(user: Person) -> QuerySet[Project]:
    """The projects this person may see."""
    return Project.objects.visible_to(user)


def speakers_of(user: Person, *, project: Project | None = None) -> QuerySet[Speaker]:
    """The lecturers this person may see, of one project or of all."""
    rows = Speaker.objects.filter(project__in=projects_of(user)).select_related("project")
    return rows.filter(project=project) if project else rows


def clips_of(user: Person, *, project: Project | None = None) -> QuerySet[SpeakerClip]:
    """The clips this person may see, of one project or of all, newest first."""
    rows = SpeakerClip.objects.kept().filter(speaker__project__in=projects_of(user)).select_related("speaker__project")
    return rows.filter(speaker__project=project) if project else rows


def tracks_of(user: Person, *, project: Project | None = None) -> QuerySet[AudioTrack]:
    """The voices this person may see, of one project or of all, newest first."""
    rows = AudioTrack.objects.kept().filter(project__in=projects_of(user)).select_related("project")
    return rows.filter(project=project) if project else rows


def jobs_of(user: Person, *, project: Project | None = None) -> QuerySet[RenderJob]:
    """The renders this person may see, of one project or of all, newest first."""
    rows = RenderJob.objects.visible_to(user).with_media()
    return rows.filter(project=project) if project else rows


def batches_of(user: Person, *, project: Project | None = None) -> QuerySet[RenderBatch]:
    """The batches this person may see, of one project or of all, newest first."""
    rows = RenderBatch.objects.visible_to(user).select_related("project", "created_by")
    return rows.filter(project=project) if project else rows


def outputs_of(user: Person, *, project: Project | None = None) -> QuerySet[RenderOutput]:
    """The finished videos this person may see, newest first."""
    rows = RenderOutput.objects.kept().filter(job__project__in=projects_of(user))
    rows = rows.select_related("job__project", "job__clip__speaker", "job__track")
    return rows.filter(job__project=project) if project else rows


def binned_clips_of(user: Person) -> QuerySet[SpeakerClip]:
    """The clips in the bin that this person may see."""
    rows = SpeakerClip.objects.binned().filter(speaker__project__in=projects_of(user))
    return rows.select_related("speaker__project", "binned_by")


def binned_tracks_of(user: Person) -> QuerySet[AudioTrack]:
    """The voices in the bin that this person may see."""
    return AudioTrack.objects.binned().filter(project__in=projects_of(user)).select_related("project", "binned_by")


def binned_outputs_of(user: Person) -> QuerySet[RenderOutput]:
    """The videos in the bin that this person may see."""
    rows = RenderOutput.objects.binned().filter(job__project__in=projects_of(user))
    return rows.select_related("job__project", "job__clip__speaker", "job__track", "binned_by")


def clip_ever_for(user: Person, clip_id: UUID | str) -> SpeakerClip:
    """One clip, also one in the bin or gone, for the pages of what was made of it."""
    return _one(SpeakerClip.objects.filter(speaker__project__in=projects_of(user)), clip_id)


def kept_for(user: Person, kind: str, row_id: UUID | str) -> Thing:
    """One clip, voice or finished video, by the name of its kind."""
    if kind == "clips":
        return _one(clips_of(user), row_id)
    return _one(tracks_of(user), row_id) if kind == "voices" else _one(outputs_of(user), row_id)


def binned_for(user: Person, kind: str, row_id: UUID | str) -> Thing:
    """One clip, voice or finished video in the bin, by the name of its kind."""
    if kind == "clips":
        return _one(binned_clips_of(user), row_id)
    return _one(binned_tracks_of(user), row_id) if kind == "voices" else _one(binned_outputs_of(user), row_id)


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


def batch_for(user: Person, batch_id: UUID | str) -> RenderBatch:
    """One batch."""
    return _one(batches_of(user), batch_id)


def cells_for(user: Person, pairs: Sequence[tuple[UUID, UUID]]) -> list[tuple[SpeakerClip, AudioTrack]]:
    """Clips with voices, in the order asked for, in two queries. One that this person may not see makes it a 404."""
    clips = clips_of(user).in_bulk({clip_id for clip_id, _track in pairs})
    tracks = tracks_of(user).in_bulk({track_id for _clip, track_id in pairs})
    try:
        return [(clips[clip_id], tracks[track_id]) for clip_id, track_id in pairs]
    except KeyError as error:
        raise Http404 from error


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


def row_id(text: str) -> UUID:
    """An id from a form or an address; what is none is nobody's, a 404."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def _one(rows: QuerySet[Row], row_id: UUID | str) -> Row:
    row = None
    with contextlib.suppress(ValidationError, ValueError):  # not even an id
        row = rows.filter(pk=row_id).first()
    if row is None:
        raise Http404
    return row
