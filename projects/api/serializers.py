"""The shape of what goes into the API and comes out of it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from projects import batches, consents, estimates, sentences, turns
from projects.api import choices
from projects.models import (
    AudioTrack,
    Consent,
    Invitation,
    JobAttempt,
    JobLogLine,
    Project,
    RenderBatch,
    RenderJob,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Upload,
    UserQueue,
)
from projects.models.library import NAME_LENGTH
from projects.models.memberships import INVITED_AS


class ProjectShape(serializers.ModelSerializer[Project]):
    """A project, and what the asker is in it."""

    role = serializers.CharField(read_only=True)

    class Meta:
        model = Project
        fields = ("id", "name", "role", "created_at")
        read_only_fields = ("id", "created_at")


class SpeakerShape(serializers.ModelSerializer[Speaker]):
    """A lecturer, and how things stand with their consent: valid, soon (to end), expired, withdrawn or missing."""

    consent = serializers.SerializerMethodField()

    class Meta:
        model = Speaker
        fields = ("id", "project", "name", "tags", "consent", "created_at")
        read_only_fields = ("id", "created_at")

    def get_consent(self, speaker: Speaker) -> dict[str, Any]:
        """The state, and the last day of a consent that has one."""
        standing = consents.standing(speaker)
        return {"state": standing.state, "expires_on": standing.consent.expires_on if standing.consent else None}


class ConsentShape(serializers.ModelSerializer[Consent]):
    """A consent: who agreed to what. The evidence, if there is any, lies at `evidence_url`."""

    evidence_url = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = (
            *("id", "speaker", "given_by", "scope", "given_on", "expires_on", "withdrawn_at", "note", "created_at"),
            "evidence_url",
        )
        read_only_fields = fields

    def get_evidence_url(self, consent: Consent) -> str | None:
        """Where the evidence is."""
        return _absolute(self, "consent_file", consent.pk) if consent.evidence else None


class MemberShape(serializers.Serializer[Any]):
    """One person of a project."""

    user = serializers.IntegerField(source="user.pk")
    name = serializers.CharField(source="user.username")
    role = serializers.CharField()
    since = serializers.DateTimeField()


class InvitationShape(serializers.ModelSerializer[Invitation]):
    """An open invitation; its link was shown when it was made."""

    class Meta:
        model = Invitation
        fields = ("id", "role", "created_at", "expires_at")
        read_only_fields = fields


class ClipShape(serializers.ModelSerializer[SpeakerClip]):
    """A clip. `frame_rate` is an exact fraction, `duration` seconds."""

    file_url = serializers.SerializerMethodField()
    still_url = serializers.SerializerMethodField()
    film_url = serializers.SerializerMethodField()
    strip_url = serializers.SerializerMethodField()
    project = serializers.UUIDField(source="speaker.project_id", read_only=True)

    class Meta:
        model = SpeakerClip
        fields = (
            *("id", "project", "speaker", "title", "size", "sha256", "width", "height", "frame_rate", "frames"),
            *("duration", "codec", "has_sound", "created_at", "file_url", "still_url", "film_url", "strip_url"),
        )
        read_only_fields = fields

    def get_file_url(self, clip: SpeakerClip) -> str:
        """Where the file is."""
        return _absolute(self, "clip_file", clip.pk)

    def get_still_url(self, clip: SpeakerClip) -> str:
        """Where a still picture is."""
        return _absolute(self, "clip_still", clip.pk)

    def get_film_url(self, clip: SpeakerClip) -> str | None:
        """Where the light copy for browsers is, null where there is none."""
        return _absolute(self, "clip_film", clip.pk) if clip.sight.is_light else None

    def get_strip_url(self, clip: SpeakerClip) -> str | None:
        """Where the strip of pictures with the face drawn is, null where there is none."""
        return _absolute(self, "clip_strip", clip.pk) if clip.sight.strip_url else None


class TrackShape(serializers.ModelSerializer[AudioTrack]):
    """A voice. `duration` is in seconds."""

    file_url = serializers.SerializerMethodField()

    class Meta:
        model = AudioTrack
        fields = (
            *("id", "project", "title", "language", "size", "sha256", "duration", "sample_rate", "codec"),
            *("created_at", "file_url"),
        )
        read_only_fields = fields

    def get_file_url(self, track: AudioTrack) -> str:
        """Where the file is."""
        return _absolute(self, "track_file", track.pk)


class UploadShape(serializers.ModelSerializer[Upload]):
    """An upload by the tus protocol. `offset`: bytes that have arrived; `clip` or `track` once it is done

    `error`: why it was refused, or what keeps a whole file from being taken in while it waits for another try.
    """

    offset = serializers.IntegerField(source="arrived", read_only=True)
    error = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Upload
        fields = (
            *("id", "project", "kind", "name", "size", "offset", "lecturer", "title", "language", "fingerprint"),
            *("state", "clip", "track", "error", "created_at", "expires_at", "url"),
        )
        read_only_fields = fields

    def get_error(self, upload: Upload) -> dict[str, Any] | None:
        """The cause in the language asked for."""
        if not upload.error_code:
            return None
        return {"code": upload.error_code, "message": sentences.shown(upload.error_message), "at": upload.error_at}

    def get_url(self, upload: Upload) -> str:
        """Where its bytes go."""
        return _absolute(self, "api:upload", upload.pk)


class OutputShape(serializers.ModelSerializer[RenderOutput]):
    """A finished video."""

    download_url = serializers.SerializerMethodField()
    notices = serializers.SerializerMethodField()

    class Meta:
        model = RenderOutput
        fields = (
            *("job", "size", "sha256", "width", "height", "frame_rate", "frames", "duration"),
            *("quality", "timings", "notices", "created_at", "download_url"),
        )
        read_only_fields = fields

    def get_notices(self, output: RenderOutput) -> list[str]:
        """What to know about it, in the language asked for."""
        return [sentences.shown(notice) for notice in output.notices]

    def get_download_url(self, output: RenderOutput) -> str:
        """Where the video is."""
        return _absolute(self, "api:output_download", output.pk)


class JobShape(serializers.ModelSerializer[RenderJob]):
    """A render. Poll it until `status` is succeeded, failed or cancelled."""

    output = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    progress = serializers.FloatField(read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = RenderJob
        fields = (
            *("id", "url", "project", "batch", "clip", "track", "preset", *choices.NAMES, "status", "stage", "progress"),
            *("frames_done", "frames_total", "segments_done", "segments_total", "not_before"),
            *("cancel_requested", "attempts", "retry_of", "created_at", "started_at", "finished_at", "error", "output"),
        )
        read_only_fields = fields

    def get_output(self, job: RenderJob) -> dict[str, Any] | None:
        """The finished video, if there is one."""
        output = job.finished_output()
        return dict(OutputShape(output, context=self.context).data) if output else None

    def get_error(self, job: RenderJob) -> dict[str, Any] | None:
        """Why it failed."""
        if not job.error_code:
            return None
        return {"code": job.error_code, "message": sentences.shown(job.error_message), "at": job.error_at}

    def get_url(self, job: RenderJob) -> str:
        """Where to poll."""
        return _absolute(self, "api:job", job.pk)


class BatchShape(serializers.ModelSerializer[RenderBatch]):
    """A batch. `cells` counts its cells by status; `jobs_url` lists them, `archive_url` has all finished videos in one ZIP."""

    url = serializers.SerializerMethodField()
    jobs_url = serializers.SerializerMethodField()
    archive_url = serializers.SerializerMethodField()

    class Meta:
        model = RenderBatch
        fields = ("id", "url", "project", "name", "name_pattern", "created_at", "jobs_url", "archive_url")
        read_only_fields = fields

    def get_url(self, batch: RenderBatch) -> str:
        """Where to poll."""
        return _absolute(self, "api:batch", batch.pk)

    def get_jobs_url(self, batch: RenderBatch) -> str:
        """Where its renders are listed."""
        return f"{reverse('api:jobs', request=self.context.get('request'))}?batch={batch.pk}"

    def get_archive_url(self, batch: RenderBatch) -> str:
        """Where the ZIP is."""
        return _absolute(self, "api:batch_archive", batch.pk)


class BatchDetailShape(BatchShape):
    """A batch with how far it is. Poll it until `cells` has neither queued nor running ones."""

    def to_representation(self, batch: RenderBatch) -> dict[str, Any]:
        """The batch and its progress."""
        told = batches.progress(batch)
        far = {"cells": {"total": told.total, **told.counts}, "progress": round(told.share, 4), "ends_at": told.ends_at}
        return {**super().to_representation(batch), **far}


class AttemptShape(serializers.ModelSerializer[JobAttempt]):
    """An attempt at a render. `ended_at` is null while it runs."""

    error = serializers.SerializerMethodField()

    class Meta:
        model = JobAttempt
        fields = ("number", "lane", "started_at", "ended_at", "outcome", "segments_done", "error")
        read_only_fields = fields

    def get_error(self, attempt: JobAttempt) -> dict[str, Any] | None:
        """What ended it, if a fault did."""
        if not attempt.error_code:
            return None
        message = sentences.shown(attempt.error_message)
        return {"class": attempt.error_class, "code": attempt.error_code, "message": message}


class LogLineShape(serializers.ModelSerializer[JobLogLine]):
    """A line of a job's log."""

    class Meta:
        model = JobLogLine
        fields = ("at", "level", "stage", "text")
        read_only_fields = fields


class JobDetailShape(JobShape):
    """A render with its place in the queue, and when it starts and ends: known, expected, or null where nobody can tell.

    `paused`: it waits because the queue of its person is paused. `position` is the first name of `queue_position`.
    """

    def to_representation(self, job: RenderJob) -> dict[str, Any]:
        """The render and its estimate."""
        told = estimates.of([job])[job.pk]
        times = {"starts_at": told.starts_at, "ends_at": told.ends_at, "paused": told.paused}
        return {**super().to_representation(job), "position": told.ahead, "queue_position": told.ahead, **times}


class QueueShape(serializers.ModelSerializer[UserQueue]):
    """One person's own queue. `parallel_limit`: how many renders run at once, 0 for no limit"""

    paused = serializers.SerializerMethodField()
    parallel_limit = serializers.SerializerMethodField()

    class Meta:
        model = UserQueue
        fields = ("paused", "paused_at", "parallel_limit")
        read_only_fields = fields

    def get_paused(self, queue: UserQueue) -> bool:
        """Whether nothing new is started."""
        return queue.paused_at is not None

    def get_parallel_limit(self, queue: UserQueue) -> int:
        """The person's own limit, else the plan's, else everybody's."""
        return turns.limits([queue.user_id])[queue.user_id]


class NewSpeaker(serializers.Serializer[Any]):
    """What a lecturer is made from. consent: this person agreed to videos being made of them"""

    project = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    consent = serializers.BooleanField(required=False, default=False)


class NewClip(serializers.Serializer[Any]):
    """What a clip is made from: `speaker` by id. consent: this person agreed to videos being made of this take"""

    speaker = serializers.UUIDField()
    title = serializers.CharField(max_length=200, required=False, default="")
    consent = serializers.BooleanField(required=False, default=False)
    file = serializers.FileField(max_length=1000, allow_empty_file=True)


class NewConsent(serializers.Serializer[Any]):
    """What a consent is made from."""

    given_by = serializers.CharField(max_length=NAME_LENGTH)
    scope = serializers.CharField(max_length=consents.SCOPE_LENGTH)
    given_on = serializers.DateField(required=False, default=None)
    expires_on = serializers.DateField(required=False, default=None, allow_null=True)
    evidence = serializers.FileField(required=False, default=None, max_length=1000, allow_empty_file=True)


class NewRole(serializers.Serializer[Any]):
    """What somebody is to be in a project: editor or viewer."""

    role = serializers.ChoiceField(choices=INVITED_AS)


class NewTags(serializers.Serializer[Any]):
    """A lecturer's tags."""

    tags = serializers.ListField(child=serializers.CharField(max_length=200, allow_blank=True))


class Token(serializers.Serializer[Any]):
    """The last part of an invitation's link."""

    token = serializers.CharField(max_length=200)


class NewTrack(serializers.Serializer[Any]):
    """What a voice is made from."""

    project = serializers.UUIDField()
    title = serializers.CharField(max_length=200, required=False, default="")
    language = serializers.CharField(max_length=20, required=False, default="")
    file = serializers.FileField(max_length=1000, allow_empty_file=True)


class NewJob(choices.OneClipFields):
    """What a render is made from, and how."""

    clip = serializers.UUIDField()
    track = serializers.UUIDField()


class NewCell(serializers.Serializer[Any]):
    """A clip with a voice."""

    clip = serializers.UUIDField()
    track = serializers.UUIDField()


class NewBatch(choices.HowFields):
    """What a batch is made from, and how: `clips` and `tracks`, each with each, or single `cells`, or both."""

    project = serializers.UUIDField()
    clips = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, max_length=500)
    tracks = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, max_length=500)
    cells = NewCell(many=True, required=False, default=list)
    name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    name_pattern = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class NewClipForCells(serializers.Serializer[Any]):
    """Which clip takes the place of which in the cells that failed."""

    old = serializers.UUIDField()
    new = serializers.UUIDField()


def _absolute(shape: serializers.BaseSerializer[Any], name: str, row_id: Any) -> str:
    return str(reverse(name, args=[row_id], request=shape.context.get("request")))
