"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from django.conf import settings

from projects import cleanup, lanes, rendering, turns, wakeups


def wake() -> None:
    """Run the next job, unless this machine rests; have the idle lanes beside this one look for the others."""
    if lanes.is_paused():
        return
    if len(list(turns.candidates(2))) > 1:
        wakeups.send()
    if rendering.run_next(lane=settings.LANE) and turns.anything_due():
        wakeups.send()


def sweep() -> None:
    """Put right what was left lying."""
    cleanup.run_due()
