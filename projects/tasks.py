"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from projects import cleanup, lanes, rendering, wakeups
from projects.models import RenderJob


def wake() -> None:
    """Run the next job, unless this machine rests; have the idle lanes beside this one look for the others."""
    if lanes.is_paused():
        return
    if len(RenderJob.objects.claimable().values_list("pk")[:2]) > 1:
        wakeups.send()
    if rendering.run_next() and RenderJob.objects.claimable().exists():
        wakeups.send()


def sweep() -> None:
    """Put right what was left lying."""
    cleanup.run_due()
