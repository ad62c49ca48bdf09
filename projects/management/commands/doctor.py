"""`manage.py doctor`: whether this installation is well, and what to do where it is not."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from projects import doctor
from projects.doctor import Gravity

SIGNS = {Gravity.FINE: "ok     ", Gravity.WARNING: "warning", Gravity.ERROR: "ERROR  "}
EXIT_UNWELL = 1


class Command(BaseCommand):
    """Looks at everything and changes nothing."""

    help = "Says whether this installation is well, and what to do where it is not. Exit code 1 with errors."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For whom it speaks."""
        parser.add_argument("--json", action="store_true", help="a list of findings for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say it; 0 with warnings alone."""
        findings = doctor.examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
        else:
            for finding in findings:
                self.stdout.write(f"{SIGNS[finding.gravity]}  {finding.text}")
                if finding.advice:
                    self.stdout.write(f"         {finding.advice}")
        if any(finding.gravity is Gravity.ERROR for finding in findings):
            raise SystemExit(EXIT_UNWELL)
