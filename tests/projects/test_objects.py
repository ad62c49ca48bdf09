"""A bucket as the home of finished files: what is taken in and rendered lies there, checked, and comes from there."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import logging
import multiprocessing
import os
import threading
import time
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
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from lipsync.keeping import Hold
from projects import batches, bin, bucket, cleanup, consents, doctor, idling, jobs, objects, rendering, storage, uploads
from projects.doctor import Gravity
from projects.errors import Missing, ProjectError, Unavailable
from projects.lanes import Wanted
from projects.models import (
    AudioTrack,
    ErrorClass,
    Lane,
    Outcome,
    Project,
    RenderJob,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Status,
    UploadState,
)
from tests import making
from tests.projects.renders import files_left, wait_over
from tests.projects.test_resumable import announce, send

Script = Callable[[str], None]
Down = Callable[..., None]
SECRET = "the-secret-of-the-bucket"


@pytest.fixture
def stored_clip(s3: Any, speaker: Speaker, clip_file: Path) -> SpeakerClip:
    """A clip that was taken in while the bucket is on."""
    return uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))


@pytest.fixture
def stored_track(s3: Any, project: Project, voice_file: Path) -> AudioTrack:
    """A voice, likewise."""
    return uploads.add_track(project=project, uploaded_file=making.upload(voice_file))


@pytest.fixture
def stored_job(project: Project, stored_clip: SpeakerClip, stored_track: AudioTrack, owner: User) -> RenderJob:
    """A render of the two that waits."""
    return jobs.submit(project=project, clip=stored_clip, track=stored_track, created_by=owner)


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


# --- in ---------------------------------------------------------------------------------------------------------------
def test_what_is_taken_in_lies_in_the_bucket(
    stored_clip: SpeakerClip,
    stored_track: AudioTrack,
    speaker: Speaker,
    owner: User,
    s3: Any,
    settings: Settings,
    clip_file: Path,
) -> None:
    paper = SimpleUploadedFile("signed.pdf", b"%PDF-1.7 signed")
    consent = consents.record(speaker=speaker, by=owner, given_by="Li Wei", scope="all", evidence=paper)
    names = {str(stored_clip.file), str(stored_clip.still), str(stored_track.file), str(consent.evidence)}
    assert keys(s3, settings) == names
    assert content(s3, settings, str(stored_clip.file)) == clip_file.read_bytes()
    assert content(s3, settings, str(consent.evidence)) == b"%PDF-1.7 signed"


def test_the_same_bytes_are_stored_once(stored_clip: SpeakerClip, clip_file: Path, s3: Any, settings: Settings) -> None:
    before, project = keys(s3, settings), stored_clip.speaker.project
    again = uploads.add_clip(project=project, speaker=stored_clip.speaker, uploaded_file=making.upload(clip_file))
    assert again == stored_clip
    assert keys(s3, settings) == before


def test_large_files_go_in_parts_and_are_whole(
    monkeypatch: pytest.MonkeyPatch, media_root: Path, s3: Any, settings: Settings
) -> None:
    monkeypatch.setattr(bucket, "PART_BYTES", 5 * 2**20)  # the least that the protocol allows
    data, beats = os.urandom(12 * 2**20 + 7), []
    path = storage.folder(storage.CLIPS) / "large.mp4"
    path.write_bytes(data)
    objects.keep(path, "clips/large.mp4", hashlib.sha256(data).hexdigest(), beat=lambda: beats.append(1))
    assert content(s3, settings, "clips/large.mp4") == data
    assert len(beats) >= 3


@pytest.mark.parametrize("size", [100, 11 * 2**20])
def test_a_file_that_is_not_what_was_weighed_is_not_stored(
    monkeypatch: pytest.MonkeyPatch, media_root: Path, s3: Any, settings: Settings, size: int
) -> None:
    monkeypatch.setattr(bucket, "PART_BYTES", 5 * 2**20)
    path = storage.folder(storage.CLIPS) / "damaged.mp4"
    path.write_bytes(bytes(size))
    with pytest.raises(Unavailable) as refused:
        objects.keep(path, "clips/damaged.mp4", "0" * 64)
    assert refused.value.code == "file_damaged"
    assert keys(s3, settings) == set()


def test_what_breaks_off_half_way_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, media_root: Path, s3: Any, settings: Settings
) -> None:
    monkeypatch.setattr(bucket, "PART_BYTES", 5 * 2**20)
    path = storage.folder(storage.CLIPS) / "large.mp4"
    path.write_bytes(bytes(11 * 2**20))

    def stop() -> None:
        assert keys(s3, settings) == {"clips/large.mp4 by halves"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        objects.keep(path, "clips/large.mp4", objects.digest_of("clips/large.mp4"), beat=stop)
    assert keys(s3, settings) == set()


def test_a_row_that_cannot_be_stored_leaves_nothing_in_the_bucket(
    monkeypatch: pytest.MonkeyPatch, speaker: Speaker, clip_file: Path, s3: Any, settings: Settings, media_root: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        assert len(keys(s3, settings)) == 2, "file and still are there before their row"
        raise DatabaseError

    monkeypatch.setattr(SpeakerClip.objects, "create", fail)
    with pytest.raises(DatabaseError):
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    assert keys(s3, settings) == set()
    assert list((media_root / storage.CLIPS).iterdir()) == []


def test_without_the_bucket_a_form_is_refused_and_nothing_stays(
    speaker: Speaker, owner_client: Client, clip_file: Path, media_root: Path, s3_down: Down
) -> None:
    s3_down()
    url = "/api/v1/clips/"
    answer = owner_client.post(url, {"speaker": str(speaker.pk), "file": making.upload(clip_file)}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert "EndpointConnectionError" in answer.json()["message"]
    assert not SpeakerClip.objects.exists()
    assert list((media_root / storage.CLIPS).iterdir()) == []


def test_without_the_bucket_an_upload_stays_whole_and_is_taken_in_later(
    project: Project, owner_client: Client, clip_file: Path, s3_down: Down
) -> None:
    data = clip_file.read_bytes()
    url = announce(owner_client, project, len(data), lecturer="Ada")["Location"]
    s3_down()
    answer = send(owner_client, url, data, 0)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert owner_client.get(url).json()["state"] == UploadState.RECEIVING
    s3_down(False)
    assert send(owner_client, url, b"", len(data)).status_code == 204
    assert objects.exists(str(SpeakerClip.objects.get().file))


# --- renders -----------------------------------------------------------------------------------------------------------
def test_a_worker_that_has_nothing_yet_renders_from_the_bucket_into_it(
    stored_job: RenderJob, engine: Script, media_root: Path, s3: Any, settings: Settings, clip_file: Path
) -> None:
    lose_copies(media_root)
    engine("succeed")
    rendering.run_next()
    made = RenderOutput.objects.get()
    assert content(s3, settings, str(made.file)) == clip_file.read_bytes()
    assert stored_job.clip.path.read_bytes() == clip_file.read_bytes()


def test_the_engine_knows_nothing_of_the_bucket(
    stored_job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(rendering, "_verify", lambda made, *_: seen.append((made.parent / "touched").read_text()))
    for name in ("S3_SECRET_ACCESS_KEY", "S3_ACCESS_KEY_ID", "S3_BUCKET", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    engine("succeed")
    with caplog.at_level(logging.INFO):
        rendering.run_next()
    assert RenderOutput.objects.exists()
    assert SECRET not in seen[0]
    assert "PATH" in json.loads(seen[0])
    assert SECRET not in caplog.text


def test_without_the_bucket_no_render_begins(stored_job: RenderJob, engine: Script, s3_down: Down, lane: Wanted) -> None:
    s3_down()
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    attempt = stored_job.history.get()
    assert (stored_job.status, stored_job.attempts) == (Status.QUEUED, 0), "it is not charged"
    assert (attempt.error_code, attempt.error_class, attempt.outcome) == (
        "storage_unavailable",
        ErrorClass.RESOURCE,
        Outcome.PUT_OFF,
    )
    assert not stored_job.log_lines.filter(text__startswith="a face").exists(), "the engine was not asked"
    assert Lane.objects.paused().exists()
    s3_down(False)
    wait_over()
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.SUCCEEDED


def test_a_finished_video_waits_for_the_bucket(
    stored_job: RenderJob, engine: Script, s3_down: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BUCKET_REST_SECONDS", 0.1)
    verify, kept = rendering._verify, []

    def take_away(*arguments: Any) -> None:
        verify(*arguments)
        s3_down()

    def keep(*arguments: Any, **more: Any) -> None:
        kept.append(1)
        s3_down(len(kept) < 3)
        real(*arguments, **more)

    real = objects.keep
    monkeypatch.setattr(rendering, "_verify", take_away)
    monkeypatch.setattr(objects, "keep", keep)
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.SUCCEEDED
    assert stored_job.log_lines.filter(text__startswith="the video waits for the bucket").count() == 2
    assert objects.exists(str(RenderOutput.objects.get().file))


def test_a_video_that_cannot_be_stored_is_rendered_again(
    stored_job: RenderJob, engine: Script, s3_down: Down, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    monkeypatch.setattr(rendering, "BUCKET_PATIENCE_SECONDS", 0)
    verify = rendering._verify

    def take_away(*arguments: Any) -> None:
        verify(*arguments)
        s3_down()

    monkeypatch.setattr(rendering, "_verify", take_away)
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    assert (stored_job.status, stored_job.attempts) == (Status.QUEUED, 0)
    assert files_left(media_root) == []
    monkeypatch.undo()
    s3_down(False)
    wait_over()
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.SUCCEEDED


def test_a_video_whose_job_was_cancelled_meanwhile_leaves_nothing(
    stored_job: RenderJob, engine: Script, owner: User, monkeypatch: pytest.MonkeyPatch, s3: Any, settings: Settings
) -> None:
    before, real = keys(s3, settings), objects.keep

    def keep_and_cancel(*arguments: Any, **more: Any) -> None:
        real(*arguments, **more)
        assert len(keys(s3, settings)) == len(before) + 1
        jobs.cancel(job=stored_job, by=owner)

    monkeypatch.setattr(objects, "keep", keep_and_cancel)
    engine("succeed")
    rendering.run_next()
    stored_job.refresh_from_db()
    assert stored_job.status == Status.CANCELLED
    assert keys(s3, settings) == before


def test_a_clip_that_cannot_be_fetched_is_not_taught(stored_clip: SpeakerClip, s3_down: Down, media_root: Path) -> None:
    lose_copies(media_root)
    known = storage.folder(storage.ANALYSES) / idling.name_for(stored_clip.sha256)
    known.mkdir()
    (known / "manifest.json").write_text("{}")
    s3_down()
    assert idling.teach_a_clip(threading.Event()) is False
    assert not (known / "lesson.json").exists()


# --- copies ------------------------------------------------------------------------------------------------------------
def test_a_copy_is_fetched_once_and_used_again(stored_clip: SpeakerClip, media_root: Path, s3: Any, settings: Settings) -> None:
    lose_copies(media_root)
    name, whole = str(stored_clip.file), content(s3, settings, str(stored_clip.file))
    for _ in range(2):
        with objects.local(name, stored_clip.sha256) as path:
            assert path.read_bytes() == whole
        s3.delete_object(Bucket=settings.S3_BUCKET, Key=name)
    lose_copies(media_root)
    with pytest.raises(Missing), objects.local(name, stored_clip.sha256):
        pass


def test_a_damaged_object_is_refused(stored_clip: SpeakerClip, media_root: Path, s3: Any, settings: Settings) -> None:
    lose_copies(media_root)
    for name, sha256 in ((str(stored_clip.file), stored_clip.sha256), (str(stored_clip.still), "")):
        found = s3.get_object(Bucket=settings.S3_BUCKET, Key=name)
        data = bytearray(found["Body"].read())
        data[len(data) // 2] ^= 1
        s3.put_object(Bucket=settings.S3_BUCKET, Key=name, Body=bytes(data), Metadata=found["Metadata"])
        with pytest.raises(Unavailable) as refused, objects.local(name, sha256):
            pass
        assert refused.value.code == "file_damaged"
    assert list((media_root / storage.CLIPS).iterdir()) == []


def test_a_render_of_a_damaged_object_fails_with_its_code(
    stored_job: RenderJob, engine: Script, media_root: Path, s3: Any, settings: Settings
) -> None:
    lose_copies(media_root)
    s3.put_object(Bucket=settings.S3_BUCKET, Key=str(stored_job.clip.file), Body=b"something else")
    engine("succeed")
    while rendering.run_next():
        wait_over()
    stored_job.refresh_from_db()
    assert (stored_job.status, stored_job.error_code) == (Status.FAILED, "file_damaged")


def _fetch(root: str, name: str, sha256: str, begin: Any, told: Any) -> None:
    """In a process of its own."""
    from django.conf import settings

    settings.MEDIA_ROOT = Path(root)
    real = bucket.get

    def get(asked: str) -> Any:
        told.put("fetched")
        return real(asked)

    bucket.get = get
    begin.wait()
    with objects.local(name, sha256) as path:
        told.put(path.stat().st_size)


def test_several_processes_fetch_a_file_once(stored_clip: SpeakerClip, media_root: Path) -> None:
    lose_copies(media_root)
    forks = multiprocessing.get_context("fork")
    begin, told = forks.Barrier(4), forks.Queue()
    what = (str(media_root), str(stored_clip.file), stored_clip.sha256, begin, told)
    some = [forks.Process(target=_fetch, args=what) for _ in range(4)]
    for one in some:
        one.start()
    answers = [told.get(timeout=30) for _ in range(5)]
    for one in some:
        one.join(timeout=30)
    assert sorted(map(str, answers)) == sorted([str(stored_clip.size)] * 4 + ["fetched"])


def test_what_waits_for_a_fetch_beats(stored_clip: SpeakerClip, media_root: Path) -> None:
    lose_copies(media_root)

    class GaveUpError(Exception):
        pass

    def beat() -> None:
        raise GaveUpError

    with Hold(objects._hold_of(str(stored_clip.file))) as hold:
        hold.take(fcntl.LOCK_EX)
        with pytest.raises(GaveUpError), objects.local(str(stored_clip.file), stored_clip.sha256, beat=beat):
            pass


def test_what_was_not_used_for_longest_goes_first_and_comes_back(
    stored_clip: SpeakerClip, stored_track: AudioTrack, media_root: Path, settings: Settings
) -> None:
    settings.S3_CACHE_BYTES = stored_clip.size + stored_clip.size // 2
    make_old(media_root)
    with objects.local(str(stored_clip.file), stored_clip.sha256):
        pass
    dated = stored_clip.path.stat().st_mtime
    assert dated < time.time() - 3600, "using it does not change its date"
    assert objects.trim() >= 1
    assert stored_clip.path.exists()
    assert not stored_track.path.exists()
    with objects.local(str(stored_track.file), stored_track.sha256) as path:
        assert path.stat().st_size == stored_track.size


def test_what_is_in_use_or_was_lately_stays(
    stored_clip: SpeakerClip, stored_track: AudioTrack, media_root: Path, settings: Settings
) -> None:
    settings.S3_CACHE_BYTES = 0
    assert objects.trim() == 0, "it was only just used"
    make_old(media_root)
    with objects.local(str(stored_clip.file), stored_clip.sha256):
        make_old(media_root)
        assert objects.trim() == 2, "the voice and the still"
        assert stored_clip.path.exists()
    make_old(media_root)
    assert objects.trim() == 1
    assert list((media_root / "holds").iterdir()) == []


def test_what_is_nowhere_else_stays(clip: SpeakerClip, media_root: Path, settings: Settings, s3: Any) -> None:
    settings.S3_CACHE_BYTES = 0
    make_old(media_root)
    assert objects.trim() == 0
    assert clip.path.exists()


def test_the_sweep_trims_on_each_machine(stored_clip: SpeakerClip, media_root: Path, settings: Settings) -> None:
    settings.S3_CACHE_BYTES, settings.NODE_NAME = 0, "first"
    cleanup.run_due()
    make_old(media_root)
    cleanup.run_due()
    assert stored_clip.path.exists(), "it was looked after only just now"
    settings.NODE_NAME = "second"
    cleanup.run_due()
    assert not stored_clip.path.exists()


def test_the_sweep_lives_without_the_bucket(
    stored_clip: SpeakerClip, media_root: Path, settings: Settings, s3_down: Down
) -> None:
    settings.S3_CACHE_BYTES = 0
    make_old(media_root)
    (media_root / storage.CLIPS / "orphan.mp4").write_bytes(b"x")
    making.age(media_root / storage.CLIPS / "orphan.mp4")
    s3_down()
    cleanup.run_due()
    assert stored_clip.path.exists()
    assert cleanup.was_run_lately()


def test_what_was_sent_by_halves_goes_after_a_day(s3: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("clips/half.mp4", "somebody/elses"):
        s3.create_multipart_upload(Bucket=settings.S3_BUCKET, Key=name)
    monkeypatch.setattr(bucket, "HALF_SENT", timedelta(days=36500))  # this server says of all that they began in 2010
    assert objects.remove_half_sent() == 0
    monkeypatch.undo()
    cleanup.keep_the_bucket()
    assert keys(s3, settings) == {"somebody/elses by halves"}


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
    assert bin.empty_due().files == 0
    s3_down(False)
    assert name in keys(s3, settings)
    assert bin.empty_due().files == 1
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
