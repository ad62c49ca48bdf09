"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from django.conf import settings

from projects import cleanup, idling, lanes, previews, rendering, turns, wakeups


def wake() -> None:
    """Run the next job, unless this machine rests; have the idle lanes beside this one look for the others.

    Where no job is left the lane makes itself useful otherwise.
    """
    if lanes.is_paused():
        return
    if len(list(turns.candidates(2))) > 1:
        wakeups.send()
    rendering.run_next(lane=settings.LANE)
    if turns.anything_due():
        wakeups.send()
    else:
        idling.spend()


def sweep() -> None:
    """Put right what was left lying; then make what is wanted to look at, putting right what is due meanwhile."""
    cleanup.run_due()
    if settings.MAKE_PREVIEWS:
        previews.spend(between=cleanup.run_due)
