"""Where finished files have their home: the data folder, or the bucket that S3_BUCKET names.

A file's name is that of its row, such as `clips/<id>.mp4`. With a bucket, the data folder keeps under the same name what this
machine has used last, and `trim` lets go of the rest. Without one, nothing here takes a look at more than the data folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from django.conf import settings

from lipsync.keeping import Hold, lock_of
from projects import storage
from projects.errors import ProjectError

if TYPE_CHECKING:
    from projects.bucket import Listed

KINDS = (storage.CLIPS, storage.TRACKS, storage.CONSENTS, storage.RENDERS, storage.PREVIEWS)
HOLDS = "holds"
POLL_SECONDS = 0.2
LATELY_SECONDS = 600  # what was used so recently may be on its way out by a web server that takes no hold
ASKED_AT_ONCE = 16

Beat = Callable[[], None]
logger = logging.getLogger(__name__)


def is_on() -> bool:
    """Whether a bucket is the home of finished files."""
    return bool(settings.S3_BUCKET)


def path_of(name: str) -> Path:
    """The file's place on this machine, where it may lie or not."""
    return Path(settings.MEDIA_ROOT) / name


def nothing() -> None:
    """The beat of who has nothing to do meanwhile."""


@contextmanager
def local(name: str, sha256: str = "", *, beat: Beat = nothing) -> Iterator[Path]:
    """The file on this machine while the block runs, fetched when it is not here, by one process at a time.

    sha256: what it must be; empty: what it was when it was stored; beat: called again and again while it takes long
    Raises ProjectError `file_missing`, `file_damaged`, `storage_unavailable`, `no_space`.
    """
    path = path_of(name)
    if not is_on():
        yield path
        return
    with Hold(_hold_of(name)) as hold:
        _until_held(hold, fcntl.LOCK_SH, beat)
        while not path.is_file():
            _until_held(hold, fcntl.LOCK_EX, beat)
            if not path.is_file():
                _fetch(name, sha256, beat)
            hold.share()
        os.utime(path, (time.time(), path.stat().st_mtime))  # used now; its date stays
        yield path


def keep(path: Path, name: str, sha256: str, *, beat: Beat = nothing) -> None:
    """Bring a finished file home under this name, before its row says that it is there. After a fault nothing of it is there.

    Raises ProjectError `storage_unavailable`, `file_damaged`; OSError when it cannot be read.
    """
    if is_on():
        _bucket().put(path, name, sha256, beat)


@contextmanager
def kept(name: str, sha256: str = "") -> Iterator[None]:
    """Bring a finished file of the data folder home, and out again if the block, in which its row is stored, fails.

    sha256: reckoned here when empty. Raises as `keep`.
    """
    if not is_on():
        yield
        return
    keep(path_of(name), name, sha256 or digest_of(name))
    try:
        yield
    except BaseException:
        with suppress(ProjectError):  # the first error is the one to tell
            _bucket().remove(name)
        raise


def digest_of(name: str) -> str:
    """The hexadecimal sha256 of a file of the data folder. Raises OSError."""
    with path_of(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def forget(name: str) -> None:
    """Remove a file for good: from its home first, so that what cannot be done there is seen and tried again.

    Raises ProjectError `storage_unavailable`, OSError.
    """
    if is_on():
        _bucket().remove(name)
    path_of(name).unlink(missing_ok=True)
    if is_on():
        lock_of(_hold_of(name)).unlink(missing_ok=True)


def exists(name: str) -> bool:
    """Whether the file is in its home. Raises ProjectError `storage_unavailable`."""
    return _bucket().size_of(name) is not None if is_on() else path_of(name).is_file()


def present(names: Iterable[str]) -> set[str]:
    """Those of some files that are in their home. Raises ProjectError `storage_unavailable`."""
    if not is_on():
        return {name for name in names if exists(name)}
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        wanted = list(names)
        return {name for name, there in zip(wanted, pool.map(exists, wanted), strict=True) if there}


def pieces(name: str, sha256: str, chunk: int) -> Iterator[bytes]:
    """The bytes of a file, `chunk` at a time; it is fetched when the first ones are asked for. Raises as `local`."""
    with local(name, sha256) as path, path.open("rb") as file:
        while piece := file.read(chunk):
            yield piece


def link(name: str, *, method: str, seconds: int, **headers: str) -> str:
    """Where the bucket has the file, for so long and for whoever knows the link.

    method: GET or HEAD, for which alone it holds; headers: `content_type`, `disposition`, `cache` of the answer
    """
    return str(_bucket().link(name, method=method, seconds=seconds, **headers))


def listed(kind: str) -> Iterator[Listed]:
    """What the bucket has of a kind, by its names' bytes. Raises ProjectError `storage_unavailable`."""
    yield from _bucket().listed(kind)


def probe() -> None:
    """Write, read, list and remove something in the bucket. Raises ProjectError where one of them cannot be done."""
    _bucket().probe()


def require() -> None:
    """Raise ProjectError `storage_unavailable` unless the home of finished files answers."""
    if is_on():
        _bucket().require()


def trim() -> int:
    """Let go of what this machine has not used for longest, until the rest fits S3_CACHE_MB. Returns how many files.

    Never of what is in use, was used lately, or is nowhere else.
    """
    if not is_on():
        return 0
    found = sorted(_files())
    over = sum(size for _used, size, _name in found) - settings.S3_CACHE_BYTES
    count = 0
    for used, size, name in found:
        if over <= 0 or used > time.time() - LATELY_SECONDS:
            break
        if _let_go(name, size):
            over, count = over - size, count + 1
    if count:
        logger.info("let go of %d files that were not used for long; the bucket has them", count)
    return count


def remove_half_sent() -> int:
    """Remove what is left in the bucket of files whose sending was broken off. Returns of how many."""
    return sum(_bucket().remove_half_sent(kind) for kind in KINDS) if is_on() else 0


def _bucket() -> ModuleType:
    from projects import bucket  # noqa: PLC0415 - it loads the S3 client, which most installations do without

    return bucket


def _hold_of(name: str) -> Path:
    return storage.folder(HOLDS) / name.replace("/", "-")


def _until_held(hold: Hold, how: int, beat: Beat) -> None:
    while not hold.tried(how):
        beat()
        time.sleep(POLL_SECONDS)


def _fetch(name: str, sha256: str, beat: Beat) -> None:
    """Bring a file here. Whoever calls holds it alone."""
    bucket = _bucket()
    size, stored, incoming = bucket.get(name)
    storage.require_room(size)
    path = path_of(name)
    part, digest = path.with_name(f"{path.name}.part"), hashlib.sha256()
    try:
        storage.folder(path.parent.name)
        with part.open("wb") as file:
            for piece in incoming:
                digest.update(piece)
                file.write(piece)
                beat()
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != (sha256 or stored):
            logger.error("%s in the bucket is not the file that it was stored as", name)
            raise bucket.damaged()
        part.replace(path)
        storage.share(path)
        storage.settle_folder(path.parent)
    except OSError as error:
        raise storage.fault(error) from error
    finally:
        part.unlink(missing_ok=True)


def _files() -> Iterator[tuple[float, int, str]]:
    """When each file here was used last, its size in bytes, and its name."""
    for kind in KINDS:
        for path in storage.folder(kind).iterdir():
            with suppress(FileNotFoundError):
                facts = path.stat()
                if path.suffix != ".part":
                    yield max(facts.st_atime, facts.st_mtime), facts.st_size, f"{kind}/{path.name}"


def _let_go(name: str, size: int) -> bool:
    with Hold(_hold_of(name)) as hold:
        if not hold.tried(fcntl.LOCK_EX):
            return False
        if _bucket().size_of(name) != size:
            logger.warning("%s lies in the data folder alone; `manage.py bucket fill` brings it into the bucket", name)
            return False
        path_of(name).unlink(missing_ok=True)
        lock_of(_hold_of(name)).unlink(missing_ok=True)
        return True
