"""Projects, lecturers with their clips, voices and renders."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from projects import uploads
from projects.errors import TooLarge
from projects.models import AudioTrack, Project, RenderJob, Speaker, SpeakerClip, Status, Upload
from tests import making

LONG_NAME = "Prof. Dr. Anneliese Wolkenstein-Oberhauser von der Marwitz zu Hohenlohe"
PAGES = ("project", "voices", "project_renders")


def text_of(client: Client, name: str, project: Project) -> str:
    response = client.get(reverse(f"pages:{name}", args=[project.pk]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("project", "No lecturer yet."),
        ("voices", "No voice yet."),
        ("project_renders", "No video was made in this project yet."),
    ],
)
def test_an_empty_page_says_what_to_do(owner_client: Client, project: Project, name: str, sentence: str) -> None:
    assert sentence in text_of(owner_client, name, project)


def test_a_lecturer_shows_clips_with_still_length_and_size(
    owner_client: Client, project: Project, add_clip: Callable[..., SpeakerClip]
) -> None:
    clip = add_clip("محاضرة.mp4", LONG_NAME)
    text = text_of(owner_client, "project", project)
    assert LONG_NAME in text
    assert clip.still_url in text
    assert "0:20" in text
    assert "640 × 360" in text


def test_a_lecturer_without_clips_shows_the_way_to_one(owner_client: Client, project: Project, speaker: Speaker) -> None:
    words = ("No clip of this person yet.", f'href="/projects/{project.pk}/">Add a clip</a>')
    mine, theirs = (
        browser.get(speaker.get_absolute_url()).text
        for browser in (owner_client, making.browser(making.member(project, "vera", "viewer")))
    )
    assert [word in mine for word in words] == [True, True]
    assert [word in theirs for word in words] == [True, False]


def test_a_voice_can_be_heard(owner_client: Client, project: Project, track: AudioTrack) -> None:
    assert f'<audio src="{track.file_url}"' in text_of(owner_client, "voices", project)


def test_renders_of_the_project_are_listed(owner_client: Client, project: Project, add_job: Callable[..., RenderJob]) -> None:
    job = add_job(Status.SUCCEEDED)
    assert f"{job.output.file_url}?download=1" in text_of(owner_client, "project_renders", project)


def test_a_new_project_opens(owner_client: Client) -> None:
    response = owner_client.post(reverse("pages:projects"), {"name": "Spring term"})
    project = Project.objects.get(name="Spring term")
    assert response["Location"] == reverse("pages:project", args=[project.pk])


def test_a_project_without_a_name_is_refused(owner_client: Client) -> None:
    assert owner_client.post(reverse("pages:projects"), {"name": " "}).status_code == 422


def test_a_new_lecturer_is_in_the_project(owner_client: Client, project: Project) -> None:
    owner_client.post(reverse("pages:add_lecturer", args=[project.pk]), {"name": "王丽"})
    assert Speaker.objects.get().name == "王丽"


def test_a_new_clip_is_taken_in(
    owner_client: Client, project: Project, add_clip: Callable[..., SpeakerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "add_clip", lambda **given: add_clip(given["title"], given["speaker"]))
    given = {"clip_file": SimpleUploadedFile("a.mp4", b"movie"), "lecturer": "Prof. Li", "title": "Take 9", "consent": "on"}
    response = owner_client.post(reverse("pages:add_clip", args=[project.pk]), given, follow=True)
    assert "The clip “Take 9” is in the library." in response.content.decode()


def test_a_refused_voice_says_why_and_keeps_what_was_typed(
    owner_client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> AudioTrack:
        raise TooLarge("too_large", "The file is larger than 5 MB.")

    monkeypatch.setattr(uploads, "add_track", refuse)
    given = {"track_file": SimpleUploadedFile("a.wav", b"sound"), "title": "Lesson 5", "language": "ja"}
    response = owner_client.post(reverse("pages:add_voice", args=[project.pk]), given)
    assert response.status_code == 422
    assert "The file is larger than 5 MB." in response.content.decode()
    assert 'value="Lesson 5"' in response.content.decode()


def test_a_refused_clip_leaves_no_empty_lecturer(owner_client: Client, project: Project) -> None:
    given = {"clip_file": SimpleUploadedFile("a.mp4", b"some text " * 50), "lecturer": "Prof. Li", "title": "", "consent": "on"}
    response = owner_client.post(reverse("pages:add_clip", args=[project.pk]), given)
    assert response.status_code == 422
    assert "is not a video that can be read" in response.content.decode()
    assert not Speaker.objects.exists()


@pytest.mark.parametrize(("name", "listed"), [("project", False), ("voices", True)])
def test_what_has_not_arrived_in_full_is_listed_where_it_belongs(
    owner: User, owner_client: Client, project: Project, name: str, listed: bool
) -> None:
    upload = making.arriving(owner, project, size=40)
    upload.path.write_bytes(b"x" * 12)
    sentence = "12\xa0bytes of 40\xa0bytes arrived. Choose the file again to go on."
    assert (sentence in text_of(owner_client, name, project)) is listed
    assert sentence in owner_client.get("/").content.decode()
    Upload.objects.update(fingerprint="")  # a script's own: no browser can go on with it
    assert sentence not in text_of(owner_client, name, project)


@pytest.mark.parametrize("name", [*PAGES, "batches", "members"])
def test_on_a_telephone_every_page_of_a_project_is_in_the_library(owner_client: Client, project: Project, name: str) -> None:
    foot = text_of(owner_client, name, project).partition('<nav class="bottom"')[2]
    [here] = re.findall(r'aria-current="page">\s*<svg.*?</svg>\s*(\w+)', foot.partition("</nav>")[0])
    assert here == "Library"


def test_forms_of_a_page_that_a_form_has_made_lead_back_to_the_page_before(owner_client: Client, clip: SpeakerClip) -> None:
    lecturer = clip.speaker.get_absolute_url()
    came_from = {"Referer": f"http://testserver{lecturer}?page=1"}
    text = owner_client.post(f"{lecturer}consents/add/", {"scope": ""}, headers=came_from).text
    assert set(re.findall(r'name="next"\s+value="([^"]*)"', text)) == {f"{lecturer}?page=1"}
    assert "consents/add" not in "".join(re.findall(r'name="next"\s+value="([^"]*)"', owner_client.get(lecturer).text))


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_gets_404(stranger_client: Client, project: Project, name: str) -> None:
    assert stranger_client.get(reverse(f"pages:{name}", args=[project.pk])).status_code == 404


@pytest.mark.parametrize("name", ["add_lecturer", "add_clip", "add_voice"])
def test_a_stranger_cannot_add_to_it(stranger_client: Client, project: Project, name: str) -> None:
    assert stranger_client.post(reverse(f"pages:{name}", args=[project.pk])).status_code == 404


@pytest.mark.parametrize("count", [1, 10])
@pytest.mark.parametrize(("name", "queries"), [("project", 11), ("voices", 9), ("project_renders", 9)])
def test_the_queries_do_not_grow_with_the_library(
    owner_client: Client,
    project: Project,
    add_clip: Callable[..., SpeakerClip],
    add_track: Callable[..., AudioTrack],
    add_job: Callable[..., RenderJob],
    django_assert_num_queries: DjangoAssertNumQueries,
    name: str,
    queries: int,
    count: int,
) -> None:
    for number in range(count):
        add_clip(f"take {number}", f"lecturer {number}")
        add_track(f"lesson {number}")
        add_job(Status.SUCCEEDED)
        add_job(Status.FAILED)
    with django_assert_num_queries(queries):
        text_of(owner_client, name, project)
