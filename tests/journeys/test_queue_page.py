"""My queue: what it shows, in which order, at which cost."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from projects.models import RenderJob, Status
from projects.pages import turns

AddJob = Callable[..., RenderJob]
# session, user; my live ones, their number, my last ones, my pause; switcher, count; of the estimates: what renders took,
# what runs, everybody's queues and their owners, my turns, the next in line, their clips
QUERIES = 12


def text_of(client: Client, name: str = "queue") -> str:
    response = client.get(reverse(f"pages:{name}"))
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_queue_says_what_to_do(owner_client: Client) -> None:
    assert "Make the first video" in text_of(owner_client)


def test_running_comes_before_waiting_and_waiting_in_turn(owner_client: Client, add_job: AddJob) -> None:
    first, second, running = add_job(), add_job(), add_job(Status.RUNNING)
    text = text_of(owner_client)
    places = [text.index(f"cancel-{job.pk}") for job in (running, first, second)]
    assert places == sorted(places)
    assert "1 video before this one" in text
    assert "2 videos before this one" in text


@pytest.mark.parametrize(("status", "word"), [("succeeded", "Done"), ("failed", "Failed"), ("cancelled", "Cancelled")])
def test_an_ended_render_says_how_it_ended(owner_client: Client, add_job: AddJob, status: str, word: str) -> None:
    add_job(status)
    assert word in text_of(owner_client)


def test_a_failed_one_carries_the_cause_and_try_again(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.FAILED)
    text = text_of(owner_client)
    assert job.error_message in text
    assert f"retry-{job.pk}" in text


def test_it_asks_again_only_while_something_lives(owner_client: Client, add_job: AddJob) -> None:
    add_job(Status.FAILED)
    assert "hx-trigger" not in text_of(owner_client, "queue_live")
    add_job()
    assert 'hx-trigger="every 2s"' in text_of(owner_client, "queue_live")


def test_a_stranger_sees_nothing_of_it(stranger_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.RUNNING)
    assert str(job.pk) not in text_of(stranger_client)


def test_it_says_when_each_will_be_done(owner_client: Client, add_job: AddJob) -> None:
    add_job(Status.RUNNING)
    add_job()
    text = re.sub(r"\s+", " ", text_of(owner_client))
    assert "about 3 minutes left" in text
    assert re.search(r"done at \d", text)
    assert re.search(r"done in about 3 minutes, at \d", text)


def test_a_person_pauses_and_resumes_the_queue(owner_client: Client, add_job: AddJob) -> None:
    add_job(Status.RUNNING)
    job = add_job()
    assert "Your queue is paused." not in text_of(owner_client)
    assert owner_client.post(reverse("pages:pause"))["Location"] == reverse("pages:queue")
    text = text_of(owner_client)
    assert "What runs goes on; nothing new starts until you resume." in text
    assert "Waits until you resume your queue" in text
    assert "Pause my queue" not in text
    page = owner_client.get(reverse("pages:job", args=[job.pk])).content.decode()
    assert "Resume my queue" in page
    owner_client.post(reverse("pages:resume"))
    assert "Your queue is paused." not in text_of(owner_client)
    assert "Pause my queue" in text_of(owner_client)


def test_anothers_pause_is_not_shown(owner_client: Client, stranger_client: Client, add_job: AddJob) -> None:
    add_job()
    stranger_client.post(reverse("pages:pause"))
    assert "Your queue is paused." not in text_of(owner_client)
    assert "Your queue is paused." in text_of(stranger_client)


def test_a_long_queue_shows_the_next_ones_and_counts_the_rest(
    owner_client: Client, add_job: AddJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "SHOWN", 3)
    jobs = [add_job() for _ in range(5)]
    text = text_of(owner_client)
    assert [f"cancel-{job.pk}" in text for job in jobs] == [True, True, True, False, False]
    assert "2 more wait behind these" in text


@pytest.mark.parametrize("count", [1, 15])
def test_the_queries_do_not_grow_with_the_queue(
    owner_client: Client, add_job: AddJob, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for _ in range(count):
        for status in Status.values:
            add_job(status)
    with django_assert_num_queries(QUERIES):
        text_of(owner_client)
