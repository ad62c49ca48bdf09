"""Commands that need the database's tables."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from projects import doctor


class PreparedCommand(BaseCommand):
    """Says what to do where the database does not answer or has not every table yet, instead of failing at the first row."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Raises CommandError before the command does anything."""
        for finding in doctor.database():
            if finding.gravity is doctor.Gravity.ERROR:
                raise CommandError(f"{finding.text} {finding.advice}")
