"""Files in pieces by the tus protocol: what every answer is, and that no byte is lost or doubled whatever happens between."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from lipsync.errors import EnvironmentFault
from projects import accounts, cleanup, resumable, storage, uploads
from projects.errors import Busy, Gone, NoRoom, Refused, Unavailable
from projects.models import AudioTrack, Project, SpeakerClip, Upload, UploadKind, UploadState
from projects.resumable import Announced
from tests import making

URL = "/api/v1/uploads/"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


def metadata(**words: str) -> str:
    """As the header has it."""
    return ",".join(f"{key} {base64.b64encode(word.encode()).decode()}" for key, word in words.items())


def announce(client: Client, project: Project, size: int, *, key: str | None = None, **words: str) -> HttpResponse:
    """Ask for an upload."""
    said = {"project": str(project.pk), "kind": "clip", "filename": "take.mp4", **words}
    once = {"Idempotency-Key": key} if key else {}
    headers = TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata(**said)} | once
    answer: HttpResponse = client.post(URL, b"", headers=headers, content_type=PIECE)
    return answer


def send(client: Client, url: str, data: bytes, offset: int, **more: str) -> HttpResponse:
    """Send a piece."""
    headers = TUS | {"Upload-Offset": str(offset)} | {name.replace("_", "-"): value for name, value in more.items()}
    kind: dict[str, Any] = {"CONTENT_TYPE": PIECE, "CONTENT_LENGTH": str(len(data))}  # of no bytes too
    answer: HttpResponse = client.patch(url, data, content_type=PIECE, headers=headers, **kind)
    return answer


def offset(client: Client, url: str) -> int:
    """How much the server has."""
    return int(client.head(url, headers=TUS)["Upload-Offset"])


@pytest.fixture
def movie(clip_file: Path) -> bytes:
    """The bytes of a clip."""
    return clip_file.read_bytes()


@pytest.fixture
def url(owner_client: Client, project: Project, movie: bytes) -> str:
    """A clip's upload before its first byte."""
    return announce(owner_client, project, len(movie), lecturer="Li Wei", title="Take 3")["Location"]


@pytest.fixture
def upload(owner: User, project: Project, movie: bytes) -> Upload:
    """The same, as a row."""
    return resumable.create(
        owner=owner, project=project, file=Announced(kind=UploadKind.CLIP, name="take.mp4", size=len(movie), lecturer="Li Wei")
    )


class Line:
    """A connection that brings some bytes and then breaks, or is silent."""

    def __init__(self, data: bytes, *, breaks: bool = False) -> None:
        self.data, self.breaks = data, breaks

    def read(self, size: int, /) -> bytes:
        """The next ones."""
        piece, self.data = self.data[:size], self.data[size:]
        if not piece and self.breaks:
            raise OSError("Connection reset by peer")
        return piece


def left_in(media_root: Path) -> list[Path]:
    """Files under the data folder."""
    return [path for path in media_root.rglob("*") if path.is_file()]


# --- the protocol ----------------------------------------------------------------------------------------------------
def test_what_the_server_can_do_is_told(owner_client: Client) -> None:
    answer = owner_client.options(URL)
    assert answer.status_code == 204
    assert answer["Tus-Version"] == answer["Tus-Resumable"] == "1.0.0"
    assert answer["Tus-Extension"] == "creation,creation-with-upload,termination,checksum,expiration"
    assert answer["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert int(answer["Tus-Max-Size"]) == 4 * 2**30


def test_a_file_in_three_pieces_becomes_a_clip(owner_client: Client, url: str, movie: bytes, media_root: Path) -> None:
    for begin, stop in ((0, 1000), (1000, 1001), (1001, len(movie))):
        answer = send(owner_client, url, movie[begin:stop], begin)
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(stop))
        assert "GMT" in answer["Upload-Expires"]
        assert offset(owner_client, url) == stop
    clip = SpeakerClip.objects.get()
    told = owner_client.get(url).json()
    assert (told["state"], told["clip"], told["offset"], told["error"]) == ("done", str(clip.pk), len(movie), None)
    assert clip.path.read_bytes() == movie
    assert clip.sha256 == hashlib.sha256(movie).hexdigest()
    assert (clip.title, clip.speaker.name) == ("Take 3", "Li Wei")
    assert {path.parent.name for path in left_in(media_root)} == {"clips"}
    assert send(owner_client, url, b"", len(movie)).status_code == 204  # whoever missed the answer may ask again
    assert SpeakerClip.objects.count() == 1


def test_a_voice_may_come_with_its_announcement(owner_client: Client, project: Project, voice_file: Path) -> None:
    voice = voice_file.read_bytes()
    said = metadata(project=str(project.pk), kind="track", filename="Lektion 4.wav", language="de")
    headers = TUS | {"Upload-Length": str(len(voice)), "Upload-Metadata": said}
    answer = owner_client.post(URL, voice, content_type=PIECE, headers=headers)
    assert (answer.status_code, answer["Upload-Offset"]) == (201, str(len(voice)))
    track = AudioTrack.objects.get()
    assert (track.title, track.language, track.path.read_bytes()) == ("Lektion 4", "de", voice)
    assert owner_client.get(answer["Location"]).json()["track"] == str(track.pk)
    assert owner_client.head(answer["Location"], headers=TUS)["Upload-Metadata"] == said


def test_an_announcement_whose_answer_was_lost_is_made_once(owner_client: Client, project: Project, movie: bytes) -> None:
    first = announce(owner_client, project, len(movie), key="7f9c")
    send(owner_client, first["Location"], movie[:500], 0)
    again = announce(owner_client, project, len(movie), key="7f9c")
    assert (again.status_code, again["Location"], again["Upload-Offset"]) == (201, first["Location"], "500")
    other = announce(owner_client, project, len(movie) + 1, key="7f9c")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert announce(owner_client, project, len(movie), key="7f9d")["Location"] != first["Location"]
    assert Upload.objects.count() == 2


def test_bytes_that_the_project_has_give_what_has_them(
    owner_client: Client, project: Project, movie: bytes, clip_file: Path, media_root: Path
) -> None:
    known = uploads.add_clip(project=project, speaker="Li Wei", uploaded_file=making.upload(clip_file))
    before = left_in(media_root)
    url = announce(owner_client, project, len(movie))["Location"]
    send(owner_client, url, movie, 0)
    assert owner_client.get(url).json()["clip"] == str(known.pk)
    assert left_in(media_root) == before


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"Tus-Resumable": "0.2.2"}, "tus_version", 412),
        ({"Upload-Length": "many"}, "header_invalid", 400),
        ({"Upload-Length": "9" * 19}, "header_invalid", 400),
        ({"Upload-Metadata": "kind clip"}, "metadata_invalid", 400),
        ({"Upload-Metadata": metadata(kind="picture")}, "metadata_invalid", 400),
    ],
)
def test_an_announcement_that_cannot_be_read_is_refused(
    owner_client: Client, project: Project, headers: dict[str, str], code: str, status: int
) -> None:
    good = TUS | {"Upload-Length": "5", "Upload-Metadata": metadata(kind="clip", project=str(project.pk))}
    answer = owner_client.post(URL, headers=good | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Tus-Resumable"] == "1.0.0"
    assert (answer.get("Tus-Version") == "1.0.0") == (status == 412)
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("words", "size", "code", "status"),
    [
        ({"filename": "slides.pdf"}, 5, "not_a_video", 422),
        ({"filename": "slides.pdf", "kind": "track"}, 5, "not_a_sound", 422),
        ({}, 0, "empty_file", 422),
        ({}, 4 * 2**30 + 1, "too_large", 413),
        ({"kind": "track"}, 2**30 + 1, "too_large", 413),
        ({}, 2**32 - 1, "no_space", 507),
    ],
)
def test_a_file_is_refused_before_it_travels(
    owner_client: Client, project: Project, settings: Settings, words: dict[str, str], size: int, code: str, status: int
) -> None:
    if code == "no_space":
        settings.FREE_SPACE_FLOOR_BYTES = 2**60
    answer = announce(owner_client, project, size, **words)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Upload.objects.exists()
    assert announce(owner_client, project, 5, filename="no ending").status_code == (507 if code == "no_space" else 201)


@pytest.mark.parametrize(
    ("data", "at", "more", "code", "status"),
    [
        (b"abc", 7, {}, "upload_offset", 409),
        (b"abc", 0, {"Tus_Resumable": "2.0.0"}, "tus_version", 412),
        (b"abc", 0, {"Upload_Checksum": "sha256 " + base64.b64encode(b"x" * 32).decode()}, "upload_damaged", 460),
        (b"abc", 0, {"Upload_Checksum": "crc32 AAAA"}, "checksum_invalid", 400),
        (b"abc", 0, {"Upload_Checksum": "sha1 ?"}, "checksum_invalid", 400),
        (b"x" * 2**20, 0, {}, "upload_too_long", 413),
    ],
)
def test_a_piece_that_does_not_fit_leaves_nothing(
    owner_client: Client, url: str, data: bytes, at: int, more: dict[str, str], code: str, status: int
) -> None:
    answer = send(owner_client, url, data, at, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert offset(owner_client, url) == 0


@pytest.mark.parametrize("algorithm", resumable.ALGORITHMS)
def test_a_piece_with_the_right_checksum_is_taken(owner_client: Client, url: str, movie: bytes, algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, movie[:9]).digest()).decode()
    assert send(owner_client, url, movie[:9], 0, Upload_Checksum=f"{algorithm} {digest}")["Upload-Offset"] == "9"


def test_other_types_and_unnamed_methods_are_refused(owner_client: Client, url: str) -> None:
    headers = TUS | {"Upload-Offset": "0"}
    assert owner_client.patch(url, b"abc", content_type="application/octet-stream", headers=headers).status_code == 415
    assert owner_client.post(url).status_code == 405
    assert owner_client.patch(url, b"abc", content_type=PIECE, headers=TUS).status_code == 400  # no offset


def test_a_client_without_patch_and_delete_names_them(owner_client: Client, url: str, movie: bytes) -> None:
    headers = TUS | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert owner_client.post(url, movie[:7], content_type=PIECE, headers=headers)["Upload-Offset"] == "7"
    assert owner_client.post(url, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert not Upload.objects.exists()


def test_an_upload_that_was_given_up_is_gone(owner_client: Client, url: str, movie: bytes, media_root: Path) -> None:
    send(owner_client, url, movie[:99], 0)
    assert owner_client.delete(url, headers=TUS).status_code == 204
    assert owner_client.head(url, headers=TUS).status_code == 404
    assert left_in(media_root) == []


def test_one_that_is_too_old_is_gone_and_swept(owner_client: Client, url: str, movie: bytes, media_root: Path) -> None:
    send(owner_client, url, movie[:99], 0)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert owner_client.head(url, headers=TUS).status_code == 410
    assert send(owner_client, url, movie[99:], 99).status_code == 410
    assert resumable.expire() == 1
    assert left_in(media_root) == []
    assert owner_client.head(url, headers=TUS).status_code == 410
    told = owner_client.get(url).json()
    assert (told["state"], told["error"]["code"]) == ("refused", "upload_expired")
    Upload.objects.update(expires_at=timezone.now() - resumable.REMEMBERED)
    resumable.expire()
    assert owner_client.head(url, headers=TUS).status_code == 404


def test_a_file_that_is_no_video_is_refused_at_its_end(owner_client: Client, project: Project, media_root: Path) -> None:
    text = b"this is no film " * 99
    url = announce(owner_client, project, len(text), lecturer="Nobody")["Location"]
    answer = send(owner_client, url, text, 0)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_video")
    assert owner_client.head(url, headers=TUS).status_code == 410
    assert left_in(media_root) == []
    assert not project.speakers.exists()
    translation.deactivate()
    told = owner_client.get(url, headers={"Accept-Language": "zh-hans"}).json()
    assert told["state"] == "refused"
    assert told["error"]["message"].startswith("该文件不是可读取的视频")


def test_a_token_does_as_well_and_a_session_needs_its_csrf_token(owner: User, project: Project, url: str, movie: bytes) -> None:
    token, _expiry = accounts.create_token(user=owner)
    script = Client(enforce_csrf_checks=True, headers={"Authorization": f"Token {token}"})
    assert send(script, url, movie[:5], 0).status_code == 204
    assert [row["offset"] for row in script.get(URL, {"project": str(project.pk)}).json()["results"]] == [5]
    page = Client(enforce_csrf_checks=True)
    page.force_login(owner)
    assert send(page, url, movie[5:], 5).status_code == 403
    assert offset(page, url) == 5


def test_nobody_else_adds_to_an_upload_or_to_a_project(
    stranger_client: Client, administrator: User, project: Project, url: str
) -> None:
    for client in (stranger_client, making.browser(administrator)):
        assert announce(client, project, 5).status_code == 404
        assert send(client, url, b"abc", 0).status_code == 404
        assert client.get(URL).json()["results"] == []
    assert Upload.objects.get().arrived == 0


# --- what goes wrong -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("breaks", [True, False])
def test_what_came_before_the_connection_broke_is_kept(upload: Upload, movie: bytes, breaks: bool) -> None:
    resumable.append(upload=upload, offset=0, length=len(movie), body=Line(movie[:700], breaks=breaks))
    assert upload.path.read_bytes() == movie[:700]
    assert resumable.on_disk(upload) == 700
    resumable.append(upload=upload, offset=700, length=len(movie) - 700, body=Line(movie[700:]))
    assert SpeakerClip.objects.get().path.read_bytes() == movie


def test_a_broken_piece_with_a_checksum_is_not_kept(upload: Upload, movie: bytes) -> None:
    checksum = resumable.Checksum("sha256", hashlib.sha256(movie).digest())
    resumable.append(upload=upload, offset=0, length=len(movie), body=Line(movie[:700]), checksum=checksum)
    assert resumable.on_disk(upload) == 0
    resumable.append(upload=upload, offset=0, length=len(movie), body=Line(movie), checksum=checksum)
    assert upload.state == UploadState.DONE


@pytest.fixture
def held(upload: Upload) -> Iterator[None]:
    """Somebody else writes to the upload."""
    with upload.path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_only_one_writes_at_a_time(owner_client: Client, upload: Upload, movie: bytes, held: None) -> None:
    answer = send(owner_client, f"{URL}{upload.pk}/", movie, 0)
    assert (answer.status_code, answer.json()["code"]) == (423, "upload_busy")
    assert upload.arrived == 0
    Upload.objects.update(expires_at=timezone.now())
    assert resumable.expire() == 0  # not under its hands


def test_who_gives_it_up_under_a_writer_ends_it(upload: Upload, movie: bytes, media_root: Path) -> None:
    class Hasty(Line):
        def read(self, size: int, /) -> bytes:
            resumable.end(upload=Upload.objects.get()) if Upload.objects.exists() else None
            return super().read(size)

    with pytest.raises(Gone):
        resumable.append(upload=upload, offset=0, length=9, body=Hasty(movie[:9]))
    assert left_in(media_root) == []


def test_one_that_is_being_checked_is_not_given_up(upload: Upload) -> None:
    Upload.objects.update(state=UploadState.FINISHING)
    with pytest.raises(Busy):
        resumable.end(upload=upload)


def _missing(*args: object, **kwargs: object) -> Any:
    raise EnvironmentFault("ffmpeg_missing", "ffprobe is not installed.")


def test_a_fault_of_the_machine_costs_no_byte(upload: Upload, movie: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(uploads, "probe_clip", _missing)
        with pytest.raises(Unavailable):
            resumable.append(upload=upload, offset=0, length=len(movie), body=Line(movie))
        assert resumable.take_in_left() == 0  # not again and again by itself
    upload.refresh_from_db()
    assert (upload.state, upload.error_code, upload.arrived) == (UploadState.RECEIVING, "ffmpeg_missing", len(movie))
    making.age(upload.path)
    resumable.append(upload=upload, offset=len(movie), length=0, body=Line(b""))
    assert (upload.state, upload.error_code) == (UploadState.DONE, "")
    assert upload.clip is not None
    assert time.time() - upload.clip.path.stat().st_mtime < 3600  # no sweep takes it before its row is there


def test_a_disk_that_fills_up_keeps_what_it_has(
    upload: Upload, movie: bytes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumable.append(upload=upload, offset=0, length=9, body=Line(movie[:9]))
    settings.FREE_SPACE_FLOOR_BYTES = 2**60
    with pytest.raises(NoRoom):
        resumable.append(upload=upload, offset=9, length=9, body=Line(movie[9:18]))
    assert resumable.on_disk(upload) == 9


@pytest.mark.parametrize("at", ["before anything", "with a row already"])
def test_a_taking_in_that_was_killed_is_done_by_the_sweep(upload: Upload, movie: bytes, clip_file: Path, at: str) -> None:
    upload.path.write_bytes(movie)
    Upload.objects.update(state=UploadState.FINISHING)
    if at == "with a row already":
        stored = uploads.weighed(upload.path, "take.mp4")
        uploads.take_clip(project=upload.project, speaker="Li Wei", stored=stored)
    cleanup.sweep()
    upload.refresh_from_db()
    assert (upload.state, upload.clip) == (UploadState.DONE, SpeakerClip.objects.get())
    assert not upload.path.exists()


def test_one_that_kills_whoever_checks_it_is_tried_once(upload: Upload, movie: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    upload.path.write_bytes(movie)

    def die(*args: object, **kwargs: object) -> Any:
        raise SystemExit

    monkeypatch.setattr(uploads, "weighed", die)
    with pytest.raises(SystemExit):
        resumable.take_in_left()
    assert resumable.take_in_left() == 0
    upload.refresh_from_db()
    assert (upload.state, upload.error_code) == (UploadState.FINISHING, "upload_interrupted")


def test_a_disk_without_links_gives_the_file_back(
    upload: Upload, movie: bytes, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Path, target: Path) -> None:
        raise OSError(1, "Operation not permitted")

    def refuse(**fields: object) -> None:
        raise Refused("odd", "Odd.")

    monkeypatch.setattr(Path, "hardlink_to", none)
    upload.path.write_bytes(movie)
    stored = uploads.weighed(upload.path, "take.mp4")
    with monkeypatch.context() as broken:
        broken.setattr(SpeakerClip.objects, "create", refuse)
        with pytest.raises(Refused):
            uploads.take_clip(project=upload.project, speaker="", stored=stored)
    assert left_in(media_root) == [upload.path]
    assert uploads.take_clip(project=upload.project, speaker="", stored=stored).path.read_bytes() == movie


def test_a_file_without_its_row_is_swept_and_one_with_it_stays(upload: Upload) -> None:
    stray = storage.folder(storage.UPLOADS) / "00000000-0000-0000-0000-000000000000"
    stray.touch()
    for path in (stray, upload.path):
        making.age(path)
    assert cleanup.remove_orphan_files() == 1
    assert (stray.exists(), upload.path.exists()) == (False, True)
