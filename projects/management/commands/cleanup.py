"""`manage.py cleanup`: does what the retention policies say, or with --dry-run tells it; names what belongs to nothing."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from projects import cleanup, doctor, retention
from projects.management.prepared import PreparedCommand


class Command(PreparedCommand):
    """Clean up."""

    help = "Put into the bin what the retention policies say, empty what lay there for a week. --dry-run: only tell."

    def add_arguments(self, parser: CommandParser) -> None:
        """The options."""
        parser.add_argument("--dry-run", action="store_true", help="change nothing, list what would go and why")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it and tell."""
        record = retention.run(dry_run=options["dry_run"])
        orphans = [path.name for path in cleanup.orphan_files()]
        missing = [finding.text for finding in doctor.rows_without_files() if finding.gravity is not doctor.Gravity.FINE]
        if options["json"]:
            facts = {name: getattr(record, name) for name in ("binned", "binned_size", "removed", "removed_size", "forgotten")}
            told = {
                "dry_run": record.dry_run,
                **facts,
                "lines": record.lines,
                "orphan_files": orphans,
                "rows_without_files": missing,
            }
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for line in record.lines:
            rule = f"{line['days']} days since {line['since']}"
            self.stdout.write(
                f"{line['deed']:7}  {line['kind']}  {line['size']:>12}  {line['project']}: {line['title']}  ({rule})"
            )
        self.stdout.write(("Would be: " if record.dry_run else "Done: ") + retention.in_words(record))
        for name in orphans:
            self.stdout.write(f"belongs to nothing: {name}")
        for text in missing:
            self.stdout.write(self.style.WARNING(text))
