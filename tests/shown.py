"""Three people whose pages show everything there is to show: one has nothing, one a day's work, one too much of everything.

What pages look like is judged on them: `make screenshots`, and the tests of every page. Rows and files are as the verbs leave
them; nothing was rendered.
"""

from __future__ import annotations

import itertools
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from projects import accounts, memberships, storage, waveforms
from projects.models import (
    AudioTrack,
    Consent,
    ErrorClass,
    JobAttempt,
    JobLogLine,
    Kind,
    Lane,
    Outcome,
    Preview,
    Project,
    QuotaPlan,
    RenderBatch,
    RenderJob,
    RenderOutput,
    RenderOverview,
    RetentionPolicy,
    Speaker,
    SpeakerClip,
    Status,
    Upload,
    UploadKind,
    WebhookEndpoint,
)
from tests import making

PASSWORD = "correct horse battery"
LONG = "Prof. Dr. Dr. h. c. Wolfgang-Amadeus von Hohenlohe-Langenburg"[:60]
UNBROKEN = "Einführungsveranstaltung_Elektrotechnik_Wintersemester_2026_endgültig_v7"
ARABIC = "محاضرة الفيزياء الثالثة عن الديناميكا الحرارية"
CHINESE = "线性代数导论第三讲：特征值与特征向量的几何意义"
NO_FACE = "No face was found in the clip. Film one person, face to the camera, larger in the picture."
TURNED = "The face is turned too far to the side in places, where the clip passes unchanged. Film with the face to the camera."
FAULT = {"error_class": ErrorClass.INPUT, "error_code": "no_face", "error_message": NO_FACE}
FINDINGS = (
    {"code": "turned", "sentence": TURNED, "at": 4.2},
    {
        "code": "short",
        "sentence": "Only 6 s are there to borrow mouths from. Film 30 seconds of natural speech or more.",
        "at": None,
    },
)


@dataclass(frozen=True, slots=True)
class Media:
    """Small files that stand for all. film plays and has a face; strip: its preflight pictures"""

    film: Path
    still: Path
    strip: Path
    voice: Path
    film_seconds: float
    voice_seconds: float
    overview: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A person, and the addresses of their pages by name; those that somebody signed out sees are of nobody."""

    name: str
    user: User | None
    pages: dict[str, str]


class Maker:
    """Makes the rows and files of one person's project."""

    def __init__(self, owner: User, media: Media) -> None:
        self.owner, self.media = owner, media
        self.home = accounts.first_project(owner)
        self.numbers = itertools.count()

    def speaker(self, name: str, *, consent: str = "valid", tags: Sequence[str] = (), home: Project | None = None) -> Speaker:
        """A lecturer with a consent in this state, as `consents.standing` calls it."""
        row = Speaker.objects.create(project=home or self.home, name=name, tags=list(tags))
        today = timezone.localdate()
        ends = {"valid": None, "soon": today + timedelta(days=9), "expired": today - timedelta(days=3), "withdrawn": None}
        if consent != "missing":
            given = {"given_by": name, "scope": "Videos of this course in any language", "given_on": today - timedelta(days=90)}
            gone = timezone.now() if consent == "withdrawn" else None
            Consent.objects.create(speaker=row, expires_on=ends[consent], withdrawn_at=gone, recorded_by=self.owner, **given)
        return row

    def clip(self, speaker: Speaker, title: str, verdict: str = "ready", **fields: Any) -> SpeakerClip:
        """A take with its pictures. verdict: of its preflight card; `waiting` while nobody has looked, empty for none"""
        row = SpeakerClip(speaker=speaker, title=title, sha256=f"{uuid.uuid4().hex * 2}", codec="h264", has_sound=True)
        row.width, row.height, row.frame_rate, row.frames, row.size = 1920, 1080, "25", 750, 52_400_000
        row.duration = self.media.film_seconds
        row.file.name, row.still.name = f"{storage.CLIPS}/{row.pk}.mp4", f"{storage.CLIPS}/{row.pk}.jpg"
        self._lay(self.media.film, str(row.file))
        self._lay(self.media.still, str(row.still))
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
        if verdict == "waiting":
            Preview.objects.create(clip=row, kind="strip")
        elif verdict:
            card = {"verdict": verdict, "findings": list(FINDINGS)}
            name = f"{storage.PREVIEWS}/{row.pk}.jpg"
            self._lay(self.media.strip, name)
            Preview.objects.create(clip=row, kind="strip", state="done", file=name, size=90_000, card=card)
        return row

    def track(self, title: str, language: str = "", **fields: Any) -> AudioTrack:
        """A voice."""
        row = AudioTrack(project=self.home, title=title, sha256=uuid.uuid4().hex * 2, codec="aac", sample_rate=48_000)
        row.file.name, row.size, row.duration = f"{storage.TRACKS}/{row.pk}.wav", 1_900_000, self.media.voice_seconds
        self._lay(self.media.voice, str(row.file))
        row.language = language
        row.peaks = waveforms.of_new(self.media.voice, row.duration)
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
        return row

    def job(self, clip: SpeakerClip, track: AudioTrack, status: Status, **fields: Any) -> RenderJob:
        """A render in this state, with what belongs to it."""
        now = timezone.now()
        started = {"started_at": now - timedelta(seconds=70), "fence": 1, "attempts": 1}
        ended = started | {"finished_at": now - timedelta(seconds=next(self.numbers))}
        why = {"error_family": "input", "error_code": "no_face", "error_message": NO_FACE, "error_at": 3.2}
        running = {"claim": uuid.uuid4(), "lease_until": now + timedelta(days=1), "stage": "render", "progress": 0.6}
        states: dict[Status, dict[str, Any]] = {
            Status.QUEUED: {},
            Status.RUNNING: started | running | {"frames_done": 250, "frames_total": 1000, "seconds_left": 175.0},
            Status.SUCCEEDED: ended | {"frames_done": 300, "frames_total": 300, "progress": 1.0},
            Status.FAILED: ended | why,
            Status.CANCELLED: {"finished_at": now, "cancel_requested": True},
        }
        whose = {"project": self.home, "created_by": self.owner, "clip": clip, "track": track}
        row = RenderJob.objects.create(status=status, **whose, **states[status] | fields)
        if status in (Status.SUCCEEDED, Status.FAILED):
            outcome = Outcome.SUCCEEDED if status == Status.SUCCEEDED else Outcome.FAILED
            told = {"outcome": outcome} | ({} if status == Status.SUCCEEDED else FAULT)
            JobAttempt.objects.create(job=row, number=1, started_at=row.started_at, ended_at=now, **told)
            lines = ("claimed by cpu-1", "looked at the clip in 12.1 s", "rendered 300 frames in 40.2 s")
            JobLogLine.objects.bulk_create(JobLogLine(job=row, text=line) for line in lines)
        if status == Status.SUCCEEDED:
            self._output(row)
        return row

    def batch(self, name: str, cells: Sequence[tuple[SpeakerClip, AudioTrack, Status]]) -> RenderBatch:
        """Renders that belong together."""
        row = RenderBatch.objects.create(project=self.home, created_by=self.owner, name=name, name_pattern="{speaker}_{clip}")
        for clip, track, status in cells:
            self.job(clip, track, status, batch=row)
        return row

    def upload(self, name: str, kind: UploadKind, **fields: Any) -> Upload:
        """A file of which a part has arrived."""
        facts = {
            "size": 734_000_000,
            "offset": 210_000_000,
            "fingerprint": name,
            "expires_at": timezone.now() + timedelta(days=2),
        }
        return Upload.objects.create(owner=self.owner, project=self.home, kind=kind, name=name, **facts | fields)

    def webhook(self, url: str) -> WebhookEndpoint:
        """An endpoint with one message in each state."""
        row = WebhookEndpoint.objects.create(owner=self.owner, url=url, reached_at=timezone.now())
        ended = {"ended_at": timezone.now(), "attempts": 1, "seconds": 0.2}
        states = {"waiting": {}, "delivered": ended | {"status": 200}, "failed": ended | {"status": 500, "error": "says_no"}}
        for state, facts in states.items():
            row.deliveries.create(kind="job.finished", body="{}", state=state, **facts)
        return row

    def _output(self, job: RenderJob) -> None:
        name = f"{storage.RENDERS}/{job.pk}.1.mp4"
        self._lay(self.media.film, name)
        picture = {"width": 1920, "height": 1080, "frame_rate": "25", "frames": 300, "duration": self.media.film_seconds}
        told = {"quality": {"aperture_followed": 0.9, "sharpness": 0.5, "width_followed": 0.2}, "timings": {"render": 40.2}}
        notices = [TURNED]
        output = RenderOutput(
            job=job, project=job.project, file=name, size=9_400_000, sha256="b" * 64, notices=notices, **picture
        )
        output.quality, output.timings = told["quality"], told["timings"]
        output.save()
        RenderOverview.objects.create(output=output, packed=RenderOverview.pack(self.media.overview))

    def _lay(self, source: Path, name: str) -> None:
        folder = storage.folder(name.partition("/")[0])
        shutil.copy(source, folder / Path(name).name)


def fill(media: Media) -> list[Shown]:
    """Make the three, in this order: empty, usual, overfull; and what staff see, and somebody who is not signed in."""
    _around()
    empty, usual, full = (accounts.create_user(username=name, password=PASSWORD) for name in ("emma", "nora", "olga"))
    shown = [Shown("empty", empty, _pages_of_home(accounts.first_project(empty)))]
    shown.append(Shown("usual", usual, _usual(Maker(usual, media))))
    shown.append(Shown("full", full, _full(Maker(full, media))))
    join = memberships.invite(project=accounts.first_project(usual), role="editor", by=usual)[1]
    doors = {"sign-in": "/sign-in/", "forgotten": "/password/", "used-link": "/password/MQ/a-b/", "join": f"/join/{join}/"}
    ada = accounts.create_user(username="ada", password=PASSWORD, administrator=True)
    shown.append(Shown("staff", ada, {"styleguide": "/styleguide/"}))
    return [*shown, Shown("nobody", None, {**doors, "join-closed": "/join/no/", "set-up-closed": "/setup/no/"})]


def _around() -> None:
    """What all of them share: a lane, a plan, rules."""
    now = timezone.now()
    seen = now + timedelta(days=1)  # nobody speaks for it while it is looked at
    Lane.objects.create(name="cpu-1", kind=Kind.CPU, node="here", pid=1, started_at=now, seen_at=seen, since=now)
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=20 * 10**9, minutes_per_month=600)
    RetentionPolicy.objects.create(for_all=True, video_days=30, unused_days=60)


def _pages_of_home(home: Project) -> dict[str, str]:
    """The pages that everybody has, and those of a project."""
    at = f"/projects/{home.pk}/"
    return {
        "quick": "/",
        "queue": "/queue/",
        "projects": "/projects/",
        "storage": "/storage/",
        "account": "/account/",
        "lecturers": at,
        "voices": f"{at}voices/",
        "renders": f"{at}renders/",
        "members": f"{at}members/",
        "voices-found": f"{at}voices/?q=lesson&sort=name",
        "clips-found": f"{at}?q=a&verdict=warnings",
        "renders-found": f"{at}renders/?status=succeeded",
        "nothing-found": f"{at}voices/?q=xyzzy",
        "batches": f"{at}batches/",
        "batch-new": f"{at}batches/new/",
    }


def _usual(make: Maker) -> dict[str, str]:
    """A day's work: some lecturers, every state of a render, a batch that runs and one that is done."""
    Project.objects.filter(pk=make.home.pk).update(name="Physics 1")
    ada = make.speaker("Ada Lovelace", tags=["physics", "guest"])
    li = make.speaker("李薇", consent="soon", tags=["physics"])
    takes = [make.clip(ada, "Lecture 1"), make.clip(ada, "Lecture 2", "warnings"), make.clip(li, "第三讲", "waiting")]
    marta = make.speaker("Marta Kowalska", consent="missing")
    takes.append(make.clip(marta, "Seminar", "refused"))
    voices = [make.track("Lesson 1, German", "de"), make.track("第一课", "zh"), make.track("Lesson 1", "en")]
    make.track("Recorded with the microphone off", peaks=bytes(120))
    make.track("Recorded from far away", "en", peaks=bytes([0, 3, 5, 4] * 30))
    make.track("From before voices were drawn", peaks=None)
    jobs = {status: make.job(takes[0], voices[0], status) for status in Status}
    running = make.batch("Course in German", [(take, voice, Status.QUEUED) for take in takes[:2] for voice in voices])
    done = make.batch("Course in Chinese", _mixed(takes[:2], voices))
    draft = make.job(takes[0], voices[2], Status.SUCCEEDED, excerpt=5.0, preset="draft")
    hook = make.webhook("https://courses.example.com/heygem/hook")
    make.upload("lecture 4.mp4", UploadKind.CLIP)
    make.upload("lesson 4.wav", UploadKind.TRACK, size=9_000_000, offset=1_000_000)
    making.member(make.home, "vera", "viewer")
    memberships.invite(project=make.home, role="viewer", by=make.owner)
    _age(make, binned=[takes[-1]])
    return {
        **_pages_of_home(make.home),
        "quick-picked": f"/?clip={takes[0].pk}&track={voices[0].pk}",
        "lecturer": f"/lecturers/{ada.pk}/",
        "lecturer-empty": f"/lecturers/{marta.pk}/",
        **{f"job-{status}": f"/jobs/{job.pk}/" for status, job in jobs.items()},
        "job-draft": f"/jobs/{draft.pk}/",
        "webhooks": "/webhooks/",
        "webhook": f"/webhooks/{hook.pk}/",
        "api-docs": "/docs/api/",
        "batch-running": f"/batches/{running.pk}/",
        "batch-done": f"/batches/{done.pk}/",
        "missing": "/nowhere/",
    }


def _full(make: Maker) -> dict[str, str]:
    """Too much of everything: long and foreign names, many of each, everything failed, no room left."""
    User.objects.filter(pk=make.owner.pk).update(first_name=LONG, email="olga@example.com")
    Project.objects.filter(pk=make.home.pk).update(name=f"{UNBROKEN} {LONG}"[:100])
    for number in range(14):
        Project.objects.create(owner=make.owner, name=f"{LONG} {number}")
    names = (LONG, UNBROKEN[:60], ARABIC, CHINESE)
    states = ("valid", "soon", "expired", "withdrawn")
    tags = ["mathematics", "physics", ARABIC[:20], CHINESE[:12], "a tag that is rather long for a tag"]
    people = [make.speaker(name, consent=state, tags=tags) for name, state in zip(names, states, strict=True)]
    titles = (UNBROKEN, f"{ARABIC}.mp4", f"{CHINESE}.mov", LONG)
    verdicts = ("refused", "warnings", "ready", "waiting")
    takes = [make.clip(people[number % 4], titles[number % 4], verdicts[number % 4]) for number in range(16)]
    voices = [make.track(titles[number % 4], ("ar", "zh", "de", "")[number % 4]) for number in range(12)]
    failed = [make.job(take, voices[0], Status.FAILED) for take in takes]
    done = make.job(takes[0], voices[1], Status.SUCCEEDED)
    cells = [(take, voice, Status.FAILED) for take in takes[:10] for voice in voices]
    batch = make.batch(f"{LONG}: {UNBROKEN}", cells)
    for number in range(6):
        make.upload(f"{titles[number % 4]}.mp4", UploadKind.CLIP)
    for number in range(5):
        making.member(make.home, f"{UNBROKEN[:40]}{number}", "editor")
    QuotaPlan.objects.create(name="Tiny", bytes_per_person=900_000_000).people.create(user=make.owner)
    _age(make, binned=takes[-3:])
    return {
        **_pages_of_home(make.home),
        "lecturer": f"/lecturers/{people[0].pk}/",
        "job-failed": f"/jobs/{failed[0].pk}/",
        "job-succeeded": f"/jobs/{done.pk}/",
        "batch-failed": f"/batches/{batch.pk}/",
    }


def _mixed(takes: Sequence[SpeakerClip], voices: Sequence[AudioTrack]) -> list[tuple[SpeakerClip, AudioTrack, Status]]:
    cells = list(itertools.product(takes, voices))
    return [(*cell, Status.FAILED if number == 1 else Status.SUCCEEDED) for number, cell in enumerate(cells)]


def _age(make: Maker, *, binned: Sequence[SpeakerClip]) -> None:
    """Some of it goes by itself soon, and some lies in the bin."""
    old = timezone.now() - timedelta(days=25)
    RenderOutput.objects.filter(project=make.home).update(created_at=old)
    SpeakerClip.objects.filter(pk__in=[clip.pk for clip in binned]).update(binned_at=timezone.now(), binned_by=make.owner)
