"""Batches: cells each once, all or none, one that fails stops no other, what failed again, and one archive of what is done."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from projects import archives, batches, claims, jobs
from projects.errors import ProjectError
from projects.models import (
    AudioTrack,
    AuditEntry,
    Choice,
    Family,
    Project,
    RenderBatch,
    RenderJob,
    Speaker,
    SpeakerClip,
    Status,
)
from projects.models.library import TITLE_LENGTH
from tests import making

Cells = list[batches.Cell]
COUNTS = {"total": 6, "queued": 6, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0}


@pytest.fixture
def clips(speaker: Speaker, clip_file: Path) -> list[SpeakerClip]:
    return [making.clip(speaker, clip_file, title=f"Take {number}") for number in (1, 2, 3)]


@pytest.fixture
def tracks(project: Project, voice_file: Path) -> list[AudioTrack]:
    return [making.track(project, voice_file, title=title) for title in ("Welcome", "Farewell")]


@pytest.fixture
def cells(clips: list[SpeakerClip], tracks: list[AudioTrack]) -> Cells:
    return batches.matrix(clips, tracks)


@pytest.fixture
def batch(project: Project, cells: Cells, owner: User) -> RenderBatch:
    return batches.submit(project=project, cells=cells, created_by=owner, name="Spring course")


def fail(job: RenderJob, code: str = "no_face") -> None:
    """The job ends without a video."""
    RenderJob.objects.filter(pk=job.pk).update(
        status=Status.FAILED, error_family=Family.INPUT, error_code=code, error_message="No face.", finished_at=job.created_at
    )


def finish(batch: RenderBatch, source: Path) -> None:
    """Every waiting job of the batch ends with a video."""
    for _each in range(batches.cells(batch).filter(status=Status.QUEUED).count()):
        claim = claims.claim()
        assert claim is not None
        making.finish(claim, source)


def states(batch: RenderBatch) -> dict[str, int]:
    told = batches.progress(batch).counts
    return {status: count for status, count in told.items() if count}


# --- asking -----------------------------------------------------------------------------------------------------------
def test_each_clip_with_each_voice_waits_once(project: Project, cells: Cells, owner: User) -> None:
    choice = Choice(denoise=True)
    batch = batches.submit(project=project, cells=[*cells, *cells], created_by=owner, choice=choice, preset="best")
    assert states(batch) == {"queued": 6}
    assert {(job.clip_id, job.track_id) for job in batch.jobs.all()} == {(clip.pk, track.pk) for clip, track in cells}
    assert {(job.choice, job.preset) for job in batch.jobs.all()} == {(choice, "best")}
    assert batch.jobs.first().log_lines.get().text.startswith("waiting: Take")
    assert batch.name


def test_a_batch_is_queued_in_few_statements(
    project: Project, cells: Cells, owner: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(17):
        batches.submit(project=project, cells=cells, created_by=owner)


def test_all_are_queued_or_none(
    project: Project, cells: Cells, owner: User, stranger_speaker: Speaker, clip_file: Path
) -> None:
    foreign = making.clip(stranger_speaker, clip_file)
    with pytest.raises(ProjectError) as refusal:
        batches.submit(project=project, cells=[*cells, (foreign, cells[0][1])], created_by=owner)
    assert refusal.value.code == "wrong_project"
    assert not RenderBatch.objects.exists()
    assert not RenderJob.objects.exists()


def test_nothing_and_too_much_are_refused(project: Project, cells: Cells, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_CELLS", 5)
    for some, code in (([], "no_cells"), (cells, "too_many_cells")):
        with pytest.raises(ProjectError) as refusal:
            batches.submit(project=project, cells=some, created_by=owner)
        assert refusal.value.code == code
    assert not RenderBatch.objects.exists()


def test_what_it_takes_grows_with_its_cells(cells: Cells) -> None:
    one, all_six = batches.need(cells[:1]), batches.need([*cells, *cells])
    assert all_six.videos == 6
    assert all_six.video == pytest.approx(6 * making.VOICE_SECONDS)
    assert all_six.size == pytest.approx(6 * one.size, rel=0.01)
    assert one.work < all_six.work < 7 * one.work
    assert batches.need([]) == batches.Need(0, 0.0, 0, 0)


# --- what fails -------------------------------------------------------------------------------------------------------
def test_one_that_fails_stops_no_other_and_is_run_again(batch: RenderBatch, owner: User, clip_file: Path) -> None:
    lost = batches.cells(batch)[1]
    fail(lost)
    finish(batch, clip_file)
    assert states(batch) == {"succeeded": 5, "failed": 1}
    assert batches.retry_failed(batch=batch, by=owner) == 1
    assert batches.retry_failed(batch=batch, by=owner) == 0, "it waits already"
    assert states(batch) == {"succeeded": 5, "queued": 1}
    finish(batch, clip_file)
    assert states(batch) == {"succeeded": 6}
    assert batch.jobs.count() == 7


def test_a_cell_is_tried_again_once_whoever_asks(batch: RenderBatch, owner: User) -> None:
    lost = batches.cells(batch)[0]
    fail(lost)
    lost.refresh_from_db()
    again = jobs.retry(job=lost, by=owner)
    assert (jobs.retry(job=lost, by=owner), again.batch) == (again, batch)
    assert batches.retry_failed(batch=batch, by=owner) == 0
    fail(again)
    assert jobs.retry(job=lost, by=owner).retry_of == again, "what is asked for is another try, not another failure"
    assert states(batch) == {"queued": 6}


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_queue_each_cell_once(batch: RenderBatch, owner: User) -> None:
    for job in batches.cells(batch):
        fail(job)
    counts: list[int] = []

    def ask(barrier: threading.Barrier) -> None:
        barrier.wait(10)
        counts.append(batches.retry_failed(batch=batch, by=owner))
        close_old_connections()

    barrier = threading.Barrier(4)
    askers = [threading.Thread(target=ask, args=(barrier,)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(30)
    assert sorted(counts) == [0, 0, 0, 6]
    assert states(batch) == {"queued": 6}


def test_another_clip_takes_the_place_of_one_that_failed(
    batch: RenderBatch, clips: list[SpeakerClip], tracks: list[AudioTrack], owner: User, speaker: Speaker, clip_file: Path
) -> None:
    for job in batches.cells(batch).filter(clip=clips[0]):
        fail(job)
    better = making.clip(speaker, clip_file, title="Take 1, again")
    assert batches.replace_clip(batch=batch, old=clips[0], new=better, by=owner) == 2
    assert states(batch) == {"queued": 6}
    assert {job.clip for job in batches.cells(batch)} == {better, *clips[1:]}
    with pytest.raises(ProjectError) as refusal:
        batches.replace_clip(batch=batch, old=clips[0], new=better, by=owner)
    assert refusal.value.code == "nothing_failed"


def test_a_clip_that_is_in_the_batch_is_not_rendered_twice(batch: RenderBatch, clips: list[SpeakerClip], owner: User) -> None:
    for job in batches.cells(batch).filter(clip=clips[0]):
        fail(job)
    with pytest.raises(ProjectError) as refusal:
        batches.replace_clip(batch=batch, old=clips[0], new=clips[1], by=owner)
    assert refusal.value.code == "nothing_failed"
    with pytest.raises(ProjectError) as refusal:
        batches.replace_clip(batch=batch, old=clips[0], new=clips[0], by=owner)
    assert refusal.value.code == "same_clip"


def test_the_rest_is_cancelled_and_what_is_done_stays(batch: RenderBatch, clip_file: Path) -> None:
    making.output(batches.cells(batch).in_turn()[0], clip_file)
    assert batches.cancel(batch=batch) == 5
    assert states(batch) == {"succeeded": 1, "cancelled": 5}
    assert batches.progress(batch).share == 1.0


def test_many_are_cancelled_in_as_many_queries_as_one(batch: RenderBatch, cells: Cells, project: Project, owner: User) -> None:
    single, counts = batches.submit(project=project, cells=cells[:1], created_by=owner), []
    for which in (single, batch):
        with CaptureQueriesContext(connection) as asked:
            batches.cancel(batch=which)
        counts.append(len(asked))
    assert counts[0] == counts[1]
    lines = [job.log_lines.last().text for job in batch.jobs.all()]
    assert lines == ["cancelled while nobody worked on it"] * 6
    assert AuditEntry.objects.filter(verb="job.cancelled").count() == 7


# --- the archive ------------------------------------------------------------------------------------------------------
def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        assert bundle.testzip() is None
        return {name.partition("/")[2]: bundle.read(name) for name in bundle.namelist()}


def test_the_archive_has_what_its_manifest_says(batch: RenderBatch, tracks: list[AudioTrack], clip_file: Path) -> None:
    AudioTrack.objects.filter(pk=tracks[0].pk).update(language="de", title="=Guten Tag/Welt")
    fail(batches.cells(batch).get(clip__title="Take 2", track=tracks[1]))
    finish(batch, clip_file)
    bundle = archives.archive(batch)
    data = b"".join(bundle.pieces)
    assert bundle.name == "Spring course.zip"
    assert len(data) == bundle.size
    files = unpacked(data)
    manifest = json.loads(files.pop("manifest.json"))
    table = list(csv.DictReader(io.StringIO(files.pop("manifest.csv").decode("utf-8-sig"))))
    assert {entry["file"] for entry in manifest["files"]} == set(files)
    assert [row["file"] for row in table] == [entry["file"] for entry in manifest["files"]]
    assert "Li Wei_Take 1_=Guten Tag-Welt_de.mp4" in files
    assert "Li Wei_Take 1_Farewell.mp4" in files
    for entry in manifest["files"]:
        assert entry["size_bytes"] == len(files[entry["file"]])
        assert entry["speaker"] == "Li Wei"
        assert entry["quality"] == {"sharpness": 0.9}
    assert sha256(files["Li Wei_Take 3_Farewell.mp4"]).digest() == sha256(clip_file.read_bytes()).digest()
    assert table[0]["quality_sharpness"] == "0.9"
    assert {row["voice"] for row in table if row["language"]} == {"'=Guten Tag/Welt"}, "no formula for a spreadsheet"
    (lost,) = manifest["missing"]
    assert (lost["clip"], lost["state"], lost["error_code"]) == ("Take 2", "failed", "no_face")


def test_a_video_whose_file_is_gone_is_said_to_be_missing(batch: RenderBatch, clip_file: Path) -> None:
    finish(batch, clip_file)
    batches.cells(batch)[0].output.path.unlink()
    files = unpacked(b"".join(archives.archive(batch).pieces))
    manifest = json.loads(files["manifest.json"])
    assert len(manifest["files"]) == 5
    assert [entry["state"] for entry in manifest["missing"]] == ["file_missing"]


def test_equal_names_are_numbered(batch: RenderBatch, clip_file: Path) -> None:
    RenderBatch.objects.filter(pk=batch.pk).update(name_pattern="{speaker}")
    batch.refresh_from_db()
    finish(batch, clip_file)
    names = [name for name in unpacked(b"".join(archives.archive(batch).pieces)) if name.endswith(".mp4")]
    assert names == ["Li Wei.mp4", *(f"Li Wei ({number}).mp4" for number in range(2, 7))]


def test_an_archive_of_the_longest_name_can_be_unpacked(batch: RenderBatch, clip_file: Path, tmp_path: Path) -> None:
    batch.name = "课" * TITLE_LENGTH
    finish(batch, clip_file)
    with zipfile.ZipFile(io.BytesIO(b"".join(archives.archive(batch).pieces))) as bundle:
        bundle.extractall(tmp_path / "unpacked")
    (folder,) = (tmp_path / "unpacked").iterdir()
    assert (folder / "manifest.json").is_file()


def test_before_anything_is_finished_there_is_no_archive(batch: RenderBatch, owner_client: Client) -> None:
    answer = owner_client.get(f"/api/v1/batches/{batch.pk}/archive.zip")
    assert answer.status_code == 422
    assert answer.json()["code"] == "nothing_finished"
    page = owner_client.get(f"/batches/{batch.pk}/archive.zip", follow=True)
    assert "Come back when the first one is." in page.text


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{speaker}_{voice}_{language}", "Li Wei_a-b"),
        ("{number} {clip}", "003 Take-1"),
        ("../../{clip}", "Take-1"),
        ("/etc/{speaker}\\..\\{clip}", "etc-Li Wei-..-Take-1"),
        ("{language}{language} {language}", "video"),
        ("con{language}", "con_"),
        ("{voice}" * 2 + "长" * 100, "a-ba-b" + "长" * 58),
    ],
)
def test_names_are_safe_on_every_system(pattern: str, name: str) -> None:
    values = {"speaker": "Li Wei", "clip": "Take/1", "voice": "a:b\u202e", "number": "003"}
    made = archives.file_name(archives.checked_pattern(pattern), values)
    assert made == name
    assert not set(made) & set('\\/:*?"<>|')


@pytest.mark.parametrize("pattern", ["{who}", "{speaker.__class__}", "{speaker!r}", "{speaker:>9}", "{", "video", "{0}", "{}"])
def test_other_fields_are_refused(pattern: str) -> None:
    with pytest.raises(ProjectError) as refusal:
        archives.checked_pattern(pattern)
    assert refusal.value.code == "name_pattern_invalid"


# --- scripts ----------------------------------------------------------------------------------------------------------
def test_a_script_makes_the_same_batch_once(owner_client: Client, project: Project, cells: Cells) -> None:
    clips, tracks = ({str(cell[side].pk) for cell in cells} for side in (0, 1))
    body = {"project": str(project.pk), "clips": sorted(clips), "tracks": sorted(tracks), "name": "Course"}

    def ask(**changed: object) -> tuple[int, dict[str, object]]:
        headers = {"Idempotency-Key": "course-1"}
        url = "/api/v1/batches/"
        answer = owner_client.post(url, {**body, **changed}, content_type="application/json", headers=headers)
        return answer.status_code, answer.json()

    code, made = ask()
    assert (code, made["cells"], made["progress"]) == (202, COUNTS, 0.0)
    code, again = ask()
    assert (code, again["id"]) == (200, made["id"])
    assert ask(name="Another")[1]["code"] == "idempotency_mismatch"
    assert RenderJob.objects.count() == 6
    listed = owner_client.get(str(made["jobs_url"])).json()["results"]
    assert {job["batch"] for job in listed} == {made["id"]}
    needed = owner_client.post("/api/v1/batches/estimate/", body, content_type="application/json").json()
    assert (needed["videos"], needed["video_seconds"]) == (6, 9.0)


def test_a_stranger_can_use_none_of_it_in_a_batch(
    stranger_client: Client, project: Project, cells: Cells, stranger: User
) -> None:
    own = stranger.projects.get()
    pair = {"clip": str(cells[0][0].pk), "track": str(cells[0][1].pk)}
    for whose in (project, own):
        body = {"project": str(whose.pk), "cells": [pair]}
        for url in ("/api/v1/batches/", "/api/v1/batches/estimate/"):
            assert stranger_client.post(url, body, content_type="application/json").status_code == 404
        form = {"cell": f"{pair['clip']}:{pair['track']}"}
        for part in ("new", "estimate"):
            assert stranger_client.post(f"/projects/{whose.pk}/batches/{part}/", form).status_code == 404
    assert not RenderBatch.objects.exists()


# --- pages ------------------------------------------------------------------------------------------------------------
def test_the_page_makes_a_batch_of_the_ticked_cells_once(owner_client: Client, project: Project, cells: Cells) -> None:
    page = owner_client.get(f"/projects/{project.pk}/batches/new/")
    assert page.text.count('name="cell"') == 6
    ticked = [f"{clip.pk}:{track.pk}" for clip, track in cells[:3]]
    form = {"cell": ticked, "once": "a-token", "name": "", "name_pattern": "{speaker}"}
    first, second = (owner_client.post(f"/projects/{project.pk}/batches/new/", form) for _ in range(2))
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    batch = RenderBatch.objects.get()
    assert states(batch) == {"queued": 3}
    assert batch.name_pattern == "{speaker}"
    needed = owner_client.post(f"/projects/{project.pk}/batches/estimate/", form)
    assert "3 videos" in needed.text


def test_what_was_ticked_stays_after_a_refusal(owner_client: Client, project: Project, cells: Cells) -> None:
    form = {"cell": [f"{clip.pk}:{track.pk}" for clip, track in cells[:2]], "name_pattern": "{who}"}
    page = owner_client.post(f"/projects/{project.pk}/batches/new/", form)
    assert page.status_code == 422
    assert page.text.count("checked") == 3  # two cells and a preset
    assert "File names are made of words" in page.text
    empty = owner_client.post(f"/projects/{project.pk}/batches/new/", {})
    assert "Choose at least one clip with one voice." in empty.text


def test_the_batch_page_tells_what_failed_and_offers_another_clip(
    owner_client: Client, batch: RenderBatch, clips: list[SpeakerClip], clip_file: Path, speaker: Speaker
) -> None:
    for job in batches.cells(batch).filter(clip=clips[0]):
        fail(job)
    finish(batch, clip_file)
    better = making.clip(speaker, clip_file, title="Better take")
    page = owner_client.get(f"/batches/{batch.pk}/")
    assert "4 videos as ZIP" in page.text
    assert page.text.count("No face.") >= 2
    answer = owner_client.post(f"/batches/{batch.pk}/clips/{clips[0].pk}/replace/", {"clip": str(better.pk)}, follow=True)
    assert "2 videos are queued again." in answer.text
    assert "Better take" in owner_client.get(f"/batches/{batch.pk}/live/").text
    owner_client.post(f"/batches/{batch.pk}/cancel/")
    assert states(batch) == {"succeeded": 4, "cancelled": 2}
    owner_client.post(f"/batches/{batch.pk}/retry/")
    assert states(batch) == {"succeeded": 4, "queued": 2}


def test_the_number_of_queries_does_not_grow_with_the_cells(
    owner_client: Client,
    batch: RenderBatch,
    project: Project,
    owner: User,
    clips: list[SpeakerClip],
    tracks: list[AudioTrack],
) -> None:
    small = batches.submit(project=project, cells=[(clips[0], tracks[0])], created_by=owner)
    for url in ("/projects/{project}/batches/", "/projects/{project}/batches/new/", "/batches/{batch}/"):
        counts = []
        for which in (small, batch):
            with CaptureQueriesContext(connection) as asked:
                owner_client.get(url.format(project=project.pk, batch=which.pk))
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 12, (url, counts)
