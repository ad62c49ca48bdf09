"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from django.conf import settings

from projects import cleanup, idling, lanes, mails, previews, rendering, turns, wakeups, waveforms, webhooks

DELIVERY_SECONDS = DRAWING_SECONDS = 10.0  # of the housekeeping lane at a time


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
    """Put right what was left lying and tell what is to be told; then make what is wanted to look at, doing both meanwhile."""
    _tidy()
    if settings.MAKE_PREVIEWS:
        previews.spend(between=_tidy)


def deliver() -> None:
    """Send the messages of webhooks that are due."""
    if not webhooks.send_due(DELIVERY_SECONDS):
        wakeups.send_deliveries()


def _tidy() -> None:
    cleanup.run_due()
    mails.send_due()
    webhooks.send_due(DELIVERY_SECONDS)
    waveforms.draw_missing(DRAWING_SECONDS)
