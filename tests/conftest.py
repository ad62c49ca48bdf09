"""People in fixed roles, small media, and a data folder for each test."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connections
from django.test import Client
from pytest_django import Settings

from heygem_site.log_file import SharedLogFile
from lipsync.keeping import Hold
from projects import accounts, lanes
from projects.lanes import Wanted
from projects.models import AudioTrack, Kind, Project, RenderJob, RenderOutput, Speaker, SpeakerClip
from tests import making

# Installations that tests start have better to do than to learn.
os.environ.setdefault("TEACH_WHILE_IDLE", "0")
os.environ.setdefault("MAKE_PREVIEWS", "0")
NO_PROCESS = 2**22 + 1  # above every process number that Linux gives


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first, so that at the end no worker still has one while the others have nothing to do."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests log to."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(autouse=True)
def log_file(log_folder: Path) -> Path:
    """The log goes to a folder of the tests, not to the installation's, whatever a test before did to the handlers."""
    path = log_folder / "heygem.log"
    for name in ("", "projects.jobs", "django.server"):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, SharedLogFile):
                handler.path, handler.baseFilename = path, str(path)
    return path


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a test picture with sound; nobody is in it."""
    path = tmp_path_factory.mktemp("media") / "take.mp4"
    picture = f"testsrc2=size={making.CLIP_WIDTH}x{making.CLIP_HEIGHT}:rate={making.CLIP_RATE}:duration={making.CLIP_SECONDS}"
    making.media(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=frequency=220:duration={making.CLIP_SECONDS}"),
        *("-pix_fmt", "yuv420p", "-c:v", "libx264", "-c:a", "aac", "-shortest", str(path)),
    )
    return path


@pytest.fixture(scope="session")
def voice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of a tone."""
    path = tmp_path_factory.mktemp("media") / "voice.wav"
    making.media("-f", "lavfi", "-i", f"sine=frequency=440:duration={making.VOICE_SECONDS}", "-ar", "48000", str(path))
    return path


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A database in a file, not in memory: threads and processes share it as they do in use."""
    if connections["default"].vendor == "sqlite":
        connections["default"].settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables and nobody in them, made once for all workers of a run; installations start from copies."""
    run = tmp_path_factory.getbasetemp()
    folder = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "tables"
    with Hold(folder) as hold:
        hold.take(fcntl.LOCK_EX)
        if not folder.exists():
            begun = folder.with_name("tables_begun")
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            environment = {**os.environ, "HEYGEM_DATA": str(begun), "DATABASE_URL": ""}
            subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True, timeout=300)
            begun.rename(folder)
    return folder / "db.sqlite3"


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A data folder of this test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.FILE_UPLOAD_TEMP_DIR = None
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.FREE_SPACE_FLOOR_BYTES = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    yield settings.MEDIA_ROOT
    cache.clear()


@pytest.fixture
def owner(db: None) -> User:
    """The person whose project it is."""
    return accounts.create_user(username="olga", password="correct horse battery")


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody with an account and a project of their own, who must see nothing of the owner's."""
    return accounts.create_user(username="stefan", password="correct horse battery")


@pytest.fixture
def administrator(db: None) -> User:
    """Somebody who may enter the admin."""
    return accounts.create_user(username="ada", password="correct horse battery", administrator=True)


@pytest.fixture
def owner_client(owner: User) -> Client:
    """The owner's browser, signed in."""
    return making.browser(owner)


@pytest.fixture
def stranger_client(stranger: User) -> Client:
    """The stranger's browser, signed in."""
    return making.browser(stranger)


@pytest.fixture
def project(owner: User) -> Project:
    """The owner's project."""
    return accounts.first_project(owner)


@pytest.fixture
def speaker(project: Project) -> Speaker:
    """A lecturer."""
    return making.speaker(project)


@pytest.fixture
def clip(speaker: Speaker, clip_file: Path) -> SpeakerClip:
    """A stored clip, as `uploads.add_clip` leaves it."""
    return making.clip(speaker, clip_file)


@pytest.fixture
def track(project: Project, voice_file: Path) -> AudioTrack:
    """A stored voice."""
    return making.track(project, voice_file)


@pytest.fixture
def job(project: Project, clip: SpeakerClip, track: AudioTrack, owner: User) -> RenderJob:
    """A render that waits."""
    return RenderJob.objects.create(project=project, clip=clip, track=track, created_by=owner)


@pytest.fixture
def lane(db: None) -> Wanted:
    """A lane that its supervisor has just spoken for, without any process."""
    it = Wanted("cpu-1", Kind.CPU)
    lanes.enter(it, NO_PROCESS)
    return it


@pytest.fixture
def stranger_speaker(stranger: User) -> Speaker:
    """A lecturer of the stranger's."""
    return making.speaker(accounts.first_project(stranger), "Somebody else")


@pytest.fixture
def output(job: RenderJob, clip_file: Path) -> RenderOutput:
    """A finished video of the owner's render."""
    return making.output(job, clip_file)
