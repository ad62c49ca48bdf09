"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from projects import cleanup, rendering, wakeups
from projects.models import RenderJob


def wake() -> None:
    """Run the next job, then wake a worker for the one after it."""
    if rendering.run_next() and RenderJob.objects.claimable().exists():
        wakeups.send()


def sweep() -> None:
    """Put right what was left lying; for installations that schedule it themselves."""
    cleanup.sweep()
