"""Three ways out for a file, one contract: our own view, nginx with docs/nginx.conf, and a link into a bucket."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings as installation
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from projects import consents, jobs, objects, rendering, uploads
from projects.models import Project, RenderOutput, SpeakerClip
from tests import making

RANGES = 500 if os.environ.get("SOAK") else 100
SIZE = 400_017
SOURCE = random.Random(20)
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
Ask = Callable[..., requests.Response]


@pytest.fixture
def content(transactional_db: None) -> bytes:
    """Bytes that are nowhere alike."""
    return SOURCE.randbytes(SIZE)


@pytest.fixture
def filled(clip: SpeakerClip, content: bytes) -> SpeakerClip:
    """A clip with these bytes, whatever they mean."""
    clip.path.write_bytes(content)
    clip.sha256, clip.size = objects.digest_of(str(clip.file)), len(content)
    clip.save()
    return clip


def asking(client: Client, address: str) -> Ask:
    """A browser's way of asking an address for files."""
    session = requests.Session()
    session.cookies.update({name: morsel.value for name, morsel in client.cookies.items()})
    return lambda url, method="GET", **headers: session.request(
        method, f"{address}{url}", headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=20
    )


@pytest.fixture(params=["view", pytest.param("nginx", marks=needs_nginx), "bucket"])
def ask(request: pytest.FixtureRequest, filled: SpeakerClip, owner_client: Client, live_server: LiveServer) -> Ask:
    """As the owner, by each way."""
    address = live_server.url
    if request.param == "nginx":
        address = request.getfixturevalue("nginx")
    if request.param == "bucket":
        request.getfixturevalue("s3")
        objects.keep(filled.path, str(filled.file), filled.sha256)
    return asking(owner_client, address)


@pytest.fixture
def nginx(live_server: LiveServer, settings: Settings, media_root: Path, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx in front of the server, as the document has it but for names and certificate."""
    settings.MEDIA_ACCEL_PREFIX = "/protected/"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (installation.BASE_DIR / "docs" / "nginx.conf").read_text()
    for old, new in (
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        (r"server_name .*;", "server_name localhost;"),
        (r"ssl_certificate.*;", ""),
        (r"http://127.0.0.1:7860", live_server.url),
        (r"/srv/heygem/", f"{media_root}/"),
    ):
        text, count = re.subn(old, new, text)
        assert count, f"docs/nginx.conf has no {old}"
    account = f"user {os.environ.get('USER', 'root')};\n" if os.geteuid() == 0 else ""
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"{account}daemon off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{text}\n}}\n"
    )
    process = subprocess.Popen([str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None, (tmp_path / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.mark.slow
def test_random_ranges_give_exactly_their_bytes(ask: Ask, filled: SpeakerClip, content: bytes) -> None:
    equal = 0
    for _ in range(RANGES):
        first, last = sorted((SOURCE.randrange(SIZE), SOURCE.randrange(SIZE + SIZE // 4)))
        answer = ask(filled.file_url, Range=f"bytes={first}-{last}")
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{min(last, SIZE - 1)}/{SIZE}"
        equal += answer.content == content[first : last + 1]
    assert equal == RANGES


def test_the_whole_its_end_and_nothing(ask: Ask, filled: SpeakerClip, content: bytes) -> None:
    whole = ask(filled.file_url)
    assert (whole.status_code, whole.content == content) == (200, True)
    assert whole.headers["Content-Type"] == "video/mp4"
    assert whole.headers["Content-Disposition"].startswith("inline")
    assert whole.headers["Cache-Control"].startswith("private")
    assert ask(filled.file_url, Range="bytes=-10").content == content[-10:]
    assert ask(filled.file_url, Range=f"bytes={SIZE - 5}-").content == content[-5:]
    beyond = ask(filled.file_url, Range=f"bytes={SIZE}-")
    assert beyond.status_code == 416
    head = ask(filled.file_url, "HEAD")
    assert (head.status_code, head.content, int(head.headers["Content-Length"])) == (200, b"", SIZE)


@pytest.mark.parametrize("ask", ["view", pytest.param("nginx", marks=needs_nginx)], indirect=True)
def test_a_range_of_another_version_gets_the_whole_file(ask: Ask, filled: SpeakerClip, content: bytes) -> None:
    tag = ask(filled.file_url).headers["ETag"]
    assert tag == f'"{filled.sha256}"'
    assert ask(filled.file_url, Range="bytes=0-3", If_Range=tag).content == content[:4]
    assert ask(filled.file_url, Range="bytes=0-3", If_Range='"other"').content == content
    assert ask(filled.file_url, If_None_Match=tag).status_code == 304
    assert ask(filled.file_url, Range=f"bytes={SIZE}-").headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("ask", ["view", pytest.param("nginx", marks=needs_nginx)], indirect=True)
def test_an_answer_can_do_no_harm_in_a_browser(ask: Ask, filled: SpeakerClip) -> None:
    said = ask(filled.file_url).headers
    assert said["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in said["Content-Security-Policy"]
    assert said["Cross-Origin-Resource-Policy"] == "same-origin"


# --- nginx in front ----------------------------------------------------------------------------------------------------
@needs_nginx
def test_behind_nginx_a_stranger_gets_nothing(
    nginx: str, filled: SpeakerClip, stranger_client: Client, owner_client: Client, media_root: Path
) -> None:
    (media_root / "secret_key").write_text("k" * 50)
    assert asking(stranger_client, nginx)(filled.file_url).status_code == 404
    for client in (stranger_client, owner_client):
        for path in (f"/protected/{filled.file}", "/protected/secret_key", "/protected/clips/../secret_key", "/protected/"):
            assert asking(client, nginx)(path).status_code == 404
    assert "/sign-in/" in asking(Client(), nginx)(filled.file_url).url


def test_the_web_server_is_told_where_a_file_lies(owner_client: Client, clip: SpeakerClip, settings: Settings) -> None:
    settings.MEDIA_ACCEL_PREFIX = "/protected/"
    answer = owner_client.get(clip.file_url, headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/protected/{clip.file}"
    assert answer["Content-Type"] == "video/mp4"
    assert answer["ETag"] == f'"{clip.sha256}"'
    assert owner_client.get(clip.file_url, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    saved = owner_client.get(f"{clip.file_url}?download=1")
    assert saved["Content-Disposition"].startswith("attachment")
    clip.path.unlink()
    assert owner_client.get(clip.file_url).status_code == 404


def test_without_one_nobody_is_told(owner_client: Client, clip: SpeakerClip) -> None:
    assert not owner_client.get(clip.file_url).has_header("X-Accel-Redirect")


def test_what_is_finished_can_be_read_by_the_web_servers_group_alone(
    engine: Callable[[str], None], project: Project, owner: User, clip_file: Path, voice_file: Path, settings: Settings
) -> None:
    settings.MEDIA_ACCEL_PREFIX = "/protected/"
    before = os.umask(0o077)
    try:
        clip = uploads.add_clip(project=project, speaker="Ada", uploaded_file=making.upload(clip_file))
        track = uploads.add_track(project=project, uploaded_file=making.upload(voice_file))
        paper = SimpleUploadedFile("signed.pdf", b"%PDF-1.7 signed")
        consent = consents.record(speaker=clip.speaker, by=owner, given_by="Ada", scope="all", evidence=paper)
        jobs.submit(project=project, clip=clip, track=track, created_by=owner)
        engine("succeed")
        rendering.run_next()
    finally:
        os.umask(before)
    finished = [clip.path, Path(clip.still.path), track.path, consent.path, RenderOutput.objects.get().path]
    assert [path.stat().st_mode & 0o777 for path in finished] == [0o640] * 5
    assert {path.parent.stat().st_mode & 0o777 for path in finished} == {0o710}
