"""What a large library costs: `make bench BENCH=library`, in a SQLite database of its own.

A project of 200 lecturers with 10,000 clips, 300 voices and 50,000 finished videos, a batch of 500 cells that is being made,
another that is done, twenty people whose renders wait: queries and time of every page and every list of the API that the
address book has, as owner and as administrator; what a person does; and a cleaning of all videos with the memory it takes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tests.filled import Filled

TIMES = 5
COLUMNS = ("what", "queries", "ms", "cpu ms", "grown MB", "over")
MOST_QUERIES, MOST_SECONDS = 12, 0.3
FLAT_MB = 50
STEPS = ("look", "clean")  # each in a fresh process, whose memory is its own


def table() -> list[dict[str, object]]:
    """Each step in a process of its own, all in one data folder; a row for each thing that was measured."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "HEYGEM_DATA": folder,
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "FREE_SPACE_FLOOR_MB": "0",
            "LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "heygem_site.settings",
        }
        for step in STEPS:
            command = [sys.executable, "-m", "tests.benchmarks.library", step]
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
                for line in process.stdout or ():
                    sys.stderr.write(line)  # as it comes: all of it takes some minutes
                    rows.append(dict(zip(COLUMNS, line.rstrip("\n").split("\t"), strict=True)))
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, command)
    return rows


def look() -> None:
    """Make database, rows and the videos' files; measure what people see and do."""
    from django.conf import settings
    from django.core.management import call_command

    from tests import filled

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    found = filled.fill(
        filled.Extent(lecturers=200, clips=10_000, voices=300, videos=50_000, cells=500, people=20, homes=12, binned=150)
    )
    filled.lay_files(Path(settings.MEDIA_ROOT))
    pages(found)
    deeds(found)


def pages(found: Filled) -> None:
    """Every page and list that there is an address for, as its owner and as an administrator."""
    from tests import addresses

    client = _browser(found.owner)
    for role in ("", ", administrator"):
        if role:
            found.owner.is_staff = found.owner.is_superuser = True
            found.owner.save()
        for name, url in _more(addresses.to_read(client, found.ids()), found).items():
            _measure(f"{name}{role}", partial(client.get, url), times=TIMES, is_page=True)


def _more(read: dict[str, str], found: Filled) -> dict[str, str]:
    """With the same pages where they show something else: a batch that is done, a render that waits, the last page."""
    done, live = f"/batches/{found.done_batch.pk}/", f"/jobs/{found.live_job.pk}/"
    last = {f"{name}, last page": f"{url}?page=last" for name, url in read.items() if name == "pages:project_renders"}
    renders = {f"{name}, of a batch": f"{url}?batch={found.batch.pk}" for name, url in read.items() if name == "api:jobs"}
    return read | {"pages:batch, done": done, "pages:job, running": live} | last | renders


def deeds(found: Filled) -> None:
    """What people do, once each: every one changes what the next one finds."""
    from projects import batches, jobs
    from projects.models import AudioTrack, SpeakerClip

    clips, tracks = (
        list(SpeakerClip.objects.kept().filter(speaker__project=found.home)[:50]),
        list(AudioTrack.objects.kept().filter(project=found.home)[:10]),
    )
    chosen = batches.matrix(clips, tracks)
    client = _browser(found.owner)
    ticked = {"cell": [f"{clip.pk}:{track.pk}" for clip, track in chosen]}
    here = f"/projects/{found.home.pk}/batches"
    _measure("the need of 500 cells", lambda: client.post(f"{here}/estimate/", ticked), times=TIMES)
    one = {"project": found.home, "clip": clips[0], "track": tracks[0], "created_by": found.owner}
    _measure("one render submitted", lambda: jobs.submit(**one), times=TIMES)
    _measure("500 cells submitted", lambda: client.post(f"{here}/new/", ticked), times=3)
    _measure("failed cells run again", lambda: client.post(f"/batches/{found.batch.pk}/retry/"))
    _measure("a batch cancelled", lambda: client.post(f"/batches/{found.batch.pk}/cancel/"))


def clean() -> None:
    """All videos told, put into the bin, and removed from it with their files; files that belong to nothing looked for."""
    from datetime import timedelta

    from django.db.models import F

    from projects import cleanup, retention
    from projects.models import RenderOutput

    _measure("cleaning: dry run", lambda: retention.run(dry_run=True), grows=True)
    _measure("cleaning: all videos into the bin", retention.run, grows=True)
    RenderOutput.objects.filter(binned_at__isnull=False).update(binned_at=F("binned_at") - timedelta(days=8))
    _measure("cleaning: all files removed from the bin", retention.run, grows=True)
    _measure("cleaning: looking for files of nobody", cleanup.remove_orphan_files, grows=True)


def _measure(name: str, do: Callable[[], object], *, times: int = 1, grows: bool = False, is_page: bool = False) -> None:
    """Print queries, medians of wall and process time, and by how much the process' memory peaked over what it had."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    queries = ""
    if not grows:  # noting 50,000 queries would be what is measured
        with CaptureQueriesContext(connection) as asked:
            do()
        queries = str(len(asked))
        times = times if times > 1 else 0
    before = _peak(reset=True)
    wall, cpu = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        do()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    grown = _peak() - before
    over = is_page and (int(queries) > MOST_QUERIES or median(wall) > MOST_SECONDS)
    shown = [f"{1000 * median(each):.0f}" if each else "" for each in (wall, cpu)]
    words = [name, queries, *shown, f"{grown:.0f}" if grows else "", "over" if over or (grows and grown > FLAT_MB) else ""]
    sys.stdout.write("\t".join(words) + "\n")
    sys.stdout.flush()


def _peak(*, reset: bool = False) -> float:
    """The most memory that this process has held since the last reset, in MB (proc(5))."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _browser(person: User) -> Any:
    """Without the copies of every template's context that a test client makes in a test environment."""
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(person)
    return client


if __name__ == "__main__":
    import django

    django.setup()
    {"look": look, "clean": clean}[sys.argv[1]]()
