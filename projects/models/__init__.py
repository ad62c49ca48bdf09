"""The rows: what is kept, and what can never be the case."""

from projects.models.attempts import ErrorClass, JobAttempt, Outcome
from projects.models.audit import AppendOnlyError, AuditEntry
from projects.models.batches import RenderBatch
from projects.models.choices import Choice
from projects.models.consents import Consent
from projects.models.events import Event, EventKind
from projects.models.lanes import Kind, Lane
from projects.models.library import AudioTrack, Project, Role, Speaker, SpeakerClip
from projects.models.memberships import Invitation, Membership
from projects.models.overviews import RenderOverview
from projects.models.preferences import Mail, Preferences
from projects.models.presets import Preset
from projects.models.previews import Preview, PreviewKind, PreviewState
from projects.models.queues import IdempotencyKey, UserQueue
from projects.models.quotas import PersonPlan, ProjectPlan, QuotaPlan
from projects.models.renders import Family, JobLogLine, RenderJob, RenderOutput, Stage, Status
from projects.models.retention import CleanupRun, RetentionPolicy
from projects.models.setup import SetupLink
from projects.models.tokens import ApiToken, Scope
from projects.models.uploads import Upload, UploadKind, UploadState
from projects.models.webhooks import DeliveryState, WebhookDelivery, WebhookEndpoint

__all__ = [
    "ApiToken",
    "AppendOnlyError",
    "AudioTrack",
    "AuditEntry",
    "Choice",
    "CleanupRun",
    "Consent",
    "DeliveryState",
    "ErrorClass",
    "Event",
    "EventKind",
    "Family",
    "IdempotencyKey",
    "Invitation",
    "JobAttempt",
    "JobLogLine",
    "Kind",
    "Lane",
    "Mail",
    "Membership",
    "Outcome",
    "PersonPlan",
    "Preferences",
    "Preset",
    "Preview",
    "PreviewKind",
    "PreviewState",
    "Project",
    "ProjectPlan",
    "QuotaPlan",
    "RenderBatch",
    "RenderJob",
    "RenderOutput",
    "RenderOverview",
    "RetentionPolicy",
    "Role",
    "Scope",
    "SetupLink",
    "Speaker",
    "SpeakerClip",
    "Stage",
    "Status",
    "Upload",
    "UploadKind",
    "UploadState",
    "UserQueue",
    "WebhookDelivery",
    "WebhookEndpoint",
]
