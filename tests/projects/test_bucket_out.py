"""From the bucket to a person, out of it for good, and whoever looks after it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from projects import batches, bin, bucket, cleanup, consents, doctor, objects, rendering, storage
from projects.doctor import Gravity
from projects.errors import ProjectError
from projects.models import (
    AudioTrack,
    Project,
    RenderOutput,
    Speaker,
    SpeakerClip,
)
from tests import making
from tests.projects.buckets import SECRET, Down, keys, lose_copies

Script = Callable[[str], None]


# --- out ---------------------------------------------------------------------------------------------------------------
def test_a_person_is_led_to_the_bucket_with_a_link_of_some_minutes(
    stored_clip: SpeakerClip, owner_client: Client, clip_file: Path, settings: Settings
) -> None:
    settings.S3_LINK_SECONDS = 60
    SpeakerClip.objects.update(title="微积分")
    answer = owner_client.get(stored_clip.file_url)
    assert answer.status_code == 302
    assert answer["Cache-Control"] == "private, no-store"
    link = urlsplit(answer["Location"])
    asked = parse_qs(link.query)
    assert asked["X-Amz-Expires"] == [str(60 + 2 * round(stored_clip.duration))]
    assert SECRET not in answer["Location"]
    got = requests.get(answer["Location"], headers={"Range": "bytes=10-29"}, timeout=10)
    assert (got.status_code, got.content) == (206, clip_file.read_bytes()[10:30])
    assert got.headers["Content-Type"] == "video/mp4"
    assert "%E5%BE%AE" in got.headers["Content-Disposition"]
    saved = requests.get(owner_client.get(f"{stored_clip.file_url}?download=1")["Location"], timeout=10)
    assert saved.headers["Content-Disposition"].startswith("attachment")


def test_head_and_an_unchanged_file_are_understood(stored_clip: SpeakerClip, owner_client: Client) -> None:
    answer = owner_client.head(stored_clip.file_url)
    got = requests.head(answer["Location"], timeout=10)
    assert (got.status_code, int(got.headers["Content-Length"])) == (200, stored_clip.size)
    unchanged = owner_client.get(stored_clip.file_url, headers={"If-None-Match": answer["ETag"]})
    assert (unchanged.status_code, unchanged.has_header("Location")) == (304, False)


def test_a_stranger_gets_no_link(stored_clip: SpeakerClip, stranger_client: Client) -> None:
    for url in (stored_clip.file_url, stored_clip.still_url):
        answer = stranger_client.get(url)
        assert (answer.status_code, answer.has_header("Location")) == (404, False)


def test_evidence_is_only_saved(speaker: Speaker, owner: User, owner_client: Client, s3: Any) -> None:
    paper = SimpleUploadedFile("signed.pdf", b"%PDF-1.7 signed")
    consent = consents.record(speaker=speaker, by=owner, given_by="Li Wei", scope="all", evidence=paper)
    got = requests.get(owner_client.get(consent.evidence_url)["Location"], timeout=10)
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.content == b"%PDF-1.7 signed"


def test_where_browsers_cannot_reach_the_bucket_we_send(
    stored_clip: SpeakerClip, owner_client: Client, clip_file: Path, media_root: Path, settings: Settings, s3_down: Down
) -> None:
    settings.MEDIA_REDIRECT = False
    lose_copies(media_root)
    answer = owner_client.get(stored_clip.file_url, headers={"Range": "bytes=10-29"})
    assert (answer.status_code, b"".join(answer.streaming_content)) == (206, clip_file.read_bytes()[10:30])
    lose_copies(media_root)
    s3_down()
    answer = owner_client.get(stored_clip.file_url)
    assert (answer.status_code, answer["Cache-Control"]) == (503, "no-store")
    assert "does not answer" in answer.text
    assert answer["Content-Type"].startswith("text/plain")
    assert not answer.has_header("ETag")
    s3_down(False)
    objects.forget(str(stored_clip.file))
    assert owner_client.get(stored_clip.file_url).status_code == 404


def test_the_archive_comes_from_the_bucket(
    project: Project,
    stored_clip: SpeakerClip,
    stored_track: AudioTrack,
    owner: User,
    engine: Script,
    media_root: Path,
    owner_client: Client,
) -> None:
    batch = batches.submit(project=project, cells=[(stored_clip, stored_track)], created_by=owner, name="Course")
    engine("succeed")
    rendering.run_next()
    made = RenderOutput.objects.get()
    lose_copies(media_root)
    answer = owner_client.get(f"/api/v1/batches/{batch.pk}/archive.zip")
    data = b"".join(answer.streaming_content)
    assert len(data) == int(answer["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        (video,) = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert hashlib.sha256(archive.read(video)).hexdigest() == made.sha256
    objects.forget(str(made.file))
    assert owner_client.get(f"/api/v1/batches/{batch.pk}/archive.zip").json()["code"] == "nothing_finished"


# --- away --------------------------------------------------------------------------------------------------------------
def test_emptying_the_bin_removes_the_object_and_every_copy(
    stored_track: AudioTrack, owner: User, s3: Any, settings: Settings, media_root: Path, s3_down: Down
) -> None:
    name, data = str(stored_track.file), stored_track.path.read_bytes()
    bin.put(stored_track, by=owner)
    bin.restore(stored_track)
    bin.put(stored_track, by=owner)
    AudioTrack.objects.update(binned_at=timezone.now() - timedelta(days=8))
    s3_down()
    assert list(bin.removing()) == []
    s3_down(False)
    assert name in keys(s3, settings)
    assert list(bin.removing()) == [stored_track]
    assert name not in keys(s3, settings)
    assert not stored_track.path.exists()
    stored_track.path.write_bytes(data)  # another machine's copy
    making.age(stored_track.path)
    cleanup.remove_orphan_files()
    assert not stored_track.path.exists()
    with pytest.raises(ProjectError):
        bin.restore(stored_track)


def test_a_file_without_a_row_goes_from_the_bucket_too(db: None, s3: Any, settings: Settings, clip_file: Path) -> None:
    path = storage.folder(storage.RENDERS) / "lost.1.mp4"
    path.write_bytes(clip_file.read_bytes())
    objects.keep(path, "renders/lost.1.mp4", objects.digest_of("renders/lost.1.mp4"))
    making.age(path)
    assert cleanup.remove_orphan_files() == 1
    assert keys(s3, settings) == set()


# --- looking after it --------------------------------------------------------------------------------------------------
def found(check: str) -> list[tuple[Gravity, str]]:
    return [(finding.gravity, finding.text) for finding in doctor.examine() if finding.check == check]


def test_the_doctor_looks_into_the_bucket(
    stored_clip: SpeakerClip,
    stored_track: AudioTrack,
    s3: Any,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    s3_down: Down,
) -> None:
    checks = ("bucket", "rows_without_files", "objects_without_rows")
    assert [gravity for check in checks for gravity, _text in found(check)] == [Gravity.FINE] * 3
    assert not any(name.startswith(".doctor") for name in keys(s3, settings))
    s3.delete_object(Bucket=settings.S3_BUCKET, Key=str(stored_clip.still))
    for name in ("clips/0.mp4", "renders/x.mp4", "renders/y.mp4", "somebody/elses"):
        s3.put_object(Bucket=settings.S3_BUCKET, Key=name, Body=b"x")
    assert [gravity for gravity, _text in found("objects_without_rows")] == [Gravity.FINE], "they may have a row in a moment"
    monkeypatch.setattr("projects.inventory.UNSETTLED", timedelta(seconds=-5))
    ((gravity, text),) = found("objects_without_rows")
    assert gravity is Gravity.WARNING
    assert text.startswith("3 files in the bucket belong to nothing, e.g. clips/0.mp4, renders/x.mp4")
    ((gravity, text),) = found("rows_without_files")
    assert gravity is Gravity.ERROR
    assert text == f"1 stills of clips are not in the bucket, e.g. {stored_clip.still}."
    s3_down()
    ((gravity, text),) = found("bucket")
    assert gravity is Gravity.ERROR
    assert SECRET not in text
    assert [gravity for gravity, _text in found("rows_without_files")] == [Gravity.ERROR]


def test_the_listing_is_read_page_by_page(s3: Any, settings: Settings, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projects.inventory.UNSETTLED", timedelta(seconds=-5))
    monkeypatch.setattr(bucket, "LISTED_AT_ONCE", 3)
    for number in range(10):
        s3.put_object(Bucket=settings.S3_BUCKET, Key=f"renders/{number}.mp4", Body=b"")
    ((_gravity, text),) = found("objects_without_rows")
    assert text.startswith("10 files")


def test_a_library_moves_into_the_bucket_and_back(
    clip: SpeakerClip, track: AudioTrack, s3: Any, settings: Settings, media_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in (clip, track):
        type(row).objects.update(sha256=hashlib.sha256(row.path.read_bytes()).hexdigest())
    call_command("bucket", "fill")
    assert "3 files." in capsys.readouterr().out
    assert keys(s3, settings) == {str(clip.file), str(clip.still), str(track.file)}
    call_command("bucket", "fill")
    assert "0 files." in capsys.readouterr().out
    whole = clip.path.read_bytes()
    lose_copies(media_root)
    call_command("bucket", "fetch")
    assert clip.path.read_bytes() == whole
    assert Path(clip.still.path).is_file()


def test_prune_removes_what_belongs_to_nothing(
    stored_clip: SpeakerClip, s3: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, s3_down: Down
) -> None:
    monkeypatch.setattr("projects.inventory.UNSETTLED", timedelta(seconds=-5))
    before = keys(s3, settings)
    for name in ("clips/0.mp4", "somebody/elses"):
        s3.put_object(Bucket=settings.S3_BUCKET, Key=name, Body=b"x")
    call_command("bucket", "strays")
    assert keys(s3, settings) == before | {"clips/0.mp4", "somebody/elses"}
    call_command("bucket", "prune")
    assert keys(s3, settings) == before | {"somebody/elses"}
    s3_down()
    with pytest.raises(CommandError, match="does not answer"):
        call_command("bucket", "prune")


def test_without_a_bucket_there_is_nothing_to_look_after(db: None) -> None:
    with pytest.raises(CommandError, match="S3_BUCKET"):
        call_command("bucket", "fill")
    assert found("bucket") == found("objects_without_rows") == []
