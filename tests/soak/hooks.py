"""A shorter lease, so that fifty frozen workers do not take an hour."""

from __future__ import annotations

import os
from datetime import timedelta

from django.apps import AppConfig

BEATS_PER_LEASE = 6  # as many as the project's own


class ShortLease(AppConfig):
    """Changes the lease, and the heartbeat with it, in every process of the installation."""

    name = "tests.soak"
    label = "soak"

    def ready(self) -> None:
        """Once, before anything runs."""
        from projects import claims, rendering

        lease = float(os.environ["SOAK_LEASE_SECONDS"])
        claims.LEASE = timedelta(seconds=lease)
        rendering.BEAT_SECONDS = rendering.SAFETY_SECONDS = lease / BEATS_PER_LEASE
        rendering.PROGRESS_SECONDS = min(rendering.PROGRESS_SECONDS, rendering.BEAT_SECONDS)
