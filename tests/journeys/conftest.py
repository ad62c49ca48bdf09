"""The rows that pages show, as many and in such states as a test asks for; whole installations and browsers to look with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils import timezone

from projects import library
from projects.models import AudioTrack, Project, RenderJob, RenderOutput, SpeakerClip, Status
from tests import making
from tests.browsing import CHROMIUM
from tests.demo_take import demo_take
from tests.installations import free_port
from tests.journeys.visiting import ROOT, Installation, link_told

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def add_clip(project: Project) -> Callable[..., SpeakerClip]:
    def add(title: str = "Take 3", lecturer: str = "Prof. Li", into: Project = project) -> SpeakerClip:
        speaker = library.find_or_add_speaker(project=into, name=lecturer)
        if not speaker.has_consent():
            making.agree(speaker)
        clip = SpeakerClip(
            speaker=speaker,
            title=title,
            sha256="a" * 64,
            size=5,
            width=640,
            height=360,
            frame_rate="25",
            frames=500,
            duration=20.0,
            codec="h264",
            has_sound=True,
        )
        clip.file.save(f"clips/{clip.pk}.mp4", ContentFile(b"movie"), save=False)
        clip.still.save(f"clips/{clip.pk}.jpg", ContentFile(b"still"), save=False)
        clip.save()
        return clip

    return add


@pytest.fixture
def add_track(project: Project) -> Callable[..., AudioTrack]:
    def add(title: str = "Lesson 4", into: Project = project) -> AudioTrack:
        track = AudioTrack(
            project=into, title=title, sha256="b" * 64, size=5, duration=12.0, sample_rate=48000, codec="pcm_s16le"
        )
        track.file.save(f"audio/{track.pk}.wav", ContentFile(b"sound"), save=False)
        track.save()
        return track

    return add


@pytest.fixture
def clip(add_clip: Callable[..., SpeakerClip]) -> SpeakerClip:
    return add_clip()


@pytest.fixture
def track(add_track: Callable[..., AudioTrack]) -> AudioTrack:
    return add_track()


@pytest.fixture
def add_job(owner: User, project: Project, clip: SpeakerClip, track: AudioTrack) -> Callable[..., RenderJob]:
    """A render in the state asked for, with all that this state needs."""
    now = timezone.now()
    started = {"started_at": now - timedelta(seconds=60), "fence": 1, "attempts": 1}
    ended = started | {"finished_at": now}
    states: dict[str, dict[str, Any]] = {
        Status.QUEUED: {},
        Status.RUNNING: started
        | {"claim": uuid.uuid4(), "lease_until": now + timedelta(hours=1)}
        | {"stage": "render", "frames_done": 250, "frames_total": 1000, "progress": 0.6, "seconds_left": 175.0},
        Status.SUCCEEDED: ended | {"frames_done": 300, "frames_total": 300, "progress": 1.0},
        Status.FAILED: ended
        | {
            "error_family": "input",
            "error_code": "no_face",
            "error_message": "No face was found. Film the face.",
            "error_at": 3.2,
        },
        Status.CANCELLED: {"finished_at": now, "cancel_requested": True},
    }

    def add(status: str = Status.QUEUED, **fields: Any) -> RenderJob:
        values = states[status] | fields
        job = RenderJob.objects.create(project=project, clip=clip, track=track, created_by=owner, status=status, **values)
        if status == Status.SUCCEEDED:
            output = RenderOutput(
                job=job,
                project=project,
                sha256="c" * 64,
                size=5,
                width=640,
                height=360,
                frame_rate="25",
                frames=300,
                duration=12.0,
                quality={"aperture_followed": 0.9, "sharpness": 0.5, "width_followed": None},
                notices=["The face is seen in 95% of the clip."],
            )
            output.file.save(f"renders/{job.pk}.1.mp4", ContentFile(b"video"), save=False)
            output.save()
        return job

    return add


# --- whole installations in a browser: one for each file ------------------------------------------------------------------
@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six seconds of the synthetic take, and a voice of two seconds."""
    folder = tmp_path_factory.mktemp("media")
    take = demo_take()
    clip, voice = folder / "lecture.mp4", folder / "lesson.wav"
    for source, target, seconds in ((take.clip, clip, "6"), (take.voice, voice, "2")):
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-t", seconds, str(target)]
        subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return clip, voice


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Installation]:
    """`manage.py serve` on a free port, with a data folder of its own."""
    port, data = free_port(), tmp_path_factory.mktemp("data")
    shutil.copy(tables, data)
    environment = {**os.environ, "HEYGEM_DATA": str(data), "PYTHONUNBUFFERED": "1"}
    environment["MAKE_PREVIEWS"] = "1"
    environment.pop("DEBUG", None)
    said = tmp_path_factory.mktemp("log") / "serve.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        link = link_told(process, said)
        yield Installation(f"http://localhost:{port}", port, link, environment)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, with nobody signed in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh visitor; no test may leave an error in its console."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert errors == []
