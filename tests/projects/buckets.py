"""What tests of a bucket ask: what it holds, and a data folder as on another machine or another day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_django import Settings

from projects import objects
from tests import making

SECRET = "the-secret-of-the-bucket"
Down = Callable[..., None]


def keys(s3: Any, settings: Settings) -> set[str]:
    """The names of all that the bucket holds, and of what is on its way in."""
    whole = s3.list_objects_v2(Bucket=settings.S3_BUCKET).get("Contents", ())
    half = s3.list_multipart_uploads(Bucket=settings.S3_BUCKET).get("Uploads", ())
    return {one["Key"] for one in whole} | {f"{one['Key']} by halves" for one in half}


def content(s3: Any, settings: Settings, name: str) -> bytes:
    """An object's bytes."""
    return bytes(s3.get_object(Bucket=settings.S3_BUCKET, Key=name)["Body"].read())


def lose_copies(media_root: Path) -> None:
    """As on a machine that has not used anything yet."""
    for kind in objects.KINDS:
        for path in (media_root / kind).glob("*"):
            path.unlink()


def make_old(media_root: Path) -> None:
    """As if nothing had been used for two days."""
    for kind in objects.KINDS:
        for path in (media_root / kind).glob("*"):
            making.age(path)
