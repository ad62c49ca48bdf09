"""Settings: safe when nothing is said, and a sentence when something wrong is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

PRINT = """
import json, os, sys
import django
if "DATABASE_URL" not in os.environ:  # its driver is installed only where it is used
    django.setup()
from django.conf import settings
engine = settings.DATABASES["default"]["ENGINE"]
HEAVY = ("torch", "mediapipe", "cv2", "onnxruntime", "scipy", "librosa", "boto3", "botocore", "storages")
heavy = [name for name in HEAVY if name in sys.modules]
if "DATABASE_URL" not in os.environ:
    from django.urls import get_resolver
    get_resolver().url_patterns
    import projects.tasks
heavy += [name for name in HEAVY if name in sys.modules]
policy, link = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"], ""
if "LINK" in os.environ:
    from projects import objects
    link = objects.link("clips/a.mp4", method="GET", seconds=60, content_type="video/mp4", disposition="inline", cache="no")
import logging
talks = [name for name in ("botocore", "boto3", "urllib3") if logging.getLogger(name).isEnabledFor(logging.INFO)]
print(json.dumps({
    "debug": settings.DEBUG, "engine": engine, "options": settings.DATABASES["default"].get("OPTIONS", {}),
    "key": settings.SECRET_KEY, "hosts": settings.ALLOWED_HOSTS, "queue": sorted(settings.Q_CLUSTER), "heavy": heavy,
    "cache": settings.CACHES["default"]["BACKEND"], "secure": settings.SESSION_COOKIE_SECURE,
    "media": policy["media-src"], "images": policy["img-src"], "link": link, "talks": talks,
}, default=str))
"""


def load(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start Django with these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=settings.BASE_DIR,
        env={**kept, "DJANGO_SETTINGS_MODULE": "heygem_site.settings", "HEYGEM_DATA": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def loaded(folder: Path, **environment: str) -> dict[str, Any]:
    """The settings that come out."""
    done = load(folder, **environment)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_defaults_are_safe(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found["debug"] is False
    assert found["engine"].endswith("sqlite3")
    assert found["options"]["transaction_mode"] == "IMMEDIATE"
    assert "WAL" in found["options"]["init_command"]
    assert "*" not in found["hosts"]
    assert "ALT_CLUSTERS" in found["queue"]


def test_nothing_heavy_is_loaded_by_web_and_worker(tmp_path: Path) -> None:
    assert loaded(tmp_path)["heavy"] == []


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first, second = loaded(tmp_path)["key"], loaded(tmp_path)["key"]
    assert first == second
    assert len(first) > 40
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_one_variable_each_moves_to_postgresql_redis_and_https(tmp_path: Path) -> None:
    found = loaded(tmp_path, DATABASE_URL="postgres://me:pw@db/heygem", REDIS_URL="redis://cache:6379/0", HTTPS="on")
    assert found["engine"].endswith("postgresql")
    assert "Redis" in found["cache"]
    assert "redis" in found["queue"]
    assert "orm" not in found["queue"]
    assert found["secure"] is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("LARGEST_CLIP_MB", "huge"),
        ("LARGEST_CLIP_MB", "-1"),
        ("RENDER_TIME_LIMIT_SECONDS", "0"),
        ("DATABASE_URL", "mysql://me:hidden@db/heygem"),
        ("REDIS_URL", "http://:hidden@cache"),
        ("LANGUAGE_CODE", "xx"),
        ("TIME_ZONE", "Mars/Olympus"),
        ("NODE_NAME", "../node"),
        ("SECRET_KEY", "short"),
        ("HEYGEM_DATA", "/proc/nowhere"),
        ("MEDIA_ACCEL_PREFIX", "protected"),
        ("S3_ENDPOINT_URL", "s3.example.com"),
        ("S3_ENDPOINT_URL", "https://s3.example.com/bucket"),
        ("S3_ENDPOINT_URL", "https://me:hidden@s3.example.com"),
        ("S3_ACCESS_KEY_ID", "hidden"),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(tmp_path: Path, name: str, value: str) -> None:
    done = load(tmp_path, **{name: value})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name}" in done.stderr
    assert "hidden" not in done.stderr


KEYS = {"S3_ACCESS_KEY_ID": "name", "S3_SECRET_ACCESS_KEY": "hidden"}


@pytest.mark.parametrize(
    ("environment", "origin"),
    [
        ({}, None),
        ({"S3_ENDPOINT_URL": "https://s3.example.com"}, None),
        ({"S3_BUCKET": "course", "S3_ENDPOINT_URL": "https://s3.example.com/", **KEYS}, "https://s3.example.com"),
        ({"S3_BUCKET": "course", "S3_REGION": "eu-north-1", **KEYS}, "https://course.s3.eu-north-1.amazonaws.com"),
        ({"S3_BUCKET": "the.course", "S3_REGION": "eu-north-1", **KEYS}, "https://s3.eu-north-1.amazonaws.com"),
        ({"S3_BUCKET": "course", "S3_ENDPOINT_URL": "https://s3.example.com", "MEDIA_REDIRECT": "off"}, None),
    ],
)
def test_pages_may_show_what_the_bucket_has_and_its_links_lead_there(
    tmp_path: Path, environment: dict[str, str], origin: str | None
) -> None:
    found = loaded(tmp_path, **environment)
    expected = [origin] if origin else []
    assert [word for word in found["media"] if word.startswith("http")] == expected
    assert [word for word in found["images"] if word.startswith("http")] == expected
    if origin:
        link = urlsplit(loaded(tmp_path, LINK="1", **environment)["link"])
        assert f"{link.scheme}://{link.netloc}" == origin
        assert "hidden" not in link.query


def test_no_word_of_the_s3_client_gets_into_the_log(tmp_path: Path) -> None:
    assert loaded(tmp_path, LOG_LEVEL="DEBUG")["talks"] == []


def test_what_the_commands_write_is_private_to_their_account(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HEYGEM_DATA": str(tmp_path / "data")}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, check=True, timeout=120)
    written = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert any(path.name == "db.sqlite3" for path in written)
    assert [path for path in written if path.stat().st_mode & 0o077] == []
