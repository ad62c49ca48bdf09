"""`manage.py setup_link`: a fresh one-time link for the first account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from projects import accounts, running
from projects.management.prepared import PreparedCommand


class Command(PreparedCommand):
    """Prints the link, while nobody has an account."""

    help = "Prints a fresh one-time link with which the first account is made. Earlier links stop working."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the link."""
        token = accounts.new_setup_token()
        if token is None:
            raise CommandError("There is an account already. Sign in with it, or run: python manage.py createsuperuser")
        self.stdout.write(f"{running.public_address()}/setup/{token}/")
