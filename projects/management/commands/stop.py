"""`manage.py stop`: ends what `serve` started."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from projects import running

PATIENCE_SECONDS = 35.0


class Command(BaseCommand):
    """Ends the running installation."""

    help = "Ends the web server and the lanes that `serve` started."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """End it, if it runs."""
        server = running.current()
        if server is None:
            self.stdout.write("HeyGem Studio is not running.")
            return
        politely = running.stop(server, patience=PATIENCE_SECONDS)
        self.stdout.write("Stopped." if politely else "It did not stop by itself and was killed.")
