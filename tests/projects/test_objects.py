"""A bucket as the home of finished files: what is taken in lies there, checked, and comes from there."""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client
from pytest_django import Settings

from lipsync.keeping import Hold
from projects import bucket, cleanup, consents, objects, rendering, storage, uploads
from projects.errors import Missing, Unavailable
from projects.models import (
    AudioTrack,
    Project,
    RenderJob,
    Speaker,
    SpeakerClip,
    Status,
    UploadState,
)
from tests import making
from tests.projects.buckets import Down, content, keys, lose_copies, make_old
from tests.projects.renders import wait_over
from tests.projects.test_resumable import announce, send

Script = Callable[[str], None]


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
