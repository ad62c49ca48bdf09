"""The bucket: names and bytes go in, bytes and links come out, its faults in our words.

Only projects/objects.py and whoever looks after the bucket come here: to import it loads the whole S3 client.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone
from django.utils.translation import gettext as _
from storages.backends.s3 import S3Storage

from projects.errors import Missing, Unavailable

PART_BYTES = 8 * 2**20  # of 10,000 at most, so that 80 GiB fit
CHUNK_BYTES = 2**20
CONNECT_SECONDS, READ_SECONDS = 5, 20  # well within the lease of a render
ATTEMPTS = 3
LISTED_AT_ONCE = 1000
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
HALF_SENT = timedelta(days=1)
UNAVAILABLE, DAMAGED = "storage_unavailable", "file_damaged"

Beat = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing tells of it. size: bytes"""

    name: str
    size: int
    modified: datetime


class Bucket(S3Storage):  # type: ignore[misc]  # the library has no types
    """The storage as our settings say, with one client for all threads of a process: making one takes a third of a second."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._making, self._made = threading.Lock(), None

    def get_default_settings(self) -> dict[str, Any]:
        """What the library would take from settings of its own names."""
        # Digests are sent with every part (Content-MD5), which all servers know; the newer checksums only some do.
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if settings.S3_PATH_STYLE else "virtual"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return {
            **super().get_default_settings(),
            "access_key": settings.S3_ACCESS_KEY_ID or None,
            "secret_key": settings.S3_SECRET_ACCESS_KEY or None,
            "bucket_name": settings.S3_BUCKET,
            "region_name": settings.S3_REGION,
            # Named in full, so that links lead to the address that the pages' policy allows.
            "endpoint_url": settings.S3_HOST,
            "client_config": config,
            "default_acl": None,
        }

    @property
    def connection(self) -> Any:
        """Shared, unlike the library's own; of it only the client is used, which threads may share."""
        with self._making:
            if self._made is None:
                self._made = super().connection
            return self._made


def put(path: Path, name: str, sha256: str, beat: Beat) -> None:
    """Store a file and see that it is there whole; after a fault there is nothing. Calls `beat` after each part.

    Raises ProjectError `storage_unavailable`, `file_damaged` (the file is not what its sha256 says); OSError of the file.
    """
    size, facts = path.stat().st_size, {"Metadata": {"sha256": sha256}}
    with path.open("rb") as file, _in_our_words():
        try:
            if size <= PART_BYTES:
                data = file.read()
                _require_same(hashlib.sha256(data).hexdigest(), sha256)
                _client().put_object(**_at(name), Body=data, ContentMD5=_md5(data), **facts)
            else:
                _put_in_parts(file, name, sha256, facts, beat)
            beat()
            if _client().head_object(**_at(name))["ContentLength"] != size:
                raise damaged()
        except BaseException:  # also where it has arrived and only the answer was lost
            with suppress(BotoCoreError, ClientError):  # the first error is the one to tell
                _client().delete_object(**_at(name))
            raise


def get(name: str) -> tuple[int, str, Iterator[bytes]]:
    """An object's size in bytes, the sha256 that it was stored with, and its bytes. Raises `file_missing` and as `put`."""
    with _in_our_words():
        answer = _client().get_object(**_at(name))
    return answer["ContentLength"], answer["Metadata"].get("sha256", ""), _pieces(answer["Body"])


def size_of(name: str) -> int | None:
    """An object's size in bytes, None when there is no such object."""
    try:
        with _in_our_words():
            return int(_client().head_object(**_at(name))["ContentLength"])
    except Missing:
        return None


def remove(name: str) -> None:
    """Remove an object, if there is one."""
    with _in_our_words():
        _client().delete_object(**_at(name))


def link(name: str, *, method: str, seconds: int, content_type: str, disposition: str, cache: str) -> str:
    """Where this object can be had for so long by whoever knows the link, with these headers. Asks nobody."""
    headers = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition, "ResponseCacheControl": cache}
    with _in_our_words():
        return str(_storage().url(name, parameters=headers, expire=seconds, http_method=method))


def listed(kind: str) -> Iterator[Listed]:
    """All objects of a kind by their names' bytes, `LISTED_AT_ONCE` at a time."""
    with _in_our_words():
        lists = _client().get_paginator("list_objects_v2")
        some = {"PageSize": LISTED_AT_ONCE}
        pages = lists.paginate(Bucket=settings.S3_BUCKET, Prefix=f"{kind}/", PaginationConfig=some)
        for page in pages:
            for one in page.get("Contents", ()):
                yield Listed(one["Key"], one["Size"], one["LastModified"])


def remove_half_sent(kind: str) -> int:
    """Remove what is left of files whose sending was broken off a day ago or longer. Returns of how many."""
    with _in_our_words():
        lists = _client().get_paginator("list_multipart_uploads")
        pages = lists.paginate(Bucket=settings.S3_BUCKET, Prefix=f"{kind}/")
        late = [one for page in pages for one in page.get("Uploads", ()) if one["Initiated"] < timezone.now() - HALF_SENT]
        for one in late:
            _client().abort_multipart_upload(**_at(one["Key"]), UploadId=one["UploadId"])
    return len(late)


def probe() -> None:
    """Write, read, list and remove a small object. Raises ProjectError where one of them cannot be done."""
    name, data = f".doctor/{uuid.uuid4().hex}", uuid.uuid4().bytes
    with _in_our_words():
        _client().put_object(**_at(name), Body=data, ContentMD5=_md5(data))
        same = _client().get_object(**_at(name))["Body"].read() == data
        _client().list_objects_v2(Bucket=settings.S3_BUCKET, MaxKeys=1)
        _client().delete_object(**_at(name))
    if not same:
        raise damaged()


def require() -> None:
    """Raise `storage_unavailable` unless the bucket answers."""
    with _in_our_words():
        _client().head_bucket(Bucket=settings.S3_BUCKET)


def damaged() -> Unavailable:
    """What is said of a file whose bytes are not those that it was stored with."""
    return Unavailable(DAMAGED, _("A stored file is damaged. Ask the administrator to bring it back from a backup."))


def _put_in_parts(file: IO[bytes], name: str, sha256: str, facts: dict[str, Any], beat: Beat) -> None:
    """Only the last request makes an object of what was sent."""
    client, digest = _client(), hashlib.sha256()
    parts: list[dict[str, Any]] = []
    where = {**_at(name), "UploadId": client.create_multipart_upload(**_at(name), **facts)["UploadId"]}
    try:
        while data := file.read(PART_BYTES):
            digest.update(data)
            number = len(parts) + 1
            sent = client.upload_part(**where, PartNumber=number, Body=data, ContentMD5=_md5(data))
            parts.append({"ETag": sent["ETag"], "PartNumber": number})
            beat()
        _require_same(digest.hexdigest(), sha256)
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    except BaseException:
        with suppress(BotoCoreError, ClientError):  # then `remove_half_sent` does it
            client.abort_multipart_upload(**where)
        raise


def _pieces(body: Any) -> Iterator[bytes]:
    with _in_our_words(), closing(body):
        yield from body.iter_chunks(CHUNK_BYTES)


def _require_same(found: str, sha256: str) -> None:
    if found != sha256:
        raise damaged()


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _at(name: str) -> dict[str, str]:
    return {"Bucket": settings.S3_BUCKET, "Key": name}


def _storage() -> Bucket:
    storage = storages["bucket"]
    assert isinstance(storage, Bucket)  # noqa: S101 - for the types
    return storage


def _client() -> Any:
    return _storage().connection.meta.client


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Tell faults by their code alone: what the library says of a request may hold more than anybody should read."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else type(error).__name__
        if code in ABSENT:
            raise Missing(
                "file_missing", _("A stored file is missing. Ask the administrator to bring it back from a backup.")
            ) from None
        text = _(
            "The storage for finished files does not answer ({reason}). Try again in a few minutes, or tell the administrator."
        )
        raise Unavailable(UNAVAILABLE, text.format(reason=code or "unknown")) from None
