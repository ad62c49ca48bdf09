#!/usr/bin/env python
"""Django's command line for HeyGem Studio."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command."""
    os.umask(0o077)  # uploads, results, logs and the database are nobody else's on this machine
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heygem_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3)


if __name__ == "__main__":
    main()
