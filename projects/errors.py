"""The platform's errors: a stable code, a sentence that says what to do next, and the HTTP status that fits."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied


class ProjectError(Exception):
    """Base of all expected refusals.

    field: the form field it concerns, if any; at: seconds into the medium, if the cause lies at a place
    """

    status = 422

    def __init__(self, code: str, message: str, *, field: str = "", at: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.at = at


class Refused(ProjectError):
    """What was given cannot be worked with."""


class NotAllowed(ProjectError, PermissionDenied):
    """The person may see it, but has too low a role for this. Django makes the page of it by itself."""

    status = 403


class Conflict(ProjectError):
    """It was possible before, and is not any more."""

    status = 409


class Gone(ProjectError):
    """It was there, and will not come back."""

    status = 410


class Busy(ProjectError):
    """Somebody else has it in hand at this moment."""

    status = 423


class Damaged(ProjectError):
    """What arrived is not what was sent, by its checksum."""

    status = 460


class TooLarge(ProjectError):
    """More bytes than allowed."""

    status = 413


class NoRoom(ProjectError):
    """The disk is too full to begin."""

    status = 507


class OverQuota(ProjectError):
    """More than the plan of a person or a project allows."""

    status = 403


class Missing(ProjectError):
    """A file is not where its row says."""

    status = 404


class Unavailable(ProjectError):
    """The machine lacks something that the administrator can put right."""

    status = 503
