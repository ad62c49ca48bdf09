"""System checks: what the machine lacks, found at start and said in a sentence."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

FFMPEG_MISSING = "projects.E001"
MEDIA_NOT_WRITABLE = "projects.E002"
LITTLE_SPACE = "projects.W001"
KEY_READABLE = "projects.W002"
NO_PUBLIC_URL = "projects.W003"

AppConfigs = Sequence[AppConfig] | None


def register_all() -> None:
    """Register every check of this module."""
    for check in (programs, media_folder, free_space, secret_key_file, public_address):
        checks.register(check)


def programs(app_configs: AppConfigs, **kwargs: Any) -> list[checks.CheckMessage]:
    """ffmpeg and ffprobe are installed."""
    missing = [name for name in ("ffmpeg", "ffprobe") if shutil.which(name) is None]
    hint = "On Debian or Ubuntu: sudo apt-get install ffmpeg"
    return [checks.Error(f"{name} is not installed.", hint=hint, id=FFMPEG_MISSING) for name in missing]


def media_folder(app_configs: AppConfigs, **kwargs: Any) -> list[checks.CheckMessage]:
    """The data folder can be written to."""
    path = Path(settings.MEDIA_ROOT)
    if os.access(path, os.W_OK | os.X_OK):
        return []
    hint = "Give this account the right to write there, or set HEYGEM_DATA to another folder."
    return [checks.Error(f"The data folder {path} cannot be written to.", hint=hint, id=MEDIA_NOT_WRITABLE)]


def free_space(app_configs: AppConfigs, **kwargs: Any) -> list[checks.CheckMessage]:
    """There is room for uploads."""
    path = Path(settings.MEDIA_ROOT)
    if not path.is_dir() or shutil.disk_usage(path).free >= settings.FREE_SPACE_FLOOR_BYTES:
        return []
    hint = "Make room, or lower FREE_SPACE_FLOOR_MB. Until then uploads and renders are refused."
    return [checks.Warning(f"The disk of {path} is nearly full.", hint=hint, id=LITTLE_SPACE)]


def secret_key_file(app_configs: AppConfigs, **kwargs: Any) -> list[checks.CheckMessage]:
    """The signing key's file is private."""
    path = Path(settings.MEDIA_ROOT) / "secret_key"
    if sys.platform == "win32" or not path.exists() or not path.stat().st_mode & 0o077:
        return []
    return [checks.Warning(f"{path} can be read by others.", hint=f"Run: chmod 600 {path}", id=KEY_READABLE)]


def public_address(app_configs: AppConfigs, **kwargs: Any) -> list[checks.CheckMessage]:
    """Mails lead to pages that their readers can open."""
    if not settings.EMAIL_HOST or settings.PUBLIC_URL:
        return []
    hint = "Set PUBLIC_URL to what people type to come here, such as https://studio.example.com"
    return [checks.Warning("Mail is sent, but where its links shall lead is not said.", hint=hint, id=NO_PUBLIC_URL)]
