"""The board of a batch: as a list where its grid would be empty for the most part, and in pages where it is long."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from projects import batches
from projects.models import AudioTrack, Project, RenderBatch, Speaker, SpeakerClip
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
