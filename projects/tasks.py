"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from django.conf import settings

from projects import cleanup, idling, lanes, mails, previews, rendering, turns, wakeups


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
    """Put right what was left lying and send what mail is due; then make what is wanted to look at, doing both meanwhile."""
    _tidy()
    if settings.MAKE_PREVIEWS:
        previews.spend(between=_tidy)


def _tidy() -> None:
    cleanup.run_due()
    mails.send_due()
