"""The bin: what is put there is out of sight and of the quota, comes back whole for a week, and then its file goes for good."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projects import access, bin, cleanup, doctor, jobs, quotas, uploads
from projects.errors import ProjectError
from projects.models import AudioTrack, Project, QuotaPlan, RenderJob, RenderOutput, SpeakerClip
from tests import making


@pytest.fixture
def done(output: RenderOutput) -> RenderJob:
    return output.job


def age(thing: bin.Thing, days: float) -> None:
    type(thing).objects.filter(pk=thing.pk).update(binned_at=timezone.now() - timedelta(days=days))


def emptied() -> tuple[int, int]:
    """How many files an emptying of what is due removes, and their bytes."""
    sizes = [thing.size for thing in bin.removing()]
    return len(sizes), sum(sizes)


def things(job: RenderJob) -> tuple[bin.Thing, ...]:
    return job.output, job.clip, job.track


def test_what_is_in_the_bin_is_out_of_sight_and_of_the_quota(done: RenderJob, owner: User, owner_client: Client) -> None:
    assert quotas.room_of_person(owner).used > 0
    for thing in things(done):
        bin.put(thing, by=owner)
    assert quotas.room_of_person(owner).used == 0
    for rows in (access.clips_of(owner), access.tracks_of(owner), access.outputs_of(owner)):
        assert not rows.exists()
    assert owner_client.get(done.output.file_url).status_code == 404
    assert done.clip.file_url not in owner_client.get(f"/projects/{done.project_id}/").text
    assert owner_client.get(done.clip.still_url).status_code == 200, "its renders still show it"
    assert "The video is in the bin" in owner_client.get(f"/jobs/{done.pk}/").text
    assert all(Path(thing.path).is_file() for thing in things(done))


def test_it_comes_back_whole(done: RenderJob, owner: User, owner_client: Client) -> None:
    for kind, thing in zip(("videos", "clips", "voices"), things(done), strict=True):
        url = f"/storage/{kind}/{thing.pk}/"
        owner_client.post(f"{url}delete/")
        assert owner_client.post(f"{url}delete/").status_code == 404
        assert "Restore" in owner_client.get("/storage/").text
        owner_client.post(f"{url}restore/")
        thing.refresh_from_db()
        assert thing.is_kept
        assert thing.binned_by is None
    assert owner_client.get(done.output.file_url).status_code == 200


def test_after_a_week_the_file_goes_and_the_row_tells(done: RenderJob, owner: User, owner_client: Client) -> None:
    for thing in things(done):
        bin.put(thing, by=owner)
        age(thing, bin_days() - 0.01)
    assert emptied() == (0, 0)
    for thing in things(done):
        age(thing, bin_days() + 0.01)
    size = sum(thing.size for thing in things(done))
    assert emptied() == (3, size)
    assert emptied() == (0, 0)
    done.refresh_from_db()
    assert not any(Path(thing.path).exists() for thing in things(done))
    page = owner_client.get(f"/jobs/{done.pk}/")
    assert "The video was deleted." in page.text
    with pytest.raises(ProjectError) as refused:
        bin.restore(done.output)
    assert refused.value.code == "gone"
    assert cleanup.remove_orphan_files() == 0
    assert [finding.gravity for finding in doctor.rows_without_files()] == [doctor.Gravity.FINE]


def bin_days() -> int:
    from projects.models.kept import BIN_DAYS

    return BIN_DAYS


def test_what_a_render_needs_stays(job: RenderJob, owner: User) -> None:
    for thing in (job.clip, job.track):
        with pytest.raises(ProjectError) as refused:
            bin.put(thing, by=owner)
        assert refused.value.code == "in_use"
    age(job.clip, 30)
    assert emptied()[0] == 0, "put there behind our back, and still needed"
    jobs.cancel(job=job)
    assert emptied()[0] == 1


def test_nothing_is_rendered_from_the_bin(job: RenderJob, owner: User, project: Project) -> None:
    jobs.cancel(job=job)
    bin.put(job.track, by=owner)
    job.refresh_from_db()
    with pytest.raises(ProjectError) as refused:
        jobs.retry(job=RenderJob.objects.get(pk=job.pk), by=owner)
    assert refused.value.code == "in_bin"


def test_the_same_bytes_again_are_a_new_voice(project: Project, owner: User, voice_file: Path) -> None:
    first = uploads.add_track(project=project, uploaded_file=making.upload(voice_file))
    assert uploads.add_track(project=project, uploaded_file=making.upload(voice_file)) == first
    bin.put(first, by=owner)
    assert uploads.add_track(project=project, uploaded_file=making.upload(voice_file)) != first


def test_what_no_longer_fits_stays_in_the_bin(clip: SpeakerClip, track: AudioTrack, owner: User) -> None:
    bin.put(clip, by=owner)
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=track.size)
    with pytest.raises(ProjectError) as refused:
        bin.restore(clip)
    assert refused.value.code == "quota_bytes"
    clip.refresh_from_db()
    assert not clip.is_kept


def test_a_full_plan_has_room_again_once_something_is_deleted(
    clip: SpeakerClip, project: Project, owner: User, owner_client: Client, voice_file: Path
) -> None:
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=max(clip.size, voice_file.stat().st_size))
    body = {"project": str(project.pk)}
    refused = owner_client.post("/api/v1/tracks/", body | {"file": making.upload(voice_file)})
    assert refused.json()["code"] == "quota_bytes"
    assert owner_client.get("/api/v1/usage/").json()["bytes"]["used"] == clip.size
    assert owner_client.delete(f"/api/v1/clips/{clip.pk}/").status_code == 204
    assert owner_client.post("/api/v1/tracks/", body | {"file": making.upload(voice_file)}).status_code == 201
    assert owner_client.post(f"/api/v1/clips/{clip.pk}/restore/").json()["code"] == "quota_bytes"


def test_a_script_deletes_and_restores(done: RenderJob, owner_client: Client) -> None:
    for url in (f"outputs/{done.pk}/", f"clips/{done.clip_id}/", f"tracks/{done.track_id}/"):
        assert owner_client.delete(f"/api/v1/{url}").status_code == 204
        assert owner_client.get(f"/api/v1/{url}").status_code == 404
        assert owner_client.post(f"/api/v1/{url}restore/").status_code == 200
        assert owner_client.get(f"/api/v1/{url}").status_code == 200


def test_a_stranger_restores_nothing(done: RenderJob, owner: User, stranger_client: Client) -> None:
    for kind, thing in zip(("videos", "clips", "voices"), things(done), strict=True):
        bin.put(thing, by=owner)
        assert stranger_client.post(f"/storage/{kind}/{thing.pk}/restore/").status_code == 404
        thing.refresh_from_db()
        assert not thing.is_kept
    assert "Restore" not in stranger_client.get("/storage/").text


def test_the_way_back_stays_on_this_site(clip: SpeakerClip, owner_client: Client) -> None:
    for wanted, place in (("//evil.example/", "/storage/"), ("https://evil.example/", "/storage/"), ("/queue/", "/queue/")):
        answer = owner_client.post(f"/storage/clips/{clip.pk}/delete/", {"next": wanted})
        assert answer["Location"] == place
        owner_client.post(f"/storage/clips/{clip.pk}/restore/")


def test_the_storage_page_costs_as_much_for_many_projects(done: RenderJob, owner: User, owner_client: Client) -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert owner_client.get("/storage/").status_code == 200
        counts.append(len(asked))
        Project.objects.bulk_create(Project(owner=owner, name=f"Project {number}") for number in range(5))
    assert counts[0] == counts[1] <= 28
