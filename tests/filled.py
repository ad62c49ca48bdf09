"""A library of any size, in rows alone: what the benchmark of large libraries and the tests of query counts look at."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from projects import accounts, memberships
from projects.models import (
    AudioTrack,
    Consent,
    JobAttempt,
    JobLogLine,
    Kind,
    Lane,
    Membership,
    Outcome,
    Project,
    QuotaPlan,
    RenderBatch,
    RenderJob,
    RenderOutput,
    RetentionPolicy,
    Role,
    Speaker,
    SpeakerClip,
    Status,
    Upload,
    UploadKind,
    WebhookDelivery,
    WebhookEndpoint,
)

PASSWORD = "correct horse battery"
AT_ONCE = 500  # rows of one INSERT
COLUMNS = 20  # of the batch that is being made
DAYS_OLD = 100  # which the policy lets no video become, and no clip or voice that nobody uses
# What `fill` makes, in an order in which it may go again.
EVERYTHING: tuple[type[Model], ...] = (RenderJob, Lane, RetentionPolicy, QuotaPlan, Project, User)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of each.

    cells: of a batch that is being made, and of one that is done; people: members with renders that wait as well;
    homes: further projects of the owner's, each with a clip; binned: clips, voices and videos in the bin
    """

    lecturers: int
    clips: int
    voices: int
    videos: int
    cells: int
    people: int
    homes: int
    binned: int


@dataclass(frozen=True, slots=True)
class Filled:
    """What a filled library has one of each kind of. batch: is being made"""

    owner: User
    viewer: User
    home: Project
    speaker: Speaker
    clip: SpeakerClip
    track: AudioTrack
    batch: RenderBatch
    done_batch: RenderBatch
    job: RenderJob
    live_job: RenderJob
    upload: Upload
    token: str
    message: WebhookDelivery

    def ids(self) -> dict[str, object]:
        """What stands in the addresses, by the names of their parts."""
        return {
            "project_id": self.home.pk,
            "speaker_id": self.speaker.pk,
            "clip_id": self.clip.pk,
            "track_id": self.track.pk,
            "job_id": self.job.pk,
            "batch_id": self.batch.pk,
            "upload_id": self.upload.pk,
            "user_id": self.viewer.pk,
            "invitation_id": self.home.invitations.get().pk,
            "token": self.token,
            "token_id": "0" * 8,
            "uidb64": "MQ",
            "code": "no_consent",
            "consent_id": self.speaker.consents.all()[0].pk,
            "webhook_id": self.message.endpoint_id,
            "delivery_id": self.message.pk,
        }


@transaction.atomic
def fill(extent: Extent) -> Filled:
    """Make the rows. No file of any of them is there."""
    owner = accounts.create_user(username="olga", password=PASSWORD)
    home = accounts.first_project(owner)
    people = [_member(home, f"member{number}", Role.EDITOR) for number in range(extent.people)]
    viewer = _member(home, "vera", Role.VIEWER)
    speakers, clips, tracks = _media(home, extent)
    _other_homes(owner, extent.homes)
    _rules()
    batches = [
        RenderBatch.objects.create(project=home, created_by=owner, name=name, name_pattern="{clip}")
        for name in ("Being made", "Done")
    ]
    jobs = _finished(home, owner, clips, tracks, batches[1], extent)
    live = _live(home, owner, clips, tracks, batches[0], people, extent)
    _history([jobs[0], live[0]])
    _bin(clips, tracks, jobs, extent.binned)
    _invitation, token = memberships.invite(project=home, role=Role.VIEWER, by=owner)
    uploads = Upload.objects.bulk_create(
        Upload(
            owner=owner,
            project=home,
            kind=kind,
            name=f"{number}.mp4",
            size=1000,
            fingerprint=str(number),
            expires_at=timezone.now() + timedelta(days=1),
        )
        for number in range(max(1, extent.people))
        for kind in UploadKind
    )
    return Filled(
        owner=owner,
        viewer=viewer,
        home=home,
        speaker=speakers[0],
        clip=clips[0],
        track=tracks[0],
        batch=batches[0],
        done_batch=batches[1],
        job=jobs[0],
        live_job=live[0],
        upload=uploads[0],
        token=token,
        message=_told(owner, extent.cells),
    )


def lay_files(root: Path) -> None:
    """Give every finished video a file of a few bytes."""
    (root / "renders").mkdir(parents=True, exist_ok=True)
    for name in RenderOutput.objects.values_list("file", flat=True).iterator(AT_ONCE):
        (root / name).write_bytes(b"film")


def _member(home: Project, name: str, role: Role) -> User:
    user = accounts.create_user(username=name, password=PASSWORD)
    Membership.objects.create(project=home, user=user, role=role)
    return user


def _told(owner: User, count: int) -> WebhookDelivery:
    """Webhooks, and messages to the last one."""
    endpoints = WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(owner=owner, url=f"https://hooks.example.com/{number}") for number in range(max(1, count // 20))
    )
    messages = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(endpoint=endpoints[-1], kind="ping", body="{}") for _number in range(count)
    )
    return messages[0]


def _media(home: Project, extent: Extent) -> tuple[list[Speaker], list[SpeakerClip], list[AudioTrack]]:
    tags = ("maths", "physics", "guest")
    speakers = Speaker.objects.bulk_create(
        Speaker(project=home, name=f"Lecturer {number:03}", tags=[tags[number % 3]]) for number in range(extent.lecturers)
    )
    Consent.objects.bulk_create(
        Consent(speaker=speaker, given_by=speaker.name, scope="Videos", given_on=timezone.localdate()) for speaker in speakers
    )
    clips = SpeakerClip.objects.bulk_create(
        (_clip(speakers[number % len(speakers)], number) for number in range(extent.clips)), batch_size=AT_ONCE
    )
    facts = {"duration": 60.0, "sample_rate": 48_000, "codec": "aac", "size": 1_000_000, "language": "en"}
    tracks = AudioTrack.objects.bulk_create(
        AudioTrack(**facts, project=home, title=f"Lesson {number}", file=f"audio/{number}.m4a", sha256=f"{number:064x}")
        for number in range(extent.voices)
    )
    return speakers, clips, tracks


def _clip(speaker: Speaker, number: int) -> SpeakerClip:
    return SpeakerClip(
        speaker=speaker,
        title=f"Take {number}",
        file=f"clips/{number}.mp4",
        still=f"clips/{number}.jpg",
        sha256=f"{number:064x}",
        size=50_000_000 + number,
        width=1920,
        height=1080,
        frame_rate="25",
        frames=750,
        duration=30.0,
        codec="h264",
        has_sound=True,
    )


def _other_homes(owner: User, count: int) -> None:
    for number in range(count):
        home = Project.objects.create(owner=owner, name=f"Course {number}")
        _clip(Speaker.objects.create(project=home, name="Somebody"), number).save(force_insert=True)


def _rules() -> None:
    QuotaPlan.objects.create(
        name="Usual", is_usual=True, bytes_per_person=10**13, bytes_per_project=10**13, minutes_per_month=10**6
    )
    RetentionPolicy.objects.create(for_all=True, video_days=30, unused_days=60, failed_days=90)


def _finished(
    home: Project,
    owner: User,
    clips: Sequence[SpeakerClip],
    tracks: Sequence[AudioTrack],
    batch: RenderBatch,
    extent: Extent,
) -> list[RenderJob]:
    """Renders with their videos; the first ones are those of a batch."""
    now = timezone.now()
    ended = {"status": Status.SUCCEEDED, "fence": 1, "attempts": 1, "started_at": now, "finished_at": now, "progress": 1.0}

    def rows() -> Iterator[RenderJob]:
        for number in range(extent.videos):
            chosen = {"clip": clips[number % len(clips)], "track": tracks[(number + number // len(clips)) % len(tracks)]}
            whose = {"project": home, "created_by": owner, "batch": batch if number < extent.cells else None}
            yield RenderJob(id=uuid.UUID(int=number + 1), **chosen, **whose, **ended)

    jobs = RenderJob.objects.bulk_create(rows(), batch_size=AT_ONCE)
    picture = {"width": 1920, "height": 1080, "frame_rate": "25", "frames": 1500, "duration": 60.0, "sha256": "b" * 64}
    told = {"quality": {"sharpness": 0.9}, "timings": {"look": 3.0, "render": 30.0}}
    RenderOutput.objects.bulk_create(
        (
            RenderOutput(job=job, project=home, file=f"renders/{number}.mp4", size=9_000_000 + number, **picture, **told)
            for number, job in enumerate(jobs)
        ),
        batch_size=AT_ONCE,
    )
    for model in (RenderOutput, SpeakerClip, AudioTrack):
        model.objects.update(created_at=now - timedelta(days=DAYS_OLD))
    return jobs


def _live(
    home: Project,
    owner: User,
    clips: Sequence[SpeakerClip],
    tracks: Sequence[AudioTrack],
    batch: RenderBatch,
    people: Sequence[User],
    extent: Extent,
) -> list[RenderJob]:
    """A batch of which some run, some failed, a fifth is done and the rest waits, and what other people wait for."""
    now = timezone.now()
    running = {"status": Status.RUNNING, "fence": 1, "attempts": 1, "started_at": now, "lease_until": now + timedelta(days=1)}
    running |= {"stage": "render", "frames_total": 100, "frames_done": 40, "progress": 0.4}
    ended = {"fence": 1, "attempts": 1, "started_at": now, "finished_at": now}
    failed = {"status": Status.FAILED, "error_code": "no_face", "error_message": "No face was found.", **ended}
    done = {"status": Status.SUCCEEDED, "progress": 1.0, **ended}
    waiting = {"status": Status.QUEUED}

    def state(number: int) -> dict[str, object]:
        if number < 2:
            return running | {"claim": uuid.uuid4()}
        return {1: done, 3: failed}.get(number % 5, waiting) if number % 5 == 1 or number % 20 == 3 else waiting

    columns = min(COLUMNS, len(tracks))
    rows = [
        RenderJob(
            project=home,
            clip=clips[number // columns],
            track=tracks[number % columns],
            created_by=owner,
            batch=batch,
            **state(number),
        )
        for number in range(extent.cells)
    ]
    rows += [
        RenderJob(project=home, clip=clips[0], track=tracks[0], created_by=person, **waiting)
        for person in people
        for _ in range(20)
    ]
    live = RenderJob.objects.bulk_create(rows, batch_size=AT_ONCE)
    RenderOutput.objects.bulk_create(
        RenderOutput(
            job=job,
            project=home,
            file=f"renders/{job.pk}.mp4",
            size=9_000_000,
            width=1920,
            height=1080,
            frame_rate="25",
            frames=1500,
            duration=60.0,
            sha256="b" * 64,
            timings={"look": 3.0, "render": 30.0},
        )
        for job in live
        if job.status == Status.SUCCEEDED
    )
    Lane.objects.create(name="cpu-1", kind=Kind.CPU, node="here", pid=1, started_at=now, seen_at=now, since=now)
    return live


def _history(jobs: Sequence[RenderJob]) -> None:
    now = timezone.now()
    for job in jobs:
        ended = {} if job.status == Status.RUNNING else {"outcome": Outcome.SUCCEEDED, "ended_at": now}
        JobAttempt.objects.create(job=job, number=1, started_at=now, **ended)
        JobLogLine.objects.bulk_create(JobLogLine(job=job, text=f"line {number}") for number in range(20))


def _bin(clips: Sequence[SpeakerClip], tracks: Sequence[AudioTrack], jobs: Sequence[RenderJob], count: int) -> None:
    """The last ones are in the bin; the first one of everything is looked at."""
    for model, rows in ((SpeakerClip, clips), (AudioTrack, tracks), (RenderOutput, jobs)):
        if count:
            model.objects.filter(pk__in=[row.pk for row in rows[-count:]]).update(binned_at=timezone.now())
