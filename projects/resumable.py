"""Files that come in pieces: an announcement goes in, then bytes; a clip or a voice comes out, or the reason why not.

What has arrived is what lies on the disk: an upload's file is only ever appended to, by whoever holds the lock on it, and
what a broken connection leaves stays. The verbs know nothing of the protocol (projects/api/tus.py).
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import FileIO
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import consents, events, library, quotas, sentences, storage, uploads
from projects.errors import Busy, Conflict, Damaged, Gone, NoRoom, ProjectError, TooLarge, Unavailable
from projects.models import AudioTrack, Project, SpeakerClip, Upload, UploadKind, UploadState
from projects.models.library import LANGUAGE_LENGTH, NAME_LENGTH, TITLE_LENGTH
from projects.models.uploads import FINGERPRINT_LENGTH, OPEN

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PIECE_BYTES = 64 * 1024  # in memory at a time; a reset connection takes at most the last one with it
REMEMBERED = timedelta(days=7)  # how long after its end an upload can still be asked about
ALGORITHMS = ("sha1", "sha256")
EXPIRED = "upload_expired"
INTERRUPTED = "upload_interrupted"
TOO_LATE = gettext_noop("This upload was given up because nothing arrived for too long. Send the file again.")
BROKEN_OFF = gettext_noop(
    "The server was interrupted while it checked this file. Try again; if it happens again, tell the administrator."
)

logger = logging.getLogger(__name__)


class Incoming(Protocol):
    """Bytes on their way in."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end. Raises OSError when the connection breaks."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What is said of a file before it comes. size: bytes; fingerprint, metadata: kept for the sender as they are;
    consent: the person filmed agreed to videos being made of it"""

    kind: UploadKind
    name: str
    size: int
    lecturer: str = ""
    title: str = ""
    language: str = ""
    fingerprint: str = ""
    metadata: str = ""
    consent: bool = False


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a piece must be. algorithm: of ALGORITHMS"""

    algorithm: str
    digest: bytes


def create(*, owner: User, project: Project, file: Announced) -> Upload:
    """Make room for a file that is announced. Raises what `uploads.require_promising` raises, and `quota_bytes`."""
    uploads.require_promising(kind=file.kind, name=file.name, size=file.size)
    with transaction.atomic():
        quotas.admit_file(project, file.size)  # from here on the row itself is counted, until it has become a clip or a voice
        upload = Upload.objects.create(
            owner=owner,
            project=project,
            kind=file.kind,
            name=library.plain(file.name)[-TITLE_LENGTH:],  # the end: it has the ending
            size=file.size,
            lecturer=library.plain(file.lecturer)[:NAME_LENGTH],
            title=uploads.title_for(file.title, file.name),
            language=library.plain(file.language)[:LANGUAGE_LENGTH],
            fingerprint=library.plain(file.fingerprint)[:FINGERPRINT_LENGTH],
            metadata=file.metadata,
            consent=file.consent,
            expires_at=_expiry(),
        )
        try:
            storage.folder(storage.UPLOADS)
            upload.path.touch(0o600, exist_ok=False)
        except OSError as error:
            raise storage.fault(error) from error
    return upload


def append(*, upload: Upload, offset: int, length: int, body: Incoming, checksum: Checksum | None = None) -> Upload:
    """Add bytes at the end of what has arrived, and take the file in when it is whole. Returns the upload as it then stands.

    offset: bytes that the sender believes to have arrived; length: bytes that it means to send now. Fewer may arrive, and
    are kept; with a checksum, all or none are. No bytes at the end of a whole file ask for another try at taking it in.
    Raises ProjectError `upload_busy`, `upload_offset`, `upload_too_long`, `upload_damaged`, `no_space`, `not_writable`,
    `upload_gone`, `upload_expired`; and for a whole file what `uploads.take_clip` and `take_track` raise.
    """
    if upload.state == UploadState.DONE and (offset, length) == (upload.size, 0):
        return upload
    with _held(upload) as file:
        begin = file.seek(0, os.SEEK_END)
        if offset != begin:
            text = _("{there} bytes have arrived, not {offset}. Go on from there.")
            raise Conflict("upload_offset", text.format(there=begin, offset=offset))
        if length > upload.size - begin:
            raise TooLarge("upload_too_long", _("More bytes were sent than this upload was announced with. Start it again."))
        if length:
            storage.require_room(length)
            _add(file, body, length, checksum)
            upload.offset, upload.expires_at = file.seek(0, os.SEEK_END), _expiry()
            _note(upload, "offset", "expires_at")
        if file.seek(0, os.SEEK_END) == upload.size:
            _take_in(upload)
    return upload


def end(*, upload: Upload) -> None:
    """Give an upload up, and remove what has arrived. What became a clip or a voice stays. Raises `upload_busy`."""
    gone, _rows = Upload.objects.filter(pk=upload.pk).exclude(state=UploadState.FINISHING).delete()
    if not gone and Upload.objects.filter(pk=upload.pk).exists():
        raise _busy()
    upload.path.unlink(missing_ok=True)


def on_disk(upload: Upload) -> int:
    """Bytes of an upload that are on the disk for good. Raises Gone."""
    if upload.state == UploadState.DONE:
        return upload.size
    _require_open(upload)
    try:
        with upload.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            os.fsync(file.fileno())
    except FileNotFoundError as error:
        if _as_it_is_now(upload).state == UploadState.DONE:  # at this moment
            return upload.size
        raise _lost() from error
    return size


def expire() -> int:
    """Give up what nothing has come of for too long, and forget what ended long ago. Returns how many were given up."""
    now = timezone.now()
    count = 0
    for upload in Upload.objects.filter(state__in=OPEN, expires_at__lte=now):
        try:
            with _held(upload, even_expired=True):
                _refuse(upload, ProjectError(EXPIRED, TOO_LATE))
        except Busy:
            continue
        except Gone:  # its file, or even the row by now
            with suppress(Gone):
                _refuse(upload, ProjectError(EXPIRED, TOO_LATE))
        count += 1
        logger.info("gave up the upload %s: nothing arrived for too long", upload.pk)
    Upload.objects.exclude(state__in=OPEN).filter(expires_at__lte=now - REMEMBERED).delete()
    return count


def take_in_left() -> int:
    """Take in the whole files whose taking in was broken off, e.g. by a restart, once each. Returns how many.

    One that breaks it off again waits for its sender to ask, or to expire.
    """
    count = 0
    for upload in Upload.objects.filter(state__in=OPEN, error_code="", expires_at__gt=timezone.now()):
        if upload.arrived < upload.size:
            continue
        try:
            with _held(upload):
                upload.error_code, upload.error_message = INTERRUPTED, BROKEN_OFF
                _note(upload, "error_code", "error_message")
                _take_in(upload)
            count += 1
        except ProjectError as error:
            logger.info("the upload %s was not taken in: %s", upload.pk, error.code)
    return count


@contextmanager
def _held(upload: Upload, *, even_expired: bool = False) -> Iterator[FileIO]:
    """The file of an open upload, which nobody else writes to meanwhile; the row as it is now. Raises Busy, Gone."""
    if not even_expired:
        _require_open(upload)
    try:
        file = FileIO(upload.path, "rb+")
    except FileNotFoundError as error:
        if not even_expired:
            _require_open(_as_it_is_now(upload))
        raise _lost() from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy() from error
        _as_it_is_now(upload)
        if not even_expired:
            _require_open(upload)
        yield file


def _add(file: FileIO, body: Incoming, length: int, checksum: Checksum | None) -> None:
    """Append what comes, and bring it to the disk. A fault of the disk is told after what could be written is safe."""
    begin = file.tell()
    digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
    try:
        left = length
        while left and (piece := _next(body, min(PIECE_BYTES, left))):
            left -= len(piece)
            if digest:
                digest.update(piece)
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
    except OSError as error:
        raise storage.fault(error) from error
    finally:
        if checksum and digest and (left or digest.digest() != checksum.digest):
            file.truncate(begin)
        os.fsync(file.fileno())
    if checksum and digest and not left and digest.digest() != checksum.digest:
        raise Damaged("upload_damaged", _("A piece of the file was damaged on its way. Send it again."))


def _next(body: Incoming, size: int) -> bytes:
    try:
        return body.read(size)
    except OSError:  # the connection broke, or has been silent for too long
        return b""


def _take_in(upload: Upload) -> None:
    """Make a clip or a voice of a whole file that we hold. The file goes, unless the machine is at fault: then it waits.

    If this process dies half-way, `take_in_left` finds it, and the bytes that the library has by then a second time.
    """
    upload.state, upload.offset = UploadState.FINISHING, upload.size
    _note(upload, "state", "offset")
    unnamed = _("Unnamed lecturer")
    try:
        with translation.override("en"):  # what is stored of an error is English
            row = _taken_in(upload, unnamed)
    except (NoRoom, Unavailable) as error:
        upload.state = UploadState.RECEIVING
        _note_error(upload, error)
        raise _shown(error) from error
    except ProjectError as error:
        _refuse(upload, error)
        raise _shown(error) from error
    if isinstance(row, SpeakerClip):
        upload.clip = row
    else:
        upload.track = row
    upload.state, upload.error_code, upload.error_message = UploadState.DONE, "", ""
    _note(upload, "state", "clip", "track", "error_code", "error_message")
    upload.path.unlink(missing_ok=True)
    logger.info("the upload %s became the %s %s", upload.pk, upload.kind, row.pk)


def _taken_in(upload: Upload, unnamed: str) -> SpeakerClip | AudioTrack:
    try:
        stored = uploads.weighed(upload.path, upload.name)
    except OSError as error:
        raise storage.fault(error) from error
    if upload.kind == UploadKind.TRACK:
        return uploads.take_track(
            project=upload.project, stored=stored, title=upload.title, language=upload.language, is_reserved=True
        )
    clip = uploads.take_clip(
        project=upload.project,
        speaker=upload.lecturer,
        stored=stored,
        title=upload.title,
        unnamed=unnamed,
        is_reserved=True,
    )
    if upload.consent:
        consents.state(speaker=clip.speaker, by=upload.owner)
    return clip


def _refuse(upload: Upload, error: ProjectError) -> None:
    """End an upload with the reason, and leave nothing of it."""
    upload.state = UploadState.REFUSED
    with transaction.atomic():
        _note_error(upload, error)
        events.upload_refused(upload)
    upload.path.unlink(missing_ok=True)


def _note_error(upload: Upload, error: ProjectError) -> None:
    upload.error_code, upload.error_message, upload.error_at = error.code, error.message, error.at
    _note(upload, "state", "error_code", "error_message", "error_at")


def _note(upload: Upload, *fields: str) -> None:
    """Store fields. Raises Gone, and leaves no file, when somebody has given the upload up meanwhile."""
    if not Upload.objects.filter(pk=upload.pk).update(**{field: getattr(upload, field) for field in fields}):
        upload.path.unlink(missing_ok=True)
        raise _lost()


def _shown(error: ProjectError) -> ProjectError:
    """The same in the language that is active."""
    return type(error)(error.code, sentences.shown(error.message), field=error.field, at=error.at)


def _as_it_is_now(upload: Upload) -> Upload:
    try:
        upload.refresh_from_db()
    except Upload.DoesNotExist as error:
        raise _lost() from error
    return upload


def _require_open(upload: Upload) -> None:
    if upload.state == UploadState.DONE:
        raise Conflict("upload_offset", _("This upload is complete. Nothing can be added to it."))
    if upload.state == UploadState.REFUSED:
        raise Gone(upload.error_code, sentences.shown(upload.error_message), at=upload.error_at)
    if not upload.is_open:
        raise Gone(EXPIRED, sentences.shown(TOO_LATE))


def _expiry() -> datetime:
    return timezone.now() + timedelta(hours=settings.UPLOAD_HOURS)


def _busy() -> Busy:
    return Busy(
        "upload_busy", _("Another connection is writing to this upload, or it is being checked. Try again in a moment.")
    )


def _lost() -> Gone:
    return Gone("upload_gone", _("This upload is not there any more. Send the file again."))
