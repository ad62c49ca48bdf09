"""My queue: what it shows, in which order, at which cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from projects.models import RenderJob, Status

AddJob = Callable[..., RenderJob]
# session, user; my live ones, their number, my last ones, my pause; switcher, count; of the estimates: what renders took,
# what runs, everybody's queues and their owners, my turns, the next in line, their clips
QUERIES = 15


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


@pytest.mark.parametrize("count", [1, 15])
def test_the_queries_do_not_grow_with_the_queue(
    owner_client: Client, add_job: AddJob, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for _ in range(count):
        for status in Status.values:
            add_job(status)
    with django_assert_num_queries(QUERIES):
        text_of(owner_client)
