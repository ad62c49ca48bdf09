"""The queue's tests once more, on PostgreSQL, where there is one. TEST_POSTGRES_URL names another than the local one."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from tests import making

SERVER = os.environ.get("TEST_POSTGRES_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
FILES = (
    "test_claim_job.py",
    "test_run_job.py",
    "test_render_faults.py",
    "test_render_stops.py",
    "test_rows.py",
    "test_sweep.py",
    "test_state_machine.py",
    "test_turns.py",
    "test_idempotency.py",
    "test_quotas.py",
    "test_batches.py",
    "test_memberships.py",
    "test_events.py",
)
# Of the runs of whole renders only those that turn on the database's own ways; the engine is the same everywhere.
WHOLE = ("test_claim_job", "test_rows", "test_sweep", "test_state_machine", "turns", "idempotency", "one_link")
CHOSEN = " or ".join((*WHOLE, "finished", "cancel", "claim", "lost_answer", "at_once"))


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a database of this test's own, which is gone afterwards."""
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        pytest.skip(f"No PostgreSQL answers at {urlsplit(SERVER).hostname}; TEST_POSTGRES_URL may name one. ({error})")
    name = f"heygem_{uuid.uuid4().hex}"
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
        finally:
            for each in (f"test_{name}", name):
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(each)))


@pytest.mark.slow
def test_the_queue_keeps_its_promises_on_postgresql(database: str, tmp_path: Path) -> None:
    tests = [str(Path(__file__).with_name(name)) for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", CHOSEN, *tests],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database, "HEYGEM_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


def test_several_starts_at_once_do_not_meet(database: str, tmp_path: Path) -> None:
    assert making.starts_at_once({"HEYGEM_DATA": str(tmp_path), "DATABASE_URL": database}) == []
