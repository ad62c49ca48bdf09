"""Scripted engines and what they leave."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from projects import engine as engine_module
from projects import jobs, rendering, uploads
from projects.models import AudioTrack, Project, RenderJob, Speaker, SpeakerClip
from tests import making
from tests.demo_take import demo_take
from tests.projects.buckets import SECRET

ENGINE = Path(__file__).with_name("scripted_engine.py")


@pytest.fixture(autouse=True)
def no_engine_left() -> Iterator[None]:
    """No process waits for the requests of another test."""
    yield
    engine_module.end_kept()


@pytest.fixture
def engine(settings: Settings, clip_file: Path) -> Callable[[str], None]:
    """Call it with the name of a script, and the next engines follow that."""

    def follow(script: str) -> None:
        settings.ENGINE_COMMAND = [sys.executable, str(ENGINE), script, str(clip_file)]

    return follow


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats and polls at a tenth of their usual pace."""
    monkeypatch.setattr(rendering, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(rendering, "PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr(rendering, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(engine_module, "FAMILY_SECONDS", 0.05)


@pytest.fixture(scope="session")
def talking_take() -> tuple[Path, Path]:
    """The synthetic take and its second voice, made once and kept for later runs."""
    take = demo_take()
    return take.clip, take.voice


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3."""
    from moto.server import ThreadedMotoServer  # it takes a second to load, which other tests do without

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, settings: Settings) -> Iterator[Any]:
    """A bucket as the home of finished files, and a client of its server."""
    import boto3

    settings.S3_BUCKET, settings.S3_REGION = f"bucket-{uuid.uuid4()}", "us-east-1"
    settings.S3_ENDPOINT_URL = settings.S3_HOST = s3_server
    settings.S3_PATH_STYLE = settings.MEDIA_REDIRECT = True
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "AKIATHENAME", SECRET
    settings.STORAGES = {**settings.STORAGES}  # its storage is made anew
    keys = {"aws_access_key_id": "AKIATHENAME", "aws_secret_access_key": SECRET}
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=settings.S3_BUCKET)
    yield client


@pytest.fixture
def s3_down(s3: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Call it to take the bucket's server away, or with False to bring it back."""
    from projects import bucket

    at, nobody = settings.S3_HOST, "http://127.0.0.1:9"
    monkeypatch.setattr(bucket, "ATTEMPTS", 1)

    def take(down: bool = True) -> None:
        settings.S3_HOST = nobody if down else at
        settings.STORAGES = {**settings.STORAGES}

    return take


@pytest.fixture
def stored_clip(s3: Any, speaker: Speaker, clip_file: Path) -> SpeakerClip:
    """A clip that was taken in while the bucket is on."""
    return uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))


@pytest.fixture
def stored_track(s3: Any, project: Project, voice_file: Path) -> AudioTrack:
    """A voice, likewise."""
    return uploads.add_track(project=project, uploaded_file=making.upload(voice_file))


@pytest.fixture
def stored_job(project: Project, stored_clip: SpeakerClip, stored_track: AudioTrack, owner: User) -> RenderJob:
    """A render of the two that waits."""
    return jobs.submit(project=project, clip=stored_clip, track=stored_track, created_by=owner)
