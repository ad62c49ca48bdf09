"""Duix-Avatar's local interface, mapped onto renders: two names of files and a code go in, a render under that code comes out.

For scripts that were written for it. What a name means is decided here alone: a file of the shared folder (`DUIX_FOLDER`),
wherever its links lead not outside of it, or an address that `outbound` reaches.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from projects import access, accounts, consents, idempotency, jobs, library, objects, outbound, quotas, storage, uploads
from projects.errors import Missing, ProjectError, Refused
from projects.models import AudioTrack, IdempotencyKey, RenderJob, RenderOutput, SpeakerClip, Status, UploadKind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # part of a file's name
IN_THE_CONTAINER = "/code/data/temp/"  # how scripts may write the shared folder
FETCH_SECONDS = 300.0
RUNNING, DONE, FAILED = 1, 2, 3
STATES = {Status.SUCCEEDED: DONE, Status.FAILED: FAILED, Status.CANCELLED: FAILED}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a script asks for. lecturer: who is filmed, else called like the video's file; consent: this person has agreed"""

    code: str
    audio: str
    video: str
    lecturer: str = ""
    consent: bool = False

    @property
    def words(self) -> Mapping[str, object]:
        """What the same code may be asked for with."""
        return {"duix": self.code, "audio": self.audio, "video": self.video}


def submit(*, user: User, asked: Asked) -> RenderJob:
    """Take both files in and queue the render; the same code with the same files gives the render that it has.

    Raises ProjectError `code_invalid`, `path_refused`, `file_missing`, `idempotency_mismatch`, as `outbound.fetch`, and as
    taking files in and queueing do.
    """
    if not CODE.fullmatch(asked.code):
        raise Refused("code_invalid", _("The code is up to 100 letters, digits, dots, dashes and underscores."), field="code")
    known = _known(user, asked.code)
    if known is not None and known.digest == idempotency.digest(asked.words) and known.job is not None:
        return known.job
    project = accounts.first_project(user)
    with _brought(asked.audio, UploadKind.TRACK) as stored:
        quotas.check_file(project, stored.size)
        track: AudioTrack = uploads.take_track(project=project, stored=stored)
    with _brought(asked.video, UploadKind.CLIP) as stored:
        quotas.check_file(project, stored.size)
        name = asked.lecturer or PurePosixPath(stored.name).stem or _("Unnamed lecturer")
        speaker = library.find_or_add_speaker(project=project, name=name)
        clip: SpeakerClip = uploads.take_clip(project=project, speaker=speaker, stored=stored)
    if asked.consent:
        consents.state(speaker=clip.speaker, by=user)
    job, _replayed = idempotency.once(
        user=user,
        key=_key(asked.code),
        asked=asked.words,
        make=lambda: jobs.submit(project=project, clip=clip, track=track, created_by=user),
    )
    return job


def find(*, user: User, code: str) -> RenderJob:
    """The render of this code, for a day after it was asked for, while the person may see it. Raises ProjectError
    `task_missing`."""
    known = _known(user, code) if CODE.fullmatch(code) else None
    job = access.jobs_of(user).filter(pk=known.job_id).first() if known and known.job_id else None
    if job is None:
        raise Missing("task_missing", _("There is no task of this code. Codes are remembered for a day."))
    return job


def state(job: RenderJob) -> int:
    """Where it stands, in the other interface's numbers."""
    return STATES.get(Status(job.status), RUNNING)


def deliver(output: RenderOutput, code: str) -> str:
    """Put a finished video into the shared folder, once. Returns its name there, with a slash in front; empty without a folder.

    Raises ProjectError `no_space`, `not_writable`, as `objects.local`.
    """
    if not settings.DUIX_FOLDER:
        return ""
    for name in (f"{code}-r.mp4", f"{code}-{output.pk}-r.mp4"):  # the second where somebody else's task has the code
        place = settings.DUIX_FOLDER / name
        if place.is_file() and uploads.weighed(place, name).sha256 == output.sha256:
            return f"/{name}"
        if not place.exists():
            break
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
    try:
        with objects.local(str(output.file), output.sha256) as source:
            shutil.copyfile(source, part)
        part.replace(place)
    except OSError as error:
        raise storage.fault(error) from error
    finally:
        part.unlink(missing_ok=True)
    return f"/{place.name}"


@contextmanager
def _brought(word: str, kind: UploadKind) -> Iterator[uploads.StoredFile]:
    """A copy of what a word means, gone when the block ends: the library links to files, and others write in the folder."""
    part = storage.folder(f"{storage.SCRATCH}/uploads") / f"{uuid.uuid4()}.part"
    most = uploads.limit_of(kind)
    try:
        if urlsplit(word).scheme in ("http", "https"):
            name = PurePosixPath(unquote(urlsplit(word).path)).name
            uploads.require_promising(kind=kind, name=name, size=1)
            outbound.fetch(word, part, most=most, seconds=FETCH_SECONDS)
        else:
            source = _in_the_folder(word)
            name = source.name
            uploads.require_promising(kind=kind, name=name, size=source.stat().st_size)
            shutil.copyfile(source, part)
        yield uploads.weighed(part, name)
    except OSError as error:
        raise storage.fault(error) from error
    finally:
        part.unlink(missing_ok=True)


def _in_the_folder(word: str) -> Path:
    """The file of the shared folder that a word names. Raises ProjectError `path_refused`, `file_missing`."""
    root: Path | None = settings.DUIX_FOLDER
    if root is None:
        raise Refused("path_refused", _("This installation shares no folder. Give an address that begins with https."))
    root = root.resolve()
    try:
        path = (root / word.removeprefix(IN_THE_CONTAINER)).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a zero byte
        raise Refused("path_refused", _("Name a file of the shared folder, or an address that begins with https.")) from error
    if not path.is_relative_to(root):
        raise Refused("path_refused", _("Name a file of the shared folder, or an address that begins with https."))
    if not path.is_file():
        raise Missing("file_missing", _("There is no file {name} in the shared folder.").format(name=word))
    return path


def _known(user: User, code: str) -> IdempotencyKey | None:
    rows = IdempotencyKey.objects.select_related("job__clip", "job__track").filter(user=user, key=_key(code))
    return rows.first()


def _key(code: str) -> str:
    return f"duix:{code}"


def answer_code(error: ProjectError) -> int:
    """What a refusal is called there: 10001 busy, 10002 not as asked, 10004 no such task."""
    if error.code == "task_missing":
        return 10004
    return 10001 if error.status >= 500 else 10002
