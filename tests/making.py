"""Small media, rows and browsers that tests ask for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from projects import accounts, claims, resumable, storage
from projects.claims import Claim
from projects.models import (
    AudioTrack,
    Consent,
    DeliveryState,
    Membership,
    Preview,
    Project,
    RenderJob,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Upload,
    UploadKind,
    WebhookDelivery,
    WebhookEndpoint,
)
from projects.resumable import Announced

CLIP_SECONDS = 1.0
CLIP_RATE = 10
CLIP_WIDTH, CLIP_HEIGHT = 128, 96
VOICE_SECONDS = 1.5
# What an engine tells of a video of a second, at four points; its middle passes as it is.
OVERVIEW = {
    "step": 0.25,
    "loudness": [0, 80, 100, 40],
    "wanted": [0, 60, 90, 20],
    "painted": [0, 60, None, 20],
    "speech": [[0.2, 1.0]],
    "sounds": [["a", 0.2, 0.5]],
    "passed": [[0.5, 0.9, "turned"]],
    "runs": [[0, 0, 1]],
}


def media(*arguments: str) -> None:
    """Have ffmpeg make a small file."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True, timeout=60)


def browser(user: User) -> Client:
    """A browser in which this person has signed in."""
    client = Client()
    client.force_login(user)
    return client


def member(project: Project, name: str, role: str) -> User:
    """Somebody with an account who takes part in the project."""
    user = accounts.create_user(username=name, password="correct horse battery")
    Membership.objects.create(project=project, user=user, role=role)
    return user


def speaker(project: Project, name: str = "Li Wei") -> Speaker:
    """A lecturer who has agreed to videos of them."""
    row = Speaker.objects.create(project=project, name=name)
    agree(row)
    return row


def agree(speaker: Speaker) -> Consent:
    """A consent that holds."""
    return Consent.objects.create(
        speaker=speaker, given_by=speaker.name, scope="Videos in this project", given_on=timezone.localdate()
    )


def evidence(consent: Consent, data: bytes = b"%PDF-1.7 signed") -> Consent:
    """Give a consent a paper."""
    consent.evidence.name = f"{storage.CONSENTS}/{consent.pk}.pdf"
    consent.evidence_name, consent.evidence_sha256 = "signed", "e" * 64
    storage.folder(storage.CONSENTS)
    consent.path.write_bytes(data)
    consent.save()
    return consent


def clip(speaker: Speaker, source: Path, title: str = "Lecture 1") -> SpeakerClip:
    """A clip's row and files."""
    row = SpeakerClip(speaker=speaker, title=title, sha256="c" * 64, size=source.stat().st_size)
    row.file.name = f"{storage.CLIPS}/{row.pk}.mp4"
    row.still.name = f"{storage.CLIPS}/{row.pk}.jpg"
    row.width, row.height, row.frame_rate, row.frames = CLIP_WIDTH, CLIP_HEIGHT, str(CLIP_RATE), CLIP_RATE
    row.duration, row.codec, row.has_sound = CLIP_SECONDS, "h264", True
    storage.folder(storage.CLIPS)
    shutil.copy(source, row.path)
    Path(row.still.path).write_bytes(b"\xff\xd8\xff\xd9")
    row.save()
    return row


def previews(clip: SpeakerClip) -> dict[str, Preview]:
    """What is there to look at of a clip, by kind."""
    rows = {}
    for kind, ending, data in (("film", ".mp4", clip.path.read_bytes()), ("strip", ".jpg", b"\xff\xd8\xff\xd9")):
        name = f"{storage.PREVIEWS}/{clip.pk}{ending}"
        (storage.folder(storage.PREVIEWS) / Path(name).name).write_bytes(data)
        rows[kind] = Preview.objects.create(clip=clip, kind=kind, state="done", file=name, size=len(data))
    return rows


def track(project: Project, source: Path, title: str = "Welcome, German") -> AudioTrack:
    """A voice's row and file."""
    row = AudioTrack(project=project, title=title, sha256="a" * 64, size=source.stat().st_size)
    row.file.name = f"{storage.TRACKS}/{row.pk}.wav"
    row.duration, row.sample_rate, row.codec = VOICE_SECONDS, 48000, "pcm_s16le"
    storage.folder(storage.TRACKS)
    shutil.copy(source, row.path)
    row.save()
    return row


def upload(source: Path, name: str | None = None) -> SimpleUploadedFile:
    """The file as a browser sends it."""
    return SimpleUploadedFile(name or source.name, source.read_bytes())


def arriving(owner: User, project: Project, size: int = 5) -> Upload:
    """A voice of which nothing has arrived yet."""
    file = Announced(kind=UploadKind.TRACK, name="a.wav", size=size, fingerprint=f"a.wav|{size}|0")
    return resumable.create(owner=owner, project=project, file=file)


def delivery(owner: User) -> WebhookDelivery:
    """A message to a webhook of this person's that was delivered."""
    endpoint = WebhookEndpoint.objects.create(owner=owner, url="https://hooks.example.com/studio")
    body = '{"kind": "ping", "project": null}'
    ended = {"state": DeliveryState.DELIVERED, "ended_at": timezone.now(), "status": 204, "attempts": 1}
    return WebhookDelivery.objects.create(endpoint=endpoint, kind="ping", body=body, **ended)


def age(path: Path, seconds: float = 48 * 3600) -> None:
    """Make a file look as old as this."""
    os.utime(path, (time.time() - seconds,) * 2)


def output(job: RenderJob, source: Path) -> RenderOutput:
    """Bring a waiting job to its end, with a video."""
    claim = claims.claim()
    assert claim is not None
    assert claim.job_id == job.pk
    made = finish(claim, source)
    job.refresh_from_db()
    return made


def finish(claim: Claim, source: Path) -> RenderOutput:
    """Bring a job that is held to its end, with a video."""
    name = storage.render_name(claim.job_id, claim.fence)
    shutil.copy(source, storage.folder(storage.RENDERS) / Path(name).name)
    result = {
        "frames": CLIP_RATE,
        "sha256": "b" * 64,
        "size": source.stat().st_size,
        "duration": CLIP_SECONDS,
        "width": CLIP_WIDTH,
        "height": CLIP_HEIGHT,
        "frame_rate": str(CLIP_RATE),
        "quality": {"sharpness": 0.9},
        "timings": {"render": 1.5},
        "notices": [],
        "overview": OVERVIEW,
    }
    assert claims.finish(claim, name=name, result=result)
    return RenderOutput.objects.get(job=claim.job_id)


def starts_at_once(environment: dict[str, str]) -> list[str]:
    """Have three processes bring the same new database up to date together. Returns what went wrong in each."""
    code = "import django; django.setup(); from projects import schema; schema.bring_up_to_date()"
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "heygem_site.settings", **environment}
    starters = [
        subprocess.Popen([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=given, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [starter.communicate(timeout=120)[1] for starter in starters]
    return [words for starter, words in zip(starters, said, strict=True) if starter.returncode]
