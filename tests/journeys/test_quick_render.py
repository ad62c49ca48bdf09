"""Quick render: two files or two picks become one queued render."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from projects import accounts, forms, turns, uploads
from projects.errors import Refused
from projects.models import AudioTrack, Choice, Project, QuotaPlan, RenderJob, SpeakerClip

URL = "/"


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get(URL)["Location"] == "/sign-in/?next=/"


def test_it_names_formats_and_limits(owner_client: Client) -> None:
    text = owner_client.get(URL).content.decode()
    assert "MP4, MOV, MKV, WebM or AVI, up to 4.0" in text
    assert "How to film a good take" in text


def test_two_picks_of_the_library_become_a_render(owner_client: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    response = owner_client.post(URL, {"clip": clip.pk, "track": track.pk})
    job = RenderJob.objects.get()
    assert response["Location"] == reverse("pages:job", args=[job.pk])
    assert (job.clip, job.track) == (clip, track)


def test_the_sound_is_left_alone_unless_asked_for(owner_client: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    page = owner_client.get(URL).content.decode()
    assert "Turn down steady noise" in page
    assert "Even the loudness" in page
    assert not re.search(r'type="checkbox"[^>]*checked', page)
    owner_client.post(URL, {"clip": clip.pk, "track": track.pk})
    assert RenderJob.objects.get().choice == Choice()


@pytest.mark.parametrize(
    ("tick", "words"), [("denoise", "noise turned down"), ("loudness", "loudness evened")], ids=["denoise", "loudness"]
)
def test_a_tick_is_kept_with_the_render_and_shown(
    owner_client: Client, clip: SpeakerClip, track: AudioTrack, tick: str, words: str
) -> None:
    response = owner_client.post(URL, {"clip": clip.pk, "track": track.pk, tick: "on"})
    assert RenderJob.objects.get().choice == Choice(**{tick: True})
    assert words in owner_client.get(response["Location"]).content.decode()


def test_two_new_files_become_a_clip_a_voice_and_a_render(
    owner_client: Client,
    project: Project,
    add_clip: Callable[..., SpeakerClip],
    add_track: Callable[..., AudioTrack],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "add_clip", lambda **given: add_clip(lecturer=given["speaker"]))
    monkeypatch.setattr(uploads, "add_track", lambda **given: add_track(title=given["uploaded_file"].name))
    files = {
        "clip_file": SimpleUploadedFile("take.mp4", b"movie"),
        "track_file": SimpleUploadedFile("الدرس.wav", b"sound"),
    }
    owner_client.post(URL, files | {"consent": "on", "project": project.pk, "lecturer": "Prof. Wang", "language": "ar"})
    job = RenderJob.objects.get()
    assert job.clip.speaker.name == "Prof. Wang"
    assert job.track.title == "الدرس.wav"


@pytest.mark.parametrize(
    ("missing", "sentence"), [("clip", "Choose a video: drop a file"), ("track", "Choose a voice: drop a file")]
)
def test_a_missing_half_is_asked_for(
    owner_client: Client, clip: SpeakerClip, track: AudioTrack, missing: str, sentence: str
) -> None:
    given = {"clip": clip.pk, "track": track.pk}
    del given[missing]
    response = owner_client.post(URL, given)
    assert response.status_code == 422
    assert sentence in response.content.decode()


def test_a_refused_file_says_why_and_queues_nothing(
    owner_client: Client, track: AudioTrack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> SpeakerClip:
        raise Refused("not_a_video", "This is not a video. Export it as MP4.")

    monkeypatch.setattr(uploads, "add_clip", refuse)
    response = owner_client.post(URL, {"clip_file": SimpleUploadedFile("a.mp4", b"text"), "track": track.pk, "consent": "on"})
    assert response.status_code == 422
    assert "This is not a video. Export it as MP4." in response.content.decode()
    assert not RenderJob.objects.exists()


def test_a_spent_quota_is_no_fault_of_the_video(
    owner: User, owner_client: Client, clip: SpeakerClip, track: AudioTrack
) -> None:
    QuotaPlan.objects.create(name="None", minutes_per_month=0).people.create(user=owner)
    response = owner_client.post(URL, {"clip": clip.pk, "track": track.pk})
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"__all__"}
    assert "of this month" in response.content.decode()


def test_what_is_wrong_with_the_part_is_said_of_the_part(owner_client: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    response = owner_client.post(URL, {"clip": clip.pk, "track": track.pk, "part_start": "900"})
    assert response.context["form"].errors.keys() == {"part_start"}


def test_another_persons_clip_cannot_be_picked(stranger_client: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    response = stranger_client.post(URL, {"clip": clip.pk, "track": track.pk})
    assert response.status_code == 422
    assert not RenderJob.objects.exists()


def test_clip_and_voice_of_two_projects_are_refused(
    owner: User, owner_client: Client, clip: SpeakerClip, add_track: Callable[..., AudioTrack]
) -> None:
    other = add_track(into=Project.objects.create(owner=owner, name="Another"))
    response = owner_client.post(URL, {"clip": clip.pk, "track": other.pk})
    assert "This voice belongs to another project than the video." in response.content.decode()


def test_a_link_can_choose_the_clip_beforehand(owner_client: Client, clip: SpeakerClip) -> None:
    text = owner_client.get(URL, {"clip": clip.pk}).content.decode()
    assert f'value="{clip.pk}"' in text
    assert text.count("checked") == 3  # the clip, the standard preset, and "none of these" without a clip's choice


def words(client: Client, **chosen: object) -> str:
    return " ".join(client.get(reverse("pages:make_words"), chosen).content.decode().split())


def test_the_button_says_what_it_makes_and_how_long_that_takes(
    owner_client: Client, clip: SpeakerClip, track: AudioTrack
) -> None:
    SpeakerClip.objects.update(duration=600)
    AudioTrack.objects.update(duration=600)
    assert words(owner_client) == "Make the video"
    assert re.fullmatch("Make the video, about [0-9]+ minutes", words(owner_client, clip=clip.pk, track=track.pk))
    draft = words(owner_client, clip=clip.pk, track=track.pk, preset="draft")
    assert re.fullmatch("Make a draft of 0:05, about [0-9]+ minutes?", draft)
    sent = {"clip_seconds": 20, "clip_width": 512, "clip_height": 512, "track_seconds": 5}
    assert re.fullmatch("Make the video, about [0-9]+ seconds", words(owner_client, **sent))
    assert words(owner_client, **(sent | {"clip_width": "wide"})) == "Make the video"


def test_what_waits_before_it_is_counted(owner_client: Client, clip: SpeakerClip, track: AudioTrack, owner: User) -> None:
    AudioTrack.objects.update(duration=120)
    alone = words(owner_client, clip=clip.pk, track=track.pk)
    for _ in range(5):
        owner_client.post(URL, {"clip": clip.pk, "track": track.pk})
    assert words(owner_client, clip=clip.pk, track=track.pk) != alone
    turns.pause(user=owner)
    assert words(owner_client, clip=clip.pk, track=track.pk) == "Make the video"


def test_preset_part_and_place_go_with_the_render(owner_client: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    more = {"preset": "best", "longer": "cut", "quality": "23", "part_start": "2", "part_end": "9.5"}
    owner_client.post(URL, {"clip": clip.pk, "track": track.pk, **more, "point_x": "25", "point_y": "50"})
    job = RenderJob.objects.get()
    said = Choice(quality=23, speed="medium", longer="cut", part_start=2.0, part_end=9.5)
    assert job.choice == replace(said, point_x=0.25, point_y=0.5, point_at=5.0)  # where the still was taken
    assert job.preset == "best"


@pytest.mark.parametrize("more", [{"part_start": "9", "part_end": "3"}, {"point_x": "5"}, {"preset": "finest"}])
def test_what_cannot_be_is_refused_and_what_was_typed_is_kept(
    owner_client: Client, clip: SpeakerClip, track: AudioTrack, more: dict[str, str]
) -> None:
    response = owner_client.post(URL, {"clip": clip.pk, "track": track.pk, "lecturer": "Prof. Wang", **more})
    assert response.status_code == 422
    assert "Prof. Wang" in response.content.decode()
    assert not RenderJob.objects.exists()


@pytest.mark.parametrize("count", [1, 12])
def test_the_queries_do_not_grow_with_the_library(
    owner: User,
    owner_client: Client,
    add_clip: Callable[..., SpeakerClip],
    add_track: Callable[..., AudioTrack],
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for number in range(count):
        add_clip(f"take {number}", f"lecturer {number}")
        add_track(f"lesson {number}")
        accounts.first_project(owner)
    with django_assert_num_queries(11):
        owner_client.get(URL)


@pytest.mark.parametrize("what", ["clip", "track"])
def test_a_link_picks_what_is_too_old_to_be_shown(
    owner_client: Client,
    add_clip: Callable[..., SpeakerClip],
    add_track: Callable[..., AudioTrack],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setattr(forms, "LIBRARY_SHOWN", 1)
    add = add_clip if what == "clip" else add_track
    old = add("old")
    add("new")
    assert str(old.pk) not in owner_client.get(URL).text
    assert re.search(f'value="{old.pk}"[^>]*checked', owner_client.get(URL, {what: old.pk}).text)
    assert owner_client.get(URL, {what: "nonsense"}).status_code == 200
