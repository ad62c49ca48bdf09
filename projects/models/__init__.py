"""The rows: what is kept, and what can never be the case."""

from projects.models.lanes import Kind, Lane
from projects.models.library import AudioTrack, Project, Speaker, SpeakerClip
from projects.models.renders import Family, JobLogLine, RenderJob, RenderOutput, Stage, Status
from projects.models.setup import SetupLink

__all__ = [
    "AudioTrack",
    "Family",
    "JobLogLine",
    "Kind",
    "Lane",
    "Project",
    "RenderJob",
    "RenderOutput",
    "SetupLink",
    "Speaker",
    "SpeakerClip",
    "Stage",
    "Status",
]
