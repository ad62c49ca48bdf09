"""The engine's errors: what went wrong, under a stable code, in a sentence that says what to do next.

Two kinds matter to whoever calls: `UnusableInput` is about the user's own file, `EnvironmentFault` about the machine.
Anything else that escapes the engine is a bug.
"""

from __future__ import annotations

EXIT_BUG = 1
EXIT_INPUT = 2
EXIT_ENVIRONMENT = 3


class LipsyncError(Exception):
    """Base of all expected failures.

    code: stable, lower case with underscores; scripts and pages rely on it
    at: seconds into the medium where the cause lies, if it lies at a place
    log: the end of what an outside program wrote to its standard error, if one failed
    """

    family = "bug"
    exit_code = EXIT_BUG

    def __init__(self, code: str, message: str, *, at: float | None = None, log: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at
        self.log = log


class UnusableInput(LipsyncError):
    """The user's file cannot be worked with; trying again without changing it is pointless."""

    family = "input"
    exit_code = EXIT_INPUT


class EnvironmentFault(LipsyncError):
    """The machine is not as it should be: a program missing, a folder not writable, a disk full."""

    family = "environment"
    exit_code = EXIT_ENVIRONMENT


class ToolFailed(EnvironmentFault):
    """An outside program failed where the input is not to blame."""
