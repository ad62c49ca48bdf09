"""Lists of the library are searched, narrowed and sorted by what their address says."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from projects.models import AudioTrack, Preview, Project, RenderJob, SpeakerClip, Status

AddClip, AddTrack, AddJob = Callable[..., SpeakerClip], Callable[..., AudioTrack], Callable[..., RenderJob]


def text_of(client: Client, name: str, project: Project, **asked: str) -> str:
    response = client.get(reverse(f"pages:{name}", args=[project.pk]), asked)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def voices(client: Client, project: Project, **asked: str) -> list[str]:
    return re.findall(r"<h3><bdi>(.*?)</bdi>", text_of(client, "voices", project, **asked))


def clips(client: Client, project: Project, **asked: str) -> list[str]:
    return re.findall(r"<h3[^>]*>(.*?)</h3>", text_of(client, "project", project, **asked))


def renders(client: Client, project: Project, **asked: str) -> list[str]:
    return re.findall(r'class="title"[^>]*><bdi>(.*?)</bdi>', text_of(client, "project_renders", project, **asked))


@pytest.fixture
def three_voices(add_track: AddTrack) -> list[AudioTrack]:
    rows = [add_track("Lesson 1 German"), add_track("Lesson 2"), add_track("第一课")]
    for row, language, size in zip(rows, ("de", "", "zh"), (10, 30, 20), strict=True):
        AudioTrack.objects.filter(pk=row.pk).update(language=language, size=size)
    return rows


@pytest.mark.usefixtures("three_voices")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["第一课", "Lesson 2", "Lesson 1 German"]),
        ({"q": "lesson"}, ["Lesson 2", "Lesson 1 German"]),
        ({"q": "german 1"}, ["Lesson 1 German"]),
        ({"q": "第一"}, ["第一课"]),
        ({"language": "de"}, ["Lesson 1 German"]),
        ({"q": "lesson", "sort": "oldest"}, ["Lesson 1 German", "Lesson 2"]),
        ({"sort": "largest"}, ["Lesson 2", "第一课", "Lesson 1 German"]),
        ({"language": "xx", "sort": "colour"}, ["第一课", "Lesson 2", "Lesson 1 German"]),
        ({"q": "%"}, []),
        ({"q": "\0"}, ["第一课", "Lesson 2", "Lesson 1 German"]),
    ],
)
def test_voices(owner_client: Client, project: Project, asked: dict[str, str], found: list[str]) -> None:
    assert voices(owner_client, project, **asked) == found


def test_nothing_found_is_told_with_a_way_back(owner_client: Client, project: Project, track: AudioTrack) -> None:
    text = text_of(owner_client, "voices", project, q="xyzzy")
    assert "Nothing here is like that." in text
    assert f'<a class="button" href="{reverse("pages:voices", args=[project.pk])}">Clear filters</a>' in text


def test_the_form_keeps_what_was_asked(owner_client: Client, project: Project, track: AudioTrack) -> None:
    text = text_of(owner_client, "voices", project, q='"a" <b>', sort="name")
    assert 'value="name" selected' in text
    assert 'value=""a" <b>"' in text  # unescaped here


def test_a_choice_without_values_is_not_shown(owner_client: Client, project: Project, track: AudioTrack) -> None:
    assert "All languages" not in text_of(owner_client, "voices", project)


def test_pages_of_what_was_found_keep_the_search(owner_client: Client, project: Project, add_track: AddTrack) -> None:
    for number in range(61):
        add_track(f"lesson {number}")
    assert "?q=lesson&page=2" in text_of(owner_client, "voices", project, q="lesson")
    assert voices(owner_client, project, q="lesson", page="2") == ["lesson 0"]


@pytest.fixture
def judged_clips(add_clip: AddClip) -> None:
    for title, lecturer, verdict in (("a", "Ada", "ready"), ("b", "Ada", "refused"), ("c", "Li Wei", "")):
        clip = add_clip(title, lecturer)
        if verdict:
            done = {"state": "done", "file": "x.jpg", "size": 1, "card": {"verdict": verdict, "findings": []}}
            Preview.objects.create(clip=clip, kind="strip", **done)


@pytest.mark.usefixtures("judged_clips")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "ada"}, ["b", "a"]),
        ({"verdict": "refused"}, ["b"]),
        ({"verdict": "unseen"}, ["c"]),
        ({"sort": "name"}, ["a", "b", "c"]),
        ({"q": "ada", "verdict": "warnings"}, []),
    ],
)
def test_clips(owner_client: Client, project: Project, asked: dict[str, str], found: list[str]) -> None:
    assert clips(owner_client, project, **asked) == found


def test_renders(owner_client: Client, project: Project, add_clip: AddClip, add_job: AddJob) -> None:
    failed, done = add_job(Status.FAILED), add_job(Status.SUCCEEDED)
    other = add_clip("Seminar", "Marta")
    RenderJob.objects.filter(pk=failed.pk).update(clip=other, preset="best")
    first = done.clip.title
    assert renders(owner_client, project) == [first, "Seminar"]
    assert renders(owner_client, project, status="failed") == ["Seminar"]
    assert renders(owner_client, project, preset="best") == ["Seminar"]
    assert renders(owner_client, project, preset="standard") == [first]
    assert renders(owner_client, project, clip=str(other.pk)) == ["Seminar"]
    assert renders(owner_client, project, q="marta") == ["Seminar"]
    assert renders(owner_client, project, sort="oldest") == ["Seminar", first]


@pytest.mark.parametrize("count", [1, 10])
@pytest.mark.parametrize(("name", "queries"), [("project", 12), ("voices", 9), ("project_renders", 9)])
def test_the_queries_do_not_grow_with_what_is_found(
    owner_client: Client,
    project: Project,
    add_clip: AddClip,
    add_track: AddTrack,
    add_job: AddJob,
    django_assert_num_queries: DjangoAssertNumQueries,
    name: str,
    queries: int,
    count: int,
) -> None:
    for number in range(count):
        add_clip(f"take {number}", f"lecturer {number}")
        add_track(f"take {number}")
        add_job(Status.SUCCEEDED)
    with django_assert_num_queries(queries):
        text_of(owner_client, name, project, q="e", sort="oldest")
