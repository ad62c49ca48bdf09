"""What a full queue costs: `python -m tests.benchmarks.queue [DATABASE_URL]`, in databases of its own.

For SQLite, and for PostgreSQL where one answers, it fills the queue and prints how long a worker's claim and a page's
look at the queue take: on the clock, and of this process's own computing (with SQLite all of it), which other work on
the machine disturbs less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import django

SERVER = os.environ.get("TEST_POSTGRES_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
QUEUED, ENDED, TIMES = 10_000, 20_000, 20
CASES = ((1, "one person"), (200, "200 people"))


def main(address: str | None) -> None:
    """Measure on SQLite and on PostgreSQL, each in a process of its own."""
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {QUEUED} waiting, {ENDED} ended\n")
    sys.stdout.write("database | queue | what | best ms | median ms | worst ms | median ms of this process\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        _measure_in_process({"HEYGEM_DATA": folder})
    _on_postgresql(address or SERVER)


def _on_postgresql(server_address: str) -> None:
    import psycopg
    from psycopg import sql

    try:
        server = psycopg.connect(server_address, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        sys.stdout.write(f"PostgreSQL left out: {error}\n")
        return
    name = f"heygem_queue_{uuid.uuid4().hex}"
    with server, tempfile.TemporaryDirectory() as folder:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            own = urlsplit(server_address)._replace(path=f"/{name}").geturl()
            _measure_in_process({"HEYGEM_DATA": folder, "DATABASE_URL": own})
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _measure_in_process(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.queue", "--measure"]
    given = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    everything = {**given, "DJANGO_SETTINGS_MODULE": "heygem_site.settings", "LOG_LEVEL": "WARNING", **environment}
    subprocess.run(command, env=everything, cwd=Path(__file__).parents[2], check=True)


def measure() -> None:
    """Fill the queue of the database that the settings name, and print the table's lines."""
    from django.core.management import call_command
    from django.db import connection

    from projects import claims, estimates, turns
    from projects.models import RenderJob

    call_command("migrate", verbosity=0)
    for people, words in CASES:
        fill(people)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        last = RenderJob.objects.filter(status="queued").latest("created_at")
        first = list(RenderJob.objects.filter(status="queued", created_by=last.created_by).in_turn()[:100])
        works: dict[str, Callable[[], object]] = {
            "candidates": partial(_all_candidates, claims.CANDIDATES),
            "claim": claims.claim,
            "place of the last": partial(turns.positions, [last]),
            "estimate of the last (its page)": partial(estimates.of, [last]),
            "estimates of one's first 100 (queue page)": partial(estimates.of, first),
        }
        for what, work in works.items():
            walls, ours = zip(*(_timed(work) for _ in range(TIMES)), strict=True)
            figures = f"{min(walls):.1f} | {median(walls):.1f} | {max(walls):.1f} | {median(ours):.1f}"
            sys.stdout.write(f"{connection.vendor} | {words} | {what} | {figures}\n")
            sys.stdout.flush()


def _all_candidates(limit: int) -> object:
    from projects import turns

    return list(turns.candidates(limit))


def fill(people: int) -> None:
    """Waiting renders of so many people and nothing else but ended ones."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from projects.models import AudioTrack, Consent, Project, RenderJob, RenderOutput, Speaker, SpeakerClip

    for model in (RenderOutput, RenderJob, Project, User):
        model.objects.all().delete()
    users = User.objects.bulk_create(User(username=f"person {number}") for number in range(people))
    media = []
    facts = {"size": 1, "duration": 20.0, "codec": "x", "file": "f", "sha256": "0" * 64, "title": "t"}
    for user in users:
        project = Project.objects.create(owner=user, name="Course")
        speaker = Speaker.objects.create(project=project, name="Li Wei")
        Consent.objects.create(speaker=speaker, given_by="Li Wei", scope="Videos", given_on=timezone.localdate())
        picture = {"still": "s", "width": 1280, "height": 720, "frame_rate": "25", "frames": 500, "has_sound": True}
        clip = SpeakerClip.objects.create(speaker=speaker, **facts, **picture)
        track = AudioTrack.objects.create(project=project, sample_rate=48000, **facts)
        media.append({"project": project, "clip": clip, "track": track, "created_by": user})
    now = timezone.now()
    ended = {"status": "succeeded", "started_at": now, "finished_at": now + timedelta(seconds=9), "fence": 1, "attempts": 1}
    done = RenderJob.objects.bulk_create((RenderJob(**media[n % people], **ended) for n in range(ENDED)), batch_size=1000)
    video = {"file": "f", "sha256": "0", "size": 1, "width": 1280, "height": 720, "frame_rate": "25", "frames": 500}
    timings = {"look": 3.0, "listen": 0.5, "plan": 0.2, "render": 4.0, "finish": 0.3}
    RenderOutput.objects.bulk_create(
        (RenderOutput(job=job, project_id=job.project_id, duration=20.0, timings=timings, **video) for job in done),
        batch_size=1000,
    )
    RenderJob.objects.bulk_create((RenderJob(**media[n % people]) for n in range(QUEUED)), batch_size=1000)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the clock, and of this process's own computing."""
    wall, own = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - own) * 1000


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        django.setup()
        measure()
    else:
        main(sys.argv[1] if sys.argv[1:] else None)
