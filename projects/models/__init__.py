"""The rows: what is kept, and what can never be the case."""

from projects.models.attempts import ErrorClass, JobAttempt, Outcome
from projects.models.audit import AppendOnlyError, AuditEntry
from projects.models.consents import Consent
from projects.models.lanes import Kind, Lane
from projects.models.library import AudioTrack, Project, Role, Speaker, SpeakerClip
from projects.models.memberships import Invitation, Membership
from projects.models.queues import IdempotencyKey, UserQueue
from projects.models.renders import Family, JobLogLine, RenderJob, RenderOutput, Stage, Status
from projects.models.setup import SetupLink

__all__ = [
    "AppendOnlyError",
    "AudioTrack",
    "AuditEntry",
    "Consent",
    "ErrorClass",
    "Family",
    "IdempotencyKey",
    "Invitation",
    "JobAttempt",
    "JobLogLine",
    "Kind",
    "Lane",
    "Membership",
    "Outcome",
    "Project",
    "RenderJob",
    "RenderOutput",
    "Role",
    "SetupLink",
    "Speaker",
    "SpeakerClip",
    "Stage",
    "Status",
    "UserQueue",
]
