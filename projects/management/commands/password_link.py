"""`manage.py password_link NAME`: a one-time link to a new password, for somebody who forgot theirs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from projects import passwords
from projects.management.prepared import PreparedCommand


class Command(PreparedCommand):
    """Prints the link."""

    help = "Prints a link with which a person chooses a new password, once, within 24 hours."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose password."""
        parser.add_argument("name", help="the user name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the link."""
        user = User.objects.filter(username=options["name"], is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody who may sign in is called {options['name']}. Names are in the administration, People.")
        self.stdout.write(passwords.hand_out_link(user))
