"""Where files lie: one folder per kind under MEDIA_ROOT, every name an id of ours."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from projects.errors import NoRoom
from projects.models.uploads import FOLDER

CLIPS = "clips"
TRACKS = "audio"
CONSENTS = "consents"
RENDERS = "renders"
PREVIEWS = "previews"
SCRATCH = "scratch"
ANALYSES = "analysis"
SEGMENTS = "segments"
UPLOADS = FOLDER  # what is still arriving


def folder(kind: str) -> Path:
    """The folder of one kind of file, made when missing."""
    path = Path(settings.MEDIA_ROOT) / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


def scratch_folder(job_id: UUID, fence: int) -> Path:
    """Where one attempt at one job may write."""
    return folder(SCRATCH) / f"{job_id}.{fence}"


def render_name(job_id: UUID, fence: int) -> str:
    """The final name of one attempt's video, relative to MEDIA_ROOT."""
    return f"{RENDERS}/{job_id}.{fence}.mp4"


def require_room(size: int) -> None:
    """Raise NoRoom unless `size` bytes fit and the floor stays free."""
    if free() - size < settings.FREE_SPACE_FLOOR_BYTES:
        raise no_room()


def free() -> int:
    """Bytes that are free on the disk of the data folder."""
    return shutil.disk_usage(folder(SCRATCH)).free


def no_room() -> NoRoom:
    """The refusal that a full disk calls for."""
    return NoRoom("no_space", _("The server's disk is nearly full. Ask the administrator to make room, then try again."))


def fault(error: OSError) -> NoRoom:
    """The refusal that an error of the disk calls for."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_room()
    text = _("The server cannot store the file. Tell the administrator: {reason}.")
    return NoRoom("not_writable", text.format(reason=error.strerror or error))


def share(path: Path) -> None:
    """Let the web server in front read a finished file, where one sends them: its account is in our group, and in no other way
    does anybody read here."""
    if settings.MEDIA_ACCEL_PREFIX:
        path.chmod(0o640)
        path.parent.chmod(0o710)


def settle(path: Path) -> None:
    """Bring a finished file to the disk before anything refers to it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def settle_folder(path: Path) -> None:
    """Bring a folder's names to the disk, after a rename."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
