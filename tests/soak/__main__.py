"""`python -m tests.soak kills --database postgres --seed 7`: one line of figures for each test, and exit code 1 after a miss.

Without a name all tests run, one after the other. Each has a process, a data folder and a database of its own.
TEST_POSTGRES_URL and TEST_REDIS_URL name other servers than the local ones; the Redis database must be empty.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

POSTGRES = os.environ.get("TEST_POSTGRES_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
REDIS = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/5"
SQLITE, POSTGRESQL = "sqlite", "postgres"


@dataclass(frozen=True)
class Case:
    """A test: its module in `cases`, how much of it, and what it changes of the installation's settings."""

    module: str
    jobs: int
    rounds: int
    settings: dict[str, str] = field(default_factory=dict)
    size: int = 0  # MiB, where it is about one file


CASES = {
    "kills": Case("kills", 100, 200, {"SOAK_ENGINE": "--seconds 2 --segments 4"}),
    "small": Case("kills", 20, 20, {"SOAK_ENGINE": "--seconds 0.3 --segments 3", "SOAK_LEASE_SECONDS": "6"}),
    "real": Case("real", 20, 40),
    "idle": Case("idle", 0, 20, {"SOAK_ENGINE": "--seconds 0.2"}),
    "frozen": Case("frozen", 0, 50, {"SOAK_ENGINE": "--seconds 2 --segments 4", "SOAK_LEASE_SECONDS": "6", "CPU_LANES": "2"}),
    "doubled": Case("doubled", 40, 0, {"SOAK_ENGINE": "--seconds 0.5", "SOAK_COPIES": "10", "CPU_LANES": "2"}),
    "flushed": Case("flushed", 0, 20, {"SOAK_ENGINE": "--seconds 0.5"}),
    "drain": Case("drain", 40, 20, {"SOAK_ENGINE": "--seconds 15 --segments 15 --journal {folder}/journal"}),
    "resume": Case("resume", 0, 5),
    "cancels": Case("cancels", 0, 100, {"SOAK_ENGINE": "--seconds 2 --segments 4"}),
    "wipeout": Case("wipeout", 0, 50, {"SOAK_ENGINE": "--seconds 0.5 --segments 2"}),
    "uploads": Case("uploads", 0, 200, {"SOAK_ENGINE": "--seconds 0.5"}, size=4096),
    "overhead": Case("overhead", 10_000, 20, {"SOAK_ENGINE": "--seconds 1"}),
}


def main() -> int:
    """Run what is asked for. 0: all figures are as they should be."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(CASES)}; all of them when left out")
    parser.add_argument("--database", choices=(SQLITE, POSTGRESQL), default=SQLITE)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, help="how many jobs, instead of the test's own number")
    parser.add_argument("--rounds", type=int, help="how many kills, cancels, ..., instead of the test's own number")
    parser.add_argument("--size", type=int, help="MiB of the file of the test of uploads")
    parser.add_argument("--lease", type=float, help="seconds of a lease, instead of the project's own")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that it clears up after itself
    if unknown := set(chosen.names) - set(CASES):
        parser.error(f"no such test: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    if len(chosen.names) == 1:
        return _run(chosen.names[0], chosen)
    given = [word for word in sys.argv[1:] if word not in chosen.names]
    codes = [
        subprocess.run([sys.executable, "-m", "tests.soak", name, *given], check=False).returncode
        for name in chosen.names or CASES
    ]
    return max(codes)


def _run(name: str, chosen: argparse.Namespace) -> int:
    case = CASES[name]
    seed = chosen.seed if chosen.seed is not None else random.randrange(10_000)
    folder = Path(tempfile.mkdtemp(prefix=f"soak-{name}-"))
    with _database(chosen.database) as servers:
        data = folder / "data"
        os.environ.pop("HOST", None)
        os.environ.update(
            {"DJANGO_SETTINGS_MODULE": "tests.soak.settings", "HEYGEM_DATA": str(data), "FREE_SPACE_FLOOR_MB": "0"}
            | {name: value.format(folder=folder) for name, value in case.settings.items()}
            | ({"SOAK_LEASE_SECONDS": str(chosen.lease)} if chosen.lease else {})
            | servers
        )
        import django

        django.setup()
        from tests.soak.course import Course, Scale
        from tests.soak.people import UnansweredError

        scale = Scale(jobs=chosen.jobs or case.jobs, rounds=chosen.rounds or case.rounds, size=chosen.size or case.size)
        course = Course(name, chosen.database, seed, scale, folder)
        try:
            importlib.import_module(f"tests.soak.cases.{case.module}").run(course)
        except (AssertionError, UnansweredError) as error:
            course.misses.append(f"{type(error).__name__}: {error}")
        finally:
            course.installation.kill_all()
            django.db.connections.close_all()
    _say(course.line())
    for miss in course.misses:
        _say(f"  MISSED {miss}")
    if course.misses:
        _say(f"  its data and logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


@contextmanager
def _database(kind: str) -> Iterator[dict[str, str]]:
    """Settings that name a database of this test's own and, beside PostgreSQL, a Redis database that nobody uses."""
    if kind == SQLITE:
        yield {"DATABASE_URL": "", "REDIS_URL": ""}
        return
    queue = redis.from_url(REDIS)
    if queue.dbsize():
        raise SystemExit(f"{REDIS} is not empty, and this test empties it. Name another database in TEST_REDIS_URL.")
    name = f"soak_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield {"DATABASE_URL": urlsplit(POSTGRES)._replace(path=f"/{name}").geturl(), "REDIS_URL": REDIS}
        finally:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            queue.flushdb()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
