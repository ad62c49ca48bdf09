"""Getting over a lost connection to the database."""

from __future__ import annotations

from django.db import connection


def drop_if_dead() -> None:
    """Have the next query connect anew where this connection no longer answers; inside a transaction, its end does."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
