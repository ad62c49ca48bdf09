"""What the queue's messages call: thin interfaces."""

from __future__ import annotations

from projects import cleanup, rendering, turns, wakeups


def wake() -> None:
    """Run the next job, then wake a worker for the one after it."""
    if rendering.run_next() and turns.anything_due():
        wakeups.send()


def sweep() -> None:
    """Put right what was left lying; for installations that schedule it themselves."""
    cleanup.sweep()
