"""`manage.py lane`: one lane's processes. The supervisor starts it; nobody needs to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django_q.cluster import Cluster

from projects import lane_locks, processes

PATIENCE_SECONDS = 10.0


class Command(BaseCommand):
    """Runs the lane that the environment names."""

    help = "Runs one lane. Started by `serve` and `lanes`, which say in the environment which one."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until the supervisor ends it, or until any process above dies."""
        if not settings.LANE:
            raise CommandError("No lane is named. Run: manage.py lanes")
        if not lane_locks.take(settings.LANE, patience=PATIENCE_SECONDS):
            raise CommandError(f"Another process is lane {settings.LANE} already. It is tried again.")
        processes.end_with_parents()
        Cluster().start()
