"""`manage.py weights`: which weights there are, under which licences; installs, verifies and removes them."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from lipsync.errors import LipsyncError
from lipsync.weights.command import add_words, carry_out


class Command(BaseCommand):
    """Look after the weights of engines that need some."""

    help = "list, install NAME [--file FILE], verify [NAME], remove NAME: the weights of engines that run on networks."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do."""
        add_words(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; the exit code is that of the engine's own command: 2 input, 3 environment."""
        try:
            for line in carry_out(Namespace(**options), settings.WEIGHTS_ROOT):
                self.stdout.write(line)
        except LipsyncError as error:
            raise CommandError(f"{error.message} ({error.code})", returncode=error.exit_code) from error
