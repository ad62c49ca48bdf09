"""The rows that pages show, as many and in such states as a test asks for."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils import timezone

from projects import library
from projects.models import AudioTrack, Project, RenderJob, RenderOutput, SpeakerClip, Status
from tests import making


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
