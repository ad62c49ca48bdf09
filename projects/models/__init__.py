"""The rows: what is kept, and what can never be the case."""

from projects.models.attempts import ErrorClass, JobAttempt, Outcome
from projects.models.lanes import Kind, Lane
from projects.models.library import AudioTrack, Project, Speaker, SpeakerClip
from projects.models.queues import IdempotencyKey, UserQueue
from projects.models.renders import Family, JobLogLine, RenderJob, RenderOutput, Stage, Status
from projects.models.setup import SetupLink
from projects.models.uploads import Upload, UploadKind, UploadState

__all__ = [
    "AudioTrack",
    "ErrorClass",
    "Family",
    "IdempotencyKey",
    "JobAttempt",
    "JobLogLine",
    "Kind",
    "Lane",
    "Outcome",
    "Project",
    "RenderJob",
    "RenderOutput",
    "SetupLink",
    "Speaker",
    "SpeakerClip",
    "Stage",
    "Status",
    "Upload",
    "UploadKind",
    "UploadState",
    "UserQueue",
]
