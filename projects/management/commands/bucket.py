"""`manage.py bucket`: brings what lies in the data folder into the bucket, or back, or removes what belongs to nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from projects import inventory, objects
from projects.errors import ProjectError
from projects.management.prepared import PreparedCommand

DOES = {
    "fill": inventory.fill,  # into the bucket, what is not there
    "fetch": inventory.fetch,  # into the data folder, everything
    "strays": inventory.strays,  # only tell
    "prune": inventory.prune,
}


class Command(PreparedCommand):
    """Look after the bucket."""

    help = (
        "fill: bring finished files of the data folder there; fetch: bring all of them back; strays: list what belongs to "
        "nothing; prune: remove that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        parser.add_argument("what", choices=DOES)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, a line for each file."""
        if not objects.is_on():
            raise CommandError("No bucket is set. See S3_BUCKET in the README.")
        count = 0
        try:
            for name in DOES[options["what"]]():
                count += 1
                self.stdout.write(name)
        except (ProjectError, OSError) as error:
            raise CommandError(f"{error} {count} files were done; run it again to go on.") from error
        self.stdout.write(f"{count} files.")
