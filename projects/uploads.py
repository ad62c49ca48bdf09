"""Files coming in: a file goes in; a probed file under its own id with its row, or a refusal, comes out.

`add_*` take what a form sent, `take_*` what lies on the disk already (projects/resumable.py).
"""

from __future__ import annotations

import errno
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
from projects import audit, events, library, objects, previews, quotas, sentences, storage, waveforms
from projects.errors import NoRoom, ProjectError, Refused, TooLarge, Unavailable
from projects.models import AudioTrack, Project, Speaker, SpeakerClip, UploadKind
from projects.models.library import LANGUAGE_LENGTH, TITLE_LENGTH

CLIP_ENDINGS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg"})
TRACK_ENDINGS = frozenset({".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma", ".aiff"}) | CLIP_ENDINGS
# Other names of the same formats: taken in, and kept under a usual one.
MORE_CLIP_ENDINGS = CLIP_ENDINGS | {".mpeg", ".mts", ".m2ts", ".3gp", ".qt"}
MORE_TRACK_ENDINGS = MORE_CLIP_ENDINGS | TRACK_ENDINGS | {".wave", ".aif", ".mka", ".oga", ".weba", ".caf", ".w64"}
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK})
Row = TypeVar("Row", SpeakerClip, AudioTrack)

STILL_AT = 0.25  # of the clip's duration: past the first blink, before the end


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that has arrived whole. name: what its owner calls it, text and never a path; sha256: hexadecimal"""

    path: Path
    name: str
    size: int
    sha256: str


def add_clip(*, project: Project, speaker: Speaker | str, uploaded_file: File[bytes], title: str = "") -> SpeakerClip:
    """Take in a filmed take, or give back the clip of the project that has these bytes already. Raises as take_clip."""
    _require_same(project, speaker)
    quotas.check_file(project, uploaded_file.size or 0)
    with _received(uploaded_file, storage.CLIPS, settings.LARGEST_CLIP_BYTES) as stored:
        return take_clip(project=project, speaker=speaker, stored=stored, title=title)


def add_track(*, project: Project, uploaded_file: File[bytes], title: str = "", language: str = "") -> AudioTrack:
    """Take in a voice: a sound file, or a video whose sound is wanted. Bytes the project has, and raises: as add_clip."""
    quotas.check_file(project, uploaded_file.size or 0)
    with _received(uploaded_file, storage.TRACKS, settings.LARGEST_TRACK_BYTES) as stored:
        return take_track(project=project, stored=stored, title=title, language=language)


def take_clip(
    *,
    project: Project,
    speaker: Speaker | str,
    stored: StoredFile,
    title: str = "",
    unnamed: str = "",
    is_reserved: bool = False,
) -> SpeakerClip:
    """Make a clip of a file in the data folder, or give back the clip of the project that has these bytes already.

    The clip gets a name of its own for the same bytes, nothing is copied; the caller then removes the file. After a
    refusal it lies where it lay, alone; with a bucket the clip is in it before its row is there.
    speaker: a lecturer, or a name: who has it is found, or made once the file is accepted; empty when not stated, then
    a new one is called `unnamed`; is_reserved: a quota was asked before, and the bytes are counted already
    Raises ProjectError with the engine's code when the file is not usable, `too_large`, `no_space`, `quota_bytes`,
    `wrong_project`, `storage_unavailable`.
    """
    _require_same(project, speaker)
    clip_id = uuid.uuid4()
    name = f"{storage.CLIPS}/{clip_id}{_ending(stored.name, CLIP_ENDINGS, '.mp4')}"
    still_name = f"{storage.CLIPS}/{clip_id}.jpg"
    still = Path(settings.MEDIA_ROOT) / still_name
    with _settling(stored, name, still):
        known = _whole(SpeakerClip.objects.filter(**_whose(project, speaker), sha256=stored.sha256, size=stored.size))
        if known is not None:
            return known
        facts = probe_clip(stored.path)
        save_still(stored.path, facts.duration * STILL_AT, still)
        storage.share(still)
        _give_final_name(stored.path, name)
        with objects.kept(still_name), objects.kept(name, stored.sha256), transaction.atomic():
            if not is_reserved:
                quotas.admit_file(project, stored.size)
            if not isinstance(speaker, Speaker):
                speaker = library.find_or_add_speaker(project=project, name=speaker or unnamed or _("Unnamed lecturer"))
            clip = SpeakerClip.objects.create(
                id=clip_id,
                speaker=speaker,
                title=title_for(title, stored.name),
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
            previews.ask_for(clip)
            events.taken_in(clip)
            return clip


def take_track(
    *, project: Project, stored: StoredFile, title: str = "", language: str = "", is_reserved: bool = False
) -> AudioTrack:
    """Make a voice of a file in the data folder. Bytes the project has, what becomes of the file, and raises: as take_clip."""
    track_id = uuid.uuid4()
    name = f"{storage.TRACKS}/{track_id}{_ending(stored.name, TRACK_ENDINGS, '.bin')}"
    with _settling(stored, name):
        stated = {"language": language[:LANGUAGE_LENGTH]} if language else {}
        known = _whole(AudioTrack.objects.filter(project=project, sha256=stored.sha256, size=stored.size, **stated))
        if known is not None:
            return known
        facts = probe_voice(stored.path)
        peaks = waveforms.of_new(stored.path, facts.duration)
        _give_final_name(stored.path, name)
        with objects.kept(name, stored.sha256), transaction.atomic():
            if not is_reserved:
                quotas.admit_file(project, stored.size)
            track = AudioTrack.objects.create(
                id=track_id,
                project=project,
                title=title_for(title, stored.name),
                language=language[:LANGUAGE_LENGTH],
                file=name,
                sha256=stored.sha256,
                size=stored.size,
                duration=facts.duration,
                sample_rate=facts.sample_rate,
                codec=facts.codec,
                peaks=peaks,
            )
            audit.record("track.added", track)
            events.taken_in(track)
            return track


def limit_of(kind: UploadKind) -> int:
    """The most bytes that a file of this kind may have."""
    largest: int = settings.LARGEST_CLIP_BYTES if kind == UploadKind.CLIP else settings.LARGEST_TRACK_BYTES
    return largest


def require_promising(*, kind: UploadKind, name: str, size: int) -> None:
    """What can be said of a file before a byte of it has come: its name's ending, its size, room for it.

    A name without an ending says nothing, and is left to the probe.
    Raises ProjectError `not_a_video`, `not_a_sound`, `empty_file`, `too_large`, `no_space`.
    """
    ending = PurePath(name).suffix.lower()
    if kind == UploadKind.CLIP and ending and ending not in MORE_CLIP_ENDINGS:
        text = _("The clip is not a video that can be read. Export it as mp4, mov, mkv, webm, avi or mpg.")
        raise Refused("not_a_video", text, field="file")
    if kind == UploadKind.TRACK and ending and ending not in MORE_TRACK_ENDINGS:
        text = _("The voice is not a sound that can be read. Export it as wav, mp3, m4a, flac or ogg.")
        raise Refused("not_a_sound", text, field="file")
    if size <= 0:
        raise _empty()
    if size > limit_of(kind):
        raise _too_large(limit_of(kind))
    storage.require_room(size)


def weighed(path: Path, name: str) -> StoredFile:
    """A file that lies on the disk whole, read once for its digest. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return StoredFile(path=path, name=name, size=os.fstat(file.fileno()).st_size, sha256=digest)


def title_for(title: str, name: str) -> str:
    """The title given, else the user's name for the file; a name is text here, never a path."""
    return (library.plain(title) or library.plain(PurePath(name).stem) or _("Untitled"))[:TITLE_LENGTH]


def _require_same(project: Project, speaker: Speaker | str) -> None:
    if isinstance(speaker, Speaker) and speaker.project_id != project.pk:
        raise Refused("wrong_project", _("This lecturer belongs to another project."), field="speaker")


def _whose(project: Project, speaker: Speaker | str) -> dict[str, Any]:
    """Which clips count as the same when the bytes are: of another lecturer only if none was stated."""
    if isinstance(speaker, Speaker):
        return {"speaker": speaker}
    named = {"speaker__name": library.speaker_name(speaker)} if speaker else {}
    return {"speaker__project": project, **named}


def _whole(rows: QuerySet[Row]) -> Row | None:
    """The oldest row whose file is there. Two uploads at the same moment may both be kept: a second copy does no harm."""
    return next(
        (row for row in rows.filter(binned_at__isnull=True).order_by("created_at") if objects.exists(str(row.file))), None
    )


@contextmanager
def _received(uploaded_file: File[bytes], kind: str, limit: int) -> Iterator[StoredFile]:
    """Receive a file into the folder of its kind. When the block ends, only what it gave another name is left of it."""
    with _in_our_words():
        part = storage.folder(kind) / f"{uuid.uuid4()}.part"
        try:
            yield _receive(uploaded_file, part, limit)
        finally:
            with suppress(OSError):  # the first error is the one to tell; the sweep removes what stays
                part.unlink(missing_ok=True)


@contextmanager
def _settling(stored: StoredFile, name: str, *companions: Path) -> Iterator[None]:
    """If the block fails: the file lies where it lay, without a trace beside it."""
    final = Path(settings.MEDIA_ROOT) / name
    try:
        with _in_our_words():
            final.parent.mkdir(parents=True, exist_ok=True)
            yield
    except BaseException:
        with suppress(OSError):
            if final.exists() and not stored.path.exists():
                final.replace(stored.path)
        for path in (final, *companions, *(c.with_name(c.name + ".part") for c in companions)):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Tell the engine's errors and the disk's as the platform's."""
    try:
        yield
    except (LipsyncError, OSError) as error:
        raise _translated(error) from error


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
                raise _too_large(limit)
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if size == 0:
        raise _empty()
    return StoredFile(path=part, name=uploaded_file.name or "", size=size, sha256=digest.hexdigest())


def _empty() -> Refused:
    return Refused("empty_file", _("The file is empty. Choose another one."), field="file")


def _too_large(limit: int) -> TooLarge:
    text = _("The file is larger than {limit} MB. Cut it or export it smaller, then try again.")
    return TooLarge("too_large", text.format(limit=limit // 2**20), field="file")


def _give_final_name(path: Path, name: str) -> None:
    """A second name for the same bytes; the first one stays until the row is there. Where a disk has no links: a new name."""
    final = Path(settings.MEDIA_ROOT) / name
    os.utime(path)  # one that has waited long shall not look abandoned to the sweep before its row is there
    try:
        final.hardlink_to(path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        path.replace(final)
    storage.share(final)
    storage.settle_folder(final.parent)


def _ending(name: str, known: frozenset[str], otherwise: str) -> str:
    ending = PurePath(name).suffix.lower()
    return ending if ending in known else otherwise
