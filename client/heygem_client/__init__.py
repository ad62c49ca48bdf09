"""A HeyGem Studio from Python: `Studio` sends clips and voices and fetches the videos."""

from __future__ import annotations

from heygem_client.errors import NotAllowed, OutOfReach, Refused, RendersFailed, StillRunning, StudioError
from heygem_client.rows import Account, How, Job, Lecturer, Medium, Project, Quota, Video
from heygem_client.studio import Cell, Made, Studio, require_videos

__all__ = [
    "Account",
    "Cell",
    "How",
    "Job",
    "Lecturer",
    "Made",
    "Medium",
    "NotAllowed",
    "OutOfReach",
    "Project",
    "Quota",
    "Refused",
    "RendersFailed",
    "StillRunning",
    "Studio",
    "StudioError",
    "Video",
    "require_videos",
]
