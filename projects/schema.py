"""The database's tables brought up to date, by one process at a time.

Whoever starts an installation does it: `serve`, on several machines perhaps, and `demo` beside it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from lipsync.keeping import Hold

ADVISORY_KEY = 4_872_013_306  # any number that nothing else in the database locks


def bring_up_to_date() -> None:
    """Run the migrations that are missing; whoever else wants the same waits and finds nothing left to do."""
    with _alone():
        call_command("migrate", interactive=False, verbosity=0)


@contextmanager
def _alone() -> Iterator[None]:
    if connection.vendor != "postgresql":  # SQLite's file is this machine's
        with Hold(Path(settings.MEDIA_ROOT) / "schema") as hold:
            hold.take(fcntl.LOCK_EX)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_KEY])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_KEY])
