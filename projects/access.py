"""The only door to another person's row: a user and an id go in, the row or a 404 comes out.

A stranger's id and an id that never existed give the same answer. `*_for` finds what the person may see. Whoever is about to
change something asks by `editable_*_for` or `owned_*_for`: a member whose role is too low may know that it is there, and is
refused with `not_allowed`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from projects.errors import NotAllowed
from projects.models import (
    AudioTrack,
    Consent,
    Event,
    Invitation,
    JobAttempt,
    JobLogLine,
    Membership,
    Preview,
    PreviewState,
    Project,
    RenderBatch,
    RenderJob,
    RenderOutput,
    Role,
    Speaker,
    SpeakerClip,
    Status,
    Upload,
    WebhookDelivery,
    WebhookEndpoint,
)
from projects.models.library import EDITING, role_in
from projects.models.renders import RenderJobQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from projects.models.uploads import UploadQuerySet

    Person = User | AnonymousUser

Row = TypeVar("Row", bound=Model)
Thing = SpeakerClip | AudioTrack | RenderOutput


# --- what a person may see -------------------------------------------------------------------------------------------
def projects_of(user: Person) -> QuerySet[Project]:
    """The projects this person may see, each with their role."""
    return Project.objects.visible_to(user).with_role(user)


def speakers_of(user: Person, *, project: Project | None = None) -> QuerySet[Speaker]:
    """The lecturers this person may see, of one project or of all."""
    rows = Speaker.objects.filter(project__in=Project.objects.visible_to(user)).select_related("project")
    if user.is_authenticated:
        rows = rows.annotate(found_role=role_in("project", "project__owner_id", user))
    return rows.filter(project=project) if project else rows


def clips_of(user: Person, *, project: Project | None = None, editable: bool = False) -> QuerySet[SpeakerClip]:
    """The clips this person may see, or may render, of one project or of all, newest first."""
    rows = SpeakerClip.objects.kept().filter(speaker__project__in=_homes(user, editable)).select_related("speaker__project")
    return rows.filter(speaker__project=project) if project else rows


def tracks_of(user: Person, *, project: Project | None = None, editable: bool = False) -> QuerySet[AudioTrack]:
    """The voices this person may see, or may render, of one project or of all, newest first."""
    rows = AudioTrack.objects.kept().filter(project__in=_homes(user, editable)).select_related("project")
    return rows.filter(project=project) if project else rows


def jobs_of(user: Person, *, project: Project | None = None) -> RenderJobQuerySet:
    """The renders this person may see, of one project or of all, newest first, each with whether they may change it."""
    rows = RenderJob.objects.visible_to(user).with_rights(user).with_media()
    return rows.filter(project=project) if project else rows


def own_jobs_of(user: Person) -> RenderJobQuerySet:
    """The renders that this person asked for and may still see, newest first."""
    return jobs_of(user).filter(created_by_id=user.pk)


def first_own_jobs_of(user: Person, statuses: Collection[Status], order: Sequence[Any], count: int) -> list[RenderJob]:
    """The first so many of the renders in such a state that this person asked for and may still see, in this order.

    Which they are is found before anything is joined to them.
    """
    mine = RenderJob.objects.filter(created_by_id=user.pk, status__in=statuses)
    found = mine.filter(Exists(Project.objects.visible_to(user).filter(pk=OuterRef("project_id")))).order_by(*order)
    first = RenderJob.objects.filter(pk__in=found.values("pk")[:count])
    return list(first.with_rights(user).with_media().order_by(*order))


def batches_of(user: Person, *, project: Project | None = None) -> QuerySet[RenderBatch]:
    """The batches this person may see, of one project or of all, newest first."""
    rows = RenderBatch.objects.visible_to(user).with_role(user).select_related("created_by")
    return rows.filter(project=project) if project else rows


def outputs_of(user: Person, *, project: Project | None = None, speaker: Speaker | None = None) -> QuerySet[RenderOutput]:
    """The finished videos this person may see, of one project, of one lecturer (no drafts) or of all, newest first."""
    rows = RenderOutput.objects.kept().filter(_is_visible_to(user))
    rows = rows.select_related("project", "job__clip__speaker", "job__track")
    rows = rows.filter(job__clip__speaker=speaker, job__excerpt__isnull=True) if speaker else rows
    return rows.filter(project=project) if project else rows


def consents_of(user: Person, *, speaker: Speaker | None = None) -> QuerySet[Consent]:
    """The consents this person may see, of one lecturer or of all, newest first."""
    rows = Consent.objects.filter(speaker__project__in=Project.objects.visible_to(user)).select_related("speaker__project")
    return rows.filter(speaker=speaker) if speaker else rows


def events_of(user: Person, *, project: Project | None = None) -> QuerySet[Event]:
    """What happened in the projects that this person may see, of one or of all, in order."""
    rows = Event.objects.visible_to(user)
    return rows.filter(project=project) if project else rows


def binned_clips_of(user: Person) -> QuerySet[SpeakerClip]:
    """The clips in the bin that this person may see."""
    rows = SpeakerClip.objects.binned().filter(speaker__project__in=Project.objects.visible_to(user))
    return rows.select_related("speaker__project", "binned_by")


def binned_tracks_of(user: Person) -> QuerySet[AudioTrack]:
    """The voices in the bin that this person may see."""
    return (
        AudioTrack.objects.binned().filter(project__in=Project.objects.visible_to(user)).select_related("project", "binned_by")
    )


def binned_outputs_of(user: Person) -> QuerySet[RenderOutput]:
    """The videos in the bin that this person may see."""
    rows = RenderOutput.objects.binned().filter(_is_visible_to(user))
    return rows.select_related("project", "job__clip__speaker", "job__track", "binned_by")


def clip_ever_for(user: Person, clip_id: UUID | str) -> SpeakerClip:
    """One clip, also one in the bin or gone, for the pages of what was made of it."""
    return _one(SpeakerClip.objects.filter(speaker__project__in=Project.objects.visible_to(user)), clip_id)


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
    return _one(projects_of(user).select_related("owner"), project_id)


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
    """One render, whosever it is. Who may not change any render finds nothing."""
    rows = RenderJob.objects.with_media()
    return _one(rows if administrator.has_perm("projects.change_renderjob") else rows.none(), job_id)


def output_for(user: Person, job_id: UUID | str) -> RenderOutput:
    """The finished video of one render."""
    return _one(outputs_of(user), job_id)


def attempts_of(user: Person, job_id: UUID | str) -> QuerySet[JobAttempt]:
    """The attempts at one render, the first one first."""
    return job_for(user, job_id).history.all()


def log_of(user: Person, job_id: UUID | str) -> QuerySet[JobLogLine]:
    """What was logged about one render, oldest first."""
    return job_for(user, job_id).log_lines.all()


def preview_for(user: Person, clip_id: UUID | str, kind: str) -> Preview:
    """What was made of one clip to look at, once it is there; of one in the bin too, as its file."""
    rows = Preview.objects.filter(clip__speaker__project__in=Project.objects.visible_to(user), state=PreviewState.DONE)
    return _one(rows.filter(kind=kind).select_related("clip"), clip_id, name="clip")


def consent_for(user: Person, consent_id: UUID | str) -> Consent:
    """One consent."""
    return _one(consents_of(user), consent_id)


def row_id(text: str) -> UUID:
    """An id from a form or an address; what is none is nobody's, a 404."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


# --- what a person may change ----------------------------------------------------------------------------------------
def editable_projects_of(user: Person) -> QuerySet[Project]:
    """The projects in which this person may add, render and delete."""
    return Project.objects.editable_by(user).with_role(user)


def require_editor(user: Person, project: Project) -> None:
    """Raise NotAllowed unless this member may add, render and delete in the project."""
    if project.role_of(user) not in EDITING:
        text = _("You may look at this project but not change it. Ask its owner to make you an editor.")
        raise NotAllowed("not_allowed", text)


def editable_project_for(user: Person, project_id: UUID | str) -> Project:
    """One project in which the person may add, render and delete. Raises NotAllowed."""
    row = project_for(user, project_id)
    require_editor(user, row)
    return row


def owned_project_for(user: Person, project_id: UUID | str) -> Project:
    """One project that is the person's own. Raises NotAllowed."""
    row = project_for(user, project_id)
    if row.role_of(user) != Role.OWNER:
        raise NotAllowed(
            "not_allowed", _("Only the project's owner may do this. Ask them, or have them hand the project over.")
        )
    return row


def editable_speaker_for(user: Person, speaker_id: UUID | str) -> Speaker:
    """One lecturer whom the person may change. Raises NotAllowed."""
    row = speaker_for(user, speaker_id)
    require_editor(user, row.project)
    return row


def editable_clip_for(user: Person, clip_id: UUID | str) -> SpeakerClip:
    """One clip that the person may render. Raises NotAllowed."""
    row = clip_for(user, clip_id)
    require_editor(user, row.speaker.project)
    return row


def editable_track_for(user: Person, track_id: UUID | str) -> AudioTrack:
    """One voice that the person may render. Raises NotAllowed."""
    row = track_for(user, track_id)
    require_editor(user, row.project)
    return row


def editable_job_for(user: Person, job_id: UUID | str) -> RenderJob:
    """One render that the person may cancel, try again and delete. Raises NotAllowed."""
    row = job_for(user, job_id)
    require_editor(user, row.project)
    return row


def editable_output_for(user: Person, job_id: UUID | str) -> RenderOutput:
    """One finished video that the person may delete. Raises NotAllowed."""
    row = output_for(user, job_id)
    require_editor(user, row.project)
    return row


def editable_batch_for(user: Person, batch_id: UUID | str) -> RenderBatch:
    """One batch that the person may cancel and try again. Raises NotAllowed."""
    row = batch_for(user, batch_id)
    require_editor(user, row.project)
    return row


def editable_kept_for(user: Person, kind: str, row_id: UUID | str) -> Thing:
    """One clip, voice or finished video that the person may delete or keep. Raises NotAllowed."""
    thing = kept_for(user, kind, row_id)
    require_editor(user, home_of(thing))
    return thing


def editable_binned_for(user: Person, kind: str, row_id: UUID | str) -> Thing:
    """One clip, voice or finished video that the person may take out of the bin. Raises NotAllowed."""
    thing = binned_for(user, kind, row_id)
    require_editor(user, home_of(thing))
    return thing


def chosen_of(user: Person, kind: str, project: Project, ids: Collection[UUID], *, binned: bool = False) -> list[Thing]:
    """Those of some clips, voices or finished videos that lie in this project, or in its bin, and that the person may see."""
    kept: dict[str, QuerySet[Any]] = {
        "clips": clips_of(user, project=project),
        "voices": tracks_of(user, project=project),
        "videos": outputs_of(user, project=project),
    }
    lying: dict[str, QuerySet[Any]] = {
        "clips": binned_clips_of(user).filter(speaker__project=project),
        "voices": binned_tracks_of(user).filter(project=project),
        "videos": binned_outputs_of(user).filter(project=project),
    }
    return list((lying if binned else kept)[kind].filter(pk__in=ids))


def home_of(thing: Thing) -> Project:
    """The project that a clip, a voice or a finished video belongs to."""
    if isinstance(thing, SpeakerClip):
        return thing.speaker.project
    return thing.project


def membership_in(project: Project, user_id: int) -> Membership:
    """The part that a person takes in a project of the asker's. The owner has none; then, and for strangers, a 404."""
    return _one(project.memberships.select_related("user", "project"), user_id, name="user_id")


def invitation_in(project: Project, invitation_id: UUID) -> Invitation:
    """One invitation to a project of the asker's."""
    return _one(project.invitations.select_related("project"), invitation_id)


def webhooks_of(user: Person) -> QuerySet[WebhookEndpoint]:
    """The person's own webhooks, newest first; nobody else sees them."""
    return WebhookEndpoint.objects.filter(owner_id=user.pk).select_related("project")


def webhook_for(user: Person, webhook_id: UUID | str) -> WebhookEndpoint:
    """One webhook of the person's own."""
    return _one(webhooks_of(user).select_related("owner", "project"), webhook_id)


def deliveries_of(webhook: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """What was sent to a webhook of the asker's, and what waits, newest first."""
    return webhook.deliveries.select_related("endpoint")


def delivery_in(webhook: WebhookEndpoint, delivery_id: UUID | str) -> WebhookDelivery:
    """One message to a webhook of the asker's."""
    return _one(deliveries_of(webhook), delivery_id)


def _is_visible_to(user: Person) -> Exists:
    """Of a video. Asked row by row, so that the database walks along the order asked for and stops when it has enough: with
    a list of projects it would gather all videos of all of them before it sorts."""
    return Exists(Project.objects.visible_to(user).filter(pk=OuterRef("project_id")))


def _homes(user: Person, editable: bool) -> QuerySet[Project]:
    return Project.objects.editable_by(user) if editable else Project.objects.visible_to(user)


def _one(rows: QuerySet[Row], row_id: UUID | str | int, *, name: str = "pk") -> Row:
    row = None
    with contextlib.suppress(ValidationError, ValueError):  # not even an id
        row = rows.filter(**{name: row_id}).first()
    if row is None:
        raise Http404
    return row
