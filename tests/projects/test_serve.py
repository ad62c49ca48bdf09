"""`manage.py serve`: web and worker come up with one command and go without a remainder."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from tests.installations import START_SECONDS, STOP_SECONDS, Installation, served


@contextlib.contextmanager
def ended(it: Installation) -> Iterator[Installation]:
    """Whatever a failed test leaves running is ended."""
    yield it
    for process in it.processes():
        process.kill()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Installation]:
    """One that has never been started, without any tables."""
    with ended(Installation(tmp_path)) as it:
        yield it


@pytest.fixture
def installation(tmp_path: Path, tables: Path) -> Iterator[Installation]:
    """One of its own, without anybody in it."""
    with ended(Installation(tmp_path, tables)) as it:
        yield it


@pytest.fixture
def scripted(installation: Installation, clip_file: Path) -> Installation:
    """One whose engine runs on for ever, with children of its own."""
    installation.environment |= {
        "DJANGO_SETTINGS_MODULE": "tests.projects.scripted_settings",
        "ENGINE_SCRIPT": "stall",
        "ENGINE_VIDEO": str(clip_file),
        "FREE_SPACE_FLOOR_MB": "0",
    }
    return installation


def eventually(true: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.2)
    return False


def lane_of(installation: Installation, name: str = "cpu-1") -> list[psutil.Process]:
    """A lane's own processes, its first one first: two guards, worker, monitor and pusher."""
    found = []
    for process in installation.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[-1:] == ["lane"] and process.environ().get("HEYGEM_LANE") == name:
                found.append(process)
    return sorted(found, key=lambda process: (process.create_time(), process.pid))


@pytest.mark.slow
def test_it_serves_pages_and_stops_without_a_remainder(empty: Installation) -> None:
    with served(empty) as (process, said):
        link = re.search(r"http://localhost:\d+(/setup/\S+/)", said)
        assert link is not None
        assert empty.answer(link[1]) == 200
        assert empty.answer() == 200
        assert eventually(lambda: len(lane_of(empty)) >= 5)
        second = empty.manage("serve")
        assert second.returncode == 1
        assert "already runs at" in second.stderr
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert process.wait(timeout=STOP_SECONDS) == 0
        assert time.monotonic() - begun < STOP_SECONDS
    assert empty.processes() == []
    assert not (empty.folder / "serve.pid").exists()
    assert oct((empty.folder / "secret_key").stat().st_mode & 0o777) == "0o600"


@pytest.mark.slow
def test_the_next_render_starts_soon_after_an_idle_worker_was_killed(
    scripted: Installation, clip_file: Path, voice_file: Path
) -> None:
    with served(scripted):
        assert eventually(lambda: len(lane_of(scripted)) == 5)
        before = lane_of(scripted)
        before[2].kill()  # the library starts the worker first, then its helpers
        submit(scripted, clip_file, voice_file)
        begun = time.monotonic()
        assert eventually(lambda: row(scripted)["started_at"] is not None)
        assert time.monotonic() - begun < 20
        assert eventually(lambda: row(scripted)["status"] == "running")
        assert not any(process.is_running() for process in before)
    assert scripted.processes() == []


@pytest.mark.slow
def test_it_runs_in_the_background_until_it_is_stopped(installation: Installation) -> None:
    assert "is not running" in installation.manage("stop").stdout
    started = installation.manage("serve", "--detach")
    assert started.returncode == 0, started.stderr
    assert "/setup/" in started.stdout
    assert "make stop" in started.stdout
    assert (installation.folder / "logs" / "serve.log").exists()
    assert installation.answer() == 200
    begun = time.monotonic()
    assert installation.manage("stop").stdout == "Stopped.\n"
    assert time.monotonic() - begun < STOP_SECONDS
    assert installation.processes() == []


@pytest.mark.slow
def test_nothing_goes_on_when_it_is_killed_outright(installation: Installation) -> None:
    with served(installation) as (process, _):
        assert eventually(lambda: len(lane_of(installation)) >= 5)
        process.kill()
        assert eventually(lambda: installation.processes() == [], 30)
    again = installation.manage("serve", "--detach")
    assert again.returncode == 0, again.stderr
    assert installation.manage("stop").returncode == 0


@pytest.mark.slow
def test_a_port_in_use_is_said_in_a_sentence(installation: Installation) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", installation.port))
        occupant.listen()
        refused = installation.manage("serve")
    assert refused.returncode == 1
    assert f"Port {installation.port}" in refused.stderr
    assert f"PORT={installation.port + 1}" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("port", ["70000", "0", "http"])
def test_a_port_that_there_cannot_be_is_said_in_a_sentence(installation: Installation, port: str) -> None:
    installation.environment["PORT"] = port
    refused = installation.manage("serve")
    assert refused.returncode != 0
    assert f"PORT must be a whole number from 1 to 65535, not '{port}'." in refused.stderr
    assert "Traceback" not in refused.stderr


SUBMIT = """
import django, sys
django.setup()
from pathlib import Path
from django.core.files import File
from projects import accounts, consents, jobs, uploads
owner = accounts.create_user(username="olga", password="correct horse battery")
project = accounts.first_project(owner)
clip = uploads.add_clip(project=project, speaker="Li Wei", uploaded_file=File(open(sys.argv[1], "rb"), name="a.mp4"))
consents.state(speaker=clip.speaker, by=owner)
track = uploads.add_track(project=project, uploaded_file=File(open(sys.argv[2], "rb"), name="b.wav"))
jobs.submit(project=project, clip=clip, track=track, created_by=owner)
"""


def row(installation: Installation) -> dict[str, object]:
    """The one job's row, read beside Django."""
    with contextlib.closing(sqlite3.connect(installation.folder / "db.sqlite3", timeout=20)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("SELECT * FROM projects_renderjob").fetchone())


def submit(installation: Installation, clip: Path, voice: Path) -> None:
    """Queue one render."""
    command = [sys.executable, "-c", SUBMIT, str(clip), str(voice)]
    environment = {"DJANGO_SETTINGS_MODULE": "heygem_site.settings", **installation.environment}
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True, timeout=60)


def went_back(installation: Installation) -> bool:
    """The render waits again, and the attempt was not counted."""
    found = row(installation)
    return (found["status"], found["attempts"], found["fence"], found["claim"]) == ("queued", 0, 1, None)


@pytest.mark.slow
def test_a_render_goes_back_to_the_queue_when_it_is_stopped(
    installation: Installation, talking_take: tuple[Path, Path]
) -> None:
    with served(installation) as (process, _):
        submit(installation, *talking_take)
        assert eventually(lambda: row(installation)["stage"] == "look")
        process.terminate()
        begun = time.monotonic()
        assert process.wait(timeout=STOP_SECONDS) == 0
        assert time.monotonic() - begun < STOP_SECONDS
    assert installation.processes() == []
    assert went_back(installation)


@pytest.mark.slow
def test_a_render_goes_back_to_the_queue_when_the_supervisor_is_killed(
    scripted: Installation, clip_file: Path, voice_file: Path
) -> None:
    with served(scripted) as (process, _):
        submit(scripted, clip_file, voice_file)
        assert eventually(lambda: row(scripted)["stage"] == "render")
        process.kill()
        assert eventually(lambda: scripted.processes() == [], STOP_SECONDS)
    assert went_back(scripted)


@pytest.mark.slow
def test_lanes_run_without_a_web_server_and_a_second_signal_ends_them_at_once(
    scripted: Installation, clip_file: Path, voice_file: Path
) -> None:
    scripted.environment |= {"CPU_LANES": "1", "GPU_LANES": "3,", "IO_LANES": "0", "ENGINE_SCRIPT": "stubborn"}
    with served(scripted, "lanes") as (process, said):
        assert "Lanes: cpu-1, gpu-3" in said
        assert scripted.manage("lanes").returncode == 1
        assert eventually(lambda: len(lane_of(scripted, "gpu-3")) == 5)
        assert {each.environ()["CUDA_VISIBLE_DEVICES"] for each in lane_of(scripted, "gpu-3")} == {"3"}
        assert {each.environ()["CUDA_VISIBLE_DEVICES"] for each in lane_of(scripted)} == {""}
        submit(scripted, clip_file, voice_file)
        assert eventually(lambda: row(scripted)["stage"] == "render")
        idle = lane_of(scripted, "gpu-3")
        process.terminate()
        assert eventually(lambda: not any(each.is_running() for each in idle))  # the first signal was heard
        process.terminate()
        begun = time.monotonic()
        assert process.wait(timeout=STOP_SECONDS) == 0
        assert time.monotonic() - begun < STOP_SECONDS
    assert scripted.processes() == []
    assert row(scripted)["status"] in ("queued", "running")
