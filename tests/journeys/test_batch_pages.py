"""The board of a batch: as a list where its grid would be empty for the most part, and in pages where it is long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from projects import batches, bin, claims, turns
from projects.models import AudioTrack, Project, QuotaPlan, RenderBatch, RenderJob, Speaker, SpeakerClip
from projects.pages import batches as pages
from tests import making

COUNT = 6


@pytest.fixture
def clips(speaker: Speaker, clip_file: Path) -> list[SpeakerClip]:
    return [making.clip(speaker, clip_file, title=f"Take {number}") for number in range(COUNT)]


@pytest.fixture
def tracks(project: Project, voice_file: Path) -> list[AudioTrack]:
    return [making.track(project, voice_file, title=f"Voice {number}") for number in range(COUNT)]


def batch_of(cells: list[batches.Cell], owner: User) -> RenderBatch:
    return batches.submit(project=cells[0][0].speaker.project, cells=cells, created_by=owner)


def test_each_clip_with_each_voice_is_a_grid(
    owner_client: Client, owner: User, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    batch = batch_of(batches.matrix(clips[:2], tracks[:2]), owner)
    page = owner_client.get(f"/batches/{batch.pk}/").text
    assert page.count("<td>") == 4
    assert page.count('class="cell state-queued"') == 4


def test_few_cells_in_a_wide_grid_are_a_list(
    owner_client: Client, owner: User, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    batch = batch_of(list(zip(clips, tracks, strict=True)), owner)
    page = owner_client.get(f"/batches/{batch.pk}/").text
    assert "<table" not in page
    assert all(track.title in page for track in tracks)
    assert page.count('class="cell state-queued"') == COUNT


def test_another_clip_takes_the_place_of_a_deleted_one(
    owner_client: Client, owner: User, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    old, new, *others = clips
    batch = batch_of([(old, tracks[0]), (old, tracks[1])], owner)
    batches.cancel(batch=batch)
    for clip in (old, *others):
        bin.put(clip, by=owner)
    assert f"/batches/{batch.pk}/clips/{old.pk}/replace/" in owner_client.get(f"/batches/{batch.pk}/").text
    owner_client.post(f"/batches/{batch.pk}/clips/{old.pk}/replace/", {"clip": str(new.pk)})
    assert [job.clip for job in batches.cells(batch)] == [new, new]
    batches.cancel(batch=batch)
    bin.restore(others[0])
    bin.put(new, by=owner)
    body = {"old": str(new.pk), "new": str(others[0].pk)}
    assert owner_client.post(f"/api/v1/batches/{batch.pk}/replace/", body, "application/json").status_code == 202
    assert [job.clip for job in batches.cells(batch)] == [others[0], others[0]]


def test_a_long_board_comes_in_pages_that_stay_while_it_is_watched(
    owner_client: Client, owner: User, clips: list[SpeakerClip], tracks: list[AudioTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS_SHOWN", 2)
    batch = batch_of(batches.matrix(clips, tracks[:1]), owner)
    second = owner_client.get(f"/batches/{batch.pk}/?page=2").text
    watched = owner_client.get(f"/batches/{batch.pk}/live/?page=2").text
    for text in (second, watched):
        assert [f">{clip.title}<" in text for clip in clips] == [False, False, True, True, False, False]
        assert f"/batches/{batch.pk}/live/?page=2" in text
        assert f"0 of {COUNT} videos are done" in text


def test_the_videos_of_a_lecturer_come_in_pages_of_their_own(
    owner_client: Client,
    owner: User,
    clips: list[SpeakerClip],
    tracks: list[AudioTrack],
    clip_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("projects.pages.lecturers.VIDEOS_SHOWN", 1)
    batch = batch_of(batches.matrix(clips[:2], tracks[:1]), owner)
    for job in batches.cells(batch).in_turn():
        making.output(job, clip_file)
    first, second = (owner_client.get(f"/lecturers/{clips[0].speaker_id}/?videos={number}").text for number in (1, 2))
    assert "2 videos" in first
    assert "?videos=2" in first
    links = [[f"/jobs/{job.pk}/" in text for job in batches.cells(batch)] for text in (first, second)]
    assert sorted(links) == [[False, True], [True, False]]


def cell(clip: SpeakerClip, track: AudioTrack) -> str:
    return f"{clip.pk}:{track.pk}"


def test_the_footer_says_how_much_of_the_room_left_the_videos_take(
    owner_client: Client, project: Project, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    url, chosen = f"/projects/{project.pk}/batches/estimate/", {"cell": [cell(clips[0], track) for track in tracks]}
    assert "left" not in owner_client.post(url, chosen).text
    plan = QuotaPlan.objects.create(name="Team", bytes_per_person=20 * 10**9, is_usual=True)
    text = " ".join(owner_client.post(url, chosen).text.split())
    assert f"{COUNT} videos" in text
    assert re.search("about [0-9.]+ [KM]B of the 18.6 GB left", text)
    QuotaPlan.objects.filter(pk=plan.pk).update(bytes_per_person=1)
    assert "field-error" in owner_client.post(url, chosen).text


def test_a_shorter_way_to_make_them_takes_less(
    owner_client: Client, project: Project, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    SpeakerClip.objects.update(duration=2.0)
    AudioTrack.objects.update(duration=600.0)
    url, chosen = f"/projects/{project.pk}/batches/estimate/", {"cell": [cell(clips[0], tracks[0])]}
    assert "minutes" in owner_client.post(url, chosen).text
    assert "minutes" not in owner_client.post(url, {**chosen, "longer": "cut"}).text


def test_a_link_ticks_a_cell_that_is_too_old_to_be_shown(
    owner_client: Client,
    stranger_client: Client,
    project: Project,
    clips: list[SpeakerClip],
    tracks: list[AudioTrack],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "CLIPS_SHOWN", 1)
    monkeypatch.setattr(pages, "VOICES_SHOWN", 1)
    url = f"/projects/{project.pk}/batches/new/?preset=best&cell={cell(clips[0], tracks[0])}"
    text = owner_client.get(url).text
    assert re.findall(r'value="([^"]*)"\s+checked', text) == [cell(clips[0], tracks[0]), "best"]
    assert 'value="draft"' not in text  # a draft is for one video
    assert stranger_client.get(url).status_code == 404
    assert owner_client.get(f"/projects/{project.pk}/batches/new/?cell=none:of:this").status_code == 404


def test_a_cell_fills_while_its_video_is_made(
    owner_client: Client, owner: User, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    batch = batch_of(batches.matrix(clips[:1], tracks[:2]), owner)
    assert 'class="fill"' not in owner_client.get(f"/batches/{batch.pk}/live/").text
    claim = claims.claim()
    assert claim is not None
    RenderJob.objects.filter(pk=claim.job_id).update(progress=0.4)
    page = owner_client.get(f"/batches/{batch.pk}/live/").text
    assert re.findall(r'class="fill"\s+max="1"\s+value="([^"]*)"', page) == ["0.400"]


def test_a_batch_in_a_paused_queue_says_so_and_offers_to_go_on(
    owner_client: Client, owner: User, project: Project, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    address = batch_of(batches.matrix(clips[:2], tracks[:1]), owner).get_absolute_url()
    teammate = making.browser(making.member(project, "edgar", "editor"))
    assert "paused" not in owner_client.get(address).text
    turns.pause(user=owner)
    mine, theirs = (client.get(address).text for client in (owner_client, teammate))
    assert "Your queue is paused." in mine
    assert "Resume my queue" in mine
    assert "olga, who asked for it, has paused their queue." in theirs
    assert "Resume my queue" not in theirs


def test_a_batch_of_nothing_leaves_the_further_choices_folded(
    owner_client: Client, project: Project, clips: list[SpeakerClip], tracks: list[AudioTrack]
) -> None:
    address = f"/projects/{project.pk}/batches/new/"
    nothing = owner_client.post(address, {"preset": "standard"}).text
    assert "Choose at least one clip with one voice." in nothing
    assert '<details class="fold" open>' not in nothing
    pattern = owner_client.post(address, {"preset": "standard", "cell": cell(clips[0], tracks[0]), "name_pattern": "a"}).text
    assert '<details class="fold" open>' in pattern
