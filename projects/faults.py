"""What follows from a fault: a family and a code go in; whether and when the render is tried again comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from projects.models import ErrorClass, Family

AT_ONCE = timedelta(0)
LOG_TAIL_LENGTH = 8000
CODE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """What a class of faults does to a job.

    waits: how long the job waits before it is tried again, after the first such fault, the second and so on; after one
    more than these it fails. None at all: it fails at once
    endless: the last wait is repeated instead
    charged: whether the attempt counts as one
    pauses_node: this machine should take no further job until it has been put right
    """

    waits: tuple[timedelta, ...] = ()
    endless: bool = False
    charged: bool = True
    pauses_node: bool = False

    def wait(self, earlier: int) -> timedelta | None:
        """How long to wait after one more fault than these `earlier` ones; None when the job fails."""
        if self.endless:
            return self.waits[min(earlier, len(self.waits) - 1)]
        return self.waits[earlier] if earlier < len(self.waits) else None


# CRASH counts since the last segment that was new: a job that gets on is never given up. All others count in the whole job. An
# engine's death is more likely the job's own doing than that of the worker that drove it, which may have many reasons.
RULES: Mapping[ErrorClass, Rule] = MappingProxyType(
    {
        ErrorClass.INPUT: Rule(),
        ErrorClass.QUOTA: Rule(),
        ErrorClass.TRANSIENT: Rule(waits=(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))),
        ErrorClass.RESOURCE: Rule(waits=(timedelta(minutes=1),), endless=True, charged=False, pauses_node=True),
        ErrorClass.CRASH: Rule(waits=(AT_ONCE,) * 4),
        ErrorClass.BUG: Rule(),
        ErrorClass.CANCEL: Rule(),
    }
)
CRASHES_ALLOWED = len(RULES[ErrorClass.CRASH].waits) + 1
WORKER_LOST = "worker_lost"
_OF_LOST_WORKERS = Rule(waits=(AT_ONCE,) * 9)
LOSSES_ALLOWED = len(_OF_LOST_WORKERS.waits) + 1

_OF_CODES: Mapping[str, ErrorClass] = {
    "no_space": ErrorClass.RESOURCE,
    "out_of_memory": ErrorClass.RESOURCE,
    "gpu_lost": ErrorClass.RESOURCE,
    "storage_unavailable": ErrorClass.RESOURCE,
    "took_too_long": ErrorClass.QUOTA,
    "engine_died": ErrorClass.CRASH,
    WORKER_LOST: ErrorClass.CRASH,
}
_OF_FAMILIES: Mapping[str, ErrorClass] = {Family.INPUT: ErrorClass.INPUT, Family.ENVIRONMENT: ErrorClass.TRANSIENT}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt ended without a video.

    family: as the engine says it, see `Family`; code: stable; message: an English sentence with the next step
    at: seconds into the medium; log_tail: the end of what was logged, or a traceback
    """

    family: str
    code: str
    message: str
    at: float | None = None
    log_tail: str = ""

    @property
    def error_class(self) -> ErrorClass:
        """Its class."""
        return _OF_CODES.get(self.code) or _OF_FAMILIES.get(self.family, ErrorClass.BUG)

    @property
    def rule(self) -> Rule:
        """What follows from it."""
        return _OF_LOST_WORKERS if self.code == WORKER_LOST else RULES[self.error_class]

    def of_the_job(self) -> dict[str, object]:
        """The fields of a job's row that failed with it."""
        family = self.family if self.family in Family.values else Family.BUG
        return {"error_family": family, "error_at": self.at, **self._told()}

    def of_the_attempt(self) -> dict[str, object]:
        """The fields of the row of the attempt that it ended."""
        return {"error_class": self.error_class, "log_tail": self.log_tail.strip()[-LOG_TAIL_LENGTH:], **self._told()}

    def _told(self) -> dict[str, object]:
        code = self.code[:CODE_LENGTH] or "bug"
        return {"error_code": code, "error_message": self.message or code}
