"""Storage: what takes the room, by age too, what goes when, and what can be done about it; and what is told beforehand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from projects import ages
from projects.models import AudioTrack, Project, QuotaPlan, RenderJob, RenderOutput, RetentionPolicy, SpeakerClip, Status


def aged(row: SpeakerClip | AudioTrack | RenderOutput, days: float, size: int) -> None:
    type(row).objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=days), size=size)


def test_what_is_kept_is_told_by_age_and_kind(
    project: Project,
    clip: SpeakerClip,
    track: AudioTrack,
    add_job: Callable[..., RenderJob],
    add_clip: Callable[..., SpeakerClip],
) -> None:
    output = add_job(Status.SUCCEEDED).output
    aged(clip, 29.9, 1000)
    aged(track, 31, 200)
    aged(output, 91, 30)
    aged(add_clip("Old"), 366, 4)
    gone = add_clip("Gone")
    SpeakerClip.objects.filter(pk=gone.pk).update(binned_at=timezone.now())
    found = ages.of_projects([project.pk])
    assert [(age.since, age.until) for age in found] == [(0, 30), (30, 90), (90, 365), (365, None)]
    assert [(age.clips, age.tracks, age.outputs) for age in found] == [(1000, 0, 0), (0, 200, 0), (0, 0, 30), (4, 0, 0)]


def test_a_part_of_the_page_shows_it_and_strangers_see_none_of_it(
    owner_client: Client, stranger_client: Client, clip: SpeakerClip
) -> None:
    aged(clip, 100, 5 * 2**20)
    page = reverse("pages:storage_ages")
    assert page in owner_client.get(reverse("pages:storage")).text
    assert "5.0\xa0MB" in owner_client.get(page).text
    assert "5.0\xa0MB" not in stranger_client.get(page).text


def test_what_goes_soon_can_be_kept_or_deleted_now(owner_client: Client, add_job: Callable[..., RenderJob]) -> None:
    job = add_job(Status.SUCCEEDED)
    RetentionPolicy.objects.create(for_all=True, video_days=30)
    aged(job.output, 25, 5)
    text = owner_client.get(reverse("pages:storage")).text
    soon = text[text.index("Goes by itself soon") : text.index("The largest")]
    assert "because of the 30-day rule" in soon
    assert reverse("pages:keep_videos", args=[job.pk]) in soon
    assert reverse("pages:delete_videos", args=[job.pk]) in soon


def test_the_room_that_is_left_is_told_before_anything_travels(
    owner: User, owner_client: Client, project: Project, clip: SpeakerClip
) -> None:
    pages = ("/", f"/projects/{project.pk}/")
    assert all("There is room for" not in owner_client.get(page).text for page in pages)
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=3 * 2**20 + 5)
    for page in pages:
        text = owner_client.get(page).text
        assert "There is room for 3.0\xa0MB more." in text
        assert "come back and choose the same file again within 72 hours" in text


def test_pages_are_compressed_and_files_and_answers_for_scripts_are_not(
    owner_client: Client, clip: SpeakerClip, project: Project
) -> None:
    asks = {"Accept-Encoding": "gzip"}
    assert owner_client.get("/", headers=asks)["Content-Encoding"] == "gzip"
    for url in (clip.file_url, f"/api/v1/projects/{project.pk}/"):
        answer = owner_client.get(url, headers=asks)
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer


def test_where_no_room_is_left_the_way_to_some_is_shown(owner_client: Client, project: Project, clip: SpeakerClip) -> None:
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=1)
    for page in ("/", f"/projects/{project.pk}/"):
        text = owner_client.get(page).text
        assert "There is no room left." in text
        assert "0\xa0bytes more" not in text


def test_the_months_video_is_told_in_minutes_as_a_plan_has_them(
    owner_client: Client, add_job: Callable[..., RenderJob]
) -> None:
    add_job(Status.SUCCEEDED)  # of twelve seconds
    page = reverse("pages:storage")
    assert "0.2 minutes of video made this month or asked for." in owner_client.get(page).text
    QuotaPlan.objects.create(name="Usual", is_usual=True, minutes_per_month=600)
    assert "0.2 of 600 minutes of video made this month or asked for." in owner_client.get(page).text
