"""Files coming in: an upload goes in; a probed file under its own id with its row, or a refusal, comes out."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, TypeVar

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lipsync.errors import LipsyncError, UnusableInput
from lipsync.media import probe_clip, probe_voice, save_still
from projects import audit, library, quotas, sentences, storage
from projects.errors import NoRoom, ProjectError, Refused, TooLarge, Unavailable
from projects.models import AudioTrack, Project, Speaker, SpeakerClip
from projects.models.library import LANGUAGE_LENGTH, TITLE_LENGTH

CLIP_ENDINGS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg"})
TRACK_ENDINGS = frozenset({".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma", ".aiff"}) | CLIP_ENDINGS
Row = TypeVar("Row", SpeakerClip, AudioTrack)

STILL_AT = 0.25  # of the clip's duration: past the first blink, before the end


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that has arrived whole. sha256: hexadecimal"""

    path: Path
    size: int
    sha256: str


def add_clip(*, project: Project, speaker: Speaker | str, uploaded_file: File[bytes], title: str = "") -> SpeakerClip:
    """Take in a filmed take, or give back the clip of the project that has these bytes already.

    speaker: a lecturer, or a name: who has it is found, or made once the file is accepted; empty when not stated
    Raises ProjectError with the engine's code when the file is not usable, `too_large`, `no_space`, `quota_bytes`,
    `wrong_project`.
    """
    if isinstance(speaker, Speaker) and speaker.project_id != project.pk:
        raise Refused("wrong_project", _("This lecturer belongs to another project."), field="speaker")
    clip_id = uuid.uuid4()
    name = f"{storage.CLIPS}/{clip_id}{_ending(uploaded_file, CLIP_ENDINGS, '.mp4')}"
    still_name = f"{storage.CLIPS}/{clip_id}.jpg"
    still = Path(settings.MEDIA_ROOT) / still_name
    quotas.check_file(project, uploaded_file.size or 0)
    with _arriving(uploaded_file, name, settings.LARGEST_CLIP_BYTES, [still]) as stored:
        known = _whole(SpeakerClip.objects.filter(**_whose(project, speaker), sha256=stored.sha256, size=stored.size))
        if known is not None:
            return known
        facts = probe_clip(stored.path)
        save_still(stored.path, facts.duration * STILL_AT, still)
        _give_final_name(stored.path, name)
        with transaction.atomic():
            quotas.admit_file(project, stored.size)
            if not isinstance(speaker, Speaker):
                speaker = library.find_or_add_speaker(project=project, name=speaker or _("Unnamed lecturer"))
            clip = SpeakerClip.objects.create(
                id=clip_id,
                speaker=speaker,
                title=_title(title, uploaded_file),
                file=name,
                still=still_name,
                sha256=stored.sha256,
                size=stored.size,
                width=facts.width,
                height=facts.height,
                frame_rate=str(facts.frame_rate),
                frames=facts.frames,
                duration=facts.duration,
                codec=facts.codec,
                has_sound=facts.has_sound,
            )
            audit.record("clip.added", clip)
            return clip


def add_track(*, project: Project, uploaded_file: File[bytes], title: str = "", language: str = "") -> AudioTrack:
    """Take in a voice: a sound file, or a video whose sound is wanted. Bytes the project has, and raises: as add_clip."""
    track_id = uuid.uuid4()
    name = f"{storage.TRACKS}/{track_id}{_ending(uploaded_file, TRACK_ENDINGS, '.bin')}"
    quotas.check_file(project, uploaded_file.size or 0)
    with _arriving(uploaded_file, name, settings.LARGEST_TRACK_BYTES, []) as stored:
        stated = {"language": language[:LANGUAGE_LENGTH]} if language else {}
        known = _whole(AudioTrack.objects.filter(project=project, sha256=stored.sha256, size=stored.size, **stated))
        if known is not None:
            return known
        facts = probe_voice(stored.path)
        _give_final_name(stored.path, name)
        with transaction.atomic():
            quotas.admit_file(project, stored.size)
            track = AudioTrack.objects.create(
                id=track_id,
                project=project,
                title=_title(title, uploaded_file),
                language=language[:LANGUAGE_LENGTH],
                file=name,
                sha256=stored.sha256,
                size=stored.size,
                duration=facts.duration,
                sample_rate=facts.sample_rate,
                codec=facts.codec,
            )
            audit.record("track.added", track)
            return track


def _whose(project: Project, speaker: Speaker | str) -> dict[str, Any]:
    """Which clips count as the same when the bytes are: of another lecturer only if none was stated."""
    if isinstance(speaker, Speaker):
        return {"speaker": speaker}
    named = {"speaker__name": library.speaker_name(speaker)} if speaker else {}
    return {"speaker__project": project, **named}


def _whole(rows: QuerySet[Row]) -> Row | None:
    """The oldest row whose file is there. Two uploads at the same moment may both be kept: a second copy does no harm."""
    return next((row for row in rows.filter(binned_at__isnull=True).order_by("created_at") if row.path.is_file()), None)


@contextmanager
def _arriving(uploaded_file: File[bytes], name: str, limit: int, companions: list[Path]) -> Iterator[StoredFile]:
    """Receive a file beside its final name. If the block fails: remove every trace, translate the engine's errors."""
    final = Path(settings.MEDIA_ROOT) / name
    part = final.with_name(final.name + ".part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield _receive(uploaded_file, part, limit)
        part.unlink(missing_ok=True)  # not wanted: the project has these bytes
    except BaseException as error:
        for path in (part, final, *companions, *(c.with_name(c.name + ".part") for c in companions)):
            with suppress(OSError):  # the first error is the one to tell; the sweep removes what stays
                path.unlink(missing_ok=True)
        if isinstance(error, LipsyncError | OSError):
            raise _translated(error) from error
        raise


def _translated(error: LipsyncError | OSError) -> ProjectError:
    if isinstance(error, UnusableInput):
        return Refused(error.code, sentences.shown(error.message), field="file", at=error.at)
    if isinstance(error, LipsyncError):
        kind = NoRoom if error.code == "no_space" else Unavailable
        return kind(error.code, sentences.shown(error.message))
    return storage.fault(error)


def _receive(uploaded_file: File[bytes], part: Path, limit: int) -> StoredFile:
    """Write the bytes to `part`, counting and hashing on the way."""
    storage.require_room(uploaded_file.size or 0)
    digest = hashlib.sha256()
    size = 0
    with part.open("xb") as file:
        for chunk in uploaded_file.chunks():
            size += len(chunk)
            if size > limit:
                text = _("The file is larger than {limit} MB. Cut it or export it smaller, then try again.")
                raise TooLarge("too_large", text.format(limit=limit // 2**20), field="file")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if size == 0:
        raise Refused("empty_file", _("The file is empty. Choose another one."), field="file")
    return StoredFile(path=part, size=size, sha256=digest.hexdigest())


def _give_final_name(part: Path, name: str) -> None:
    final = Path(settings.MEDIA_ROOT) / name
    part.replace(final)
    storage.settle_folder(final.parent)


def _ending(uploaded_file: File[bytes], known: frozenset[str], otherwise: str) -> str:
    ending = PurePath(uploaded_file.name or "").suffix.lower()
    return ending if ending in known else otherwise


def _title(title: str, uploaded_file: File[bytes]) -> str:
    """The title given, else the user's name for the file; a name is text here, never a path."""
    return (library.plain(title) or library.plain(PurePath(uploaded_file.name or "").stem) or _("Untitled"))[:TITLE_LENGTH]
