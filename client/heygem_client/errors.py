"""What can go wrong, each with a stable code, a sentence that says what to do next, and the exit code of the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heygem_client.rows import Job


CANCELLED = "It was cancelled. `heygem render` and `heygem batch` make it again with --retry."


class StudioError(Exception):
    """Base of all expected errors; on its own, a fault of ours: an answer that nobody expected."""

    exit_code = 1

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Refused(StudioError):
    """What was asked for cannot be done as it was asked.

    status: of the HTTP answer, 0 where it was not even sent; field: what of it is wrong; at: seconds into the medium
    """

    exit_code = 2

    def __init__(self, code: str, message: str, *, status: int = 0, field: str = "", at: float | None = None) -> None:
        super().__init__(code, message)
        self.status, self.field, self.at = status, field, at


class OutOfReach(StudioError):
    """The studio does not answer, or cannot serve at present. Later the same may work."""

    exit_code = 3


class NotAllowed(StudioError):
    """Nobody is signed in, the token has ended, or it is not allowed to do this."""

    exit_code = 4


class RendersFailed(StudioError):
    """Renders ended without a video. jobs: these"""

    exit_code = 5

    def __init__(self, jobs: Sequence[Job]) -> None:
        first = jobs[0]
        why = first.error.message if first.error else CANCELLED
        what = "A render has" if len(jobs) == 1 else f"{len(jobs)} renders have"
        super().__init__("renders_failed", f"{what} no video. {first.title}: {why}")
        self.jobs = tuple(jobs)


class StillRunning(StudioError):
    """The time to wait is over. What was asked for goes on in the studio."""

    exit_code = 6
