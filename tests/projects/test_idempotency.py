"""Asking twice makes one render, also when both ask at the same moment."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from projects import accounts, cleanup, idempotency, jobs
from projects.models import AudioTrack, IdempotencyKey, RenderJob, SpeakerClip
from tests import making

KEY = "7f9c0d3e-once"


def ask(client: Client, key: str | None, **body: Any) -> Any:
    """A script's request for a render."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/api/v1/jobs/", body, content_type="application/json", headers=headers)


@pytest.fixture
def media(clip: SpeakerClip, track: AudioTrack) -> dict[str, str]:
    """What a render is made from."""
    return {"clip": str(clip.pk), "track": str(track.pk)}


def test_the_same_key_and_body_give_the_same_render(owner_client: Client, media: dict[str, str]) -> None:
    first, again = ask(owner_client, KEY, **media), ask(owner_client, KEY, **media)
    assert (first.status_code, again.status_code) == (202, 200)
    assert "Idempotent-Replay" not in first
    assert again["Idempotent-Replay"] == "true"
    assert again["Location"] == first["Location"]
    assert again.json()["id"] == first.json()["id"]
    assert RenderJob.objects.count() == 1


def test_what_is_left_out_is_the_same_as_its_default(owner_client: Client, media: dict[str, str]) -> None:
    ask(owner_client, KEY, **media)
    assert ask(owner_client, KEY, denoise=False, track=media["track"], clip=media["clip"].upper()).status_code == 200


def test_the_same_key_with_another_body_is_refused(owner_client: Client, media: dict[str, str]) -> None:
    ask(owner_client, KEY, **media)
    answer = ask(owner_client, KEY, **media, denoise=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert "new key" in answer.json()["message"]
    assert RenderJob.objects.count() == 1


def test_without_a_key_every_request_is_a_new_render(owner_client: Client, media: dict[str, str]) -> None:
    assert [ask(owner_client, None, **media).status_code for _ in range(2)] == [202, 202]
    assert RenderJob.objects.count() == 2


@pytest.mark.parametrize("key", ["", "k" * 201, "schlüssel", "tab\tkey"], ids=["empty", "long", "not ascii", "control"])
def test_a_key_is_checked(owner_client: Client, media: dict[str, str], key: str) -> None:
    answer = ask(owner_client, key, **media)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")
    assert not RenderJob.objects.exists()


def test_a_key_of_two_hundred_characters_is_taken(owner_client: Client, media: dict[str, str]) -> None:
    assert ask(owner_client, "k" * 200, **media).status_code == 202


def test_each_person_has_keys_of_their_own(
    owner_client: Client, stranger: User, media: dict[str, str], stranger_speaker: Any, clip: SpeakerClip, track: AudioTrack
) -> None:
    ask(owner_client, KEY, **media)
    theirs = {
        "clip": str(making.clip(stranger_speaker, clip.path).pk),
        "track": str(making.track(stranger_speaker.project, track.path).pk),
    }
    assert ask(making.browser(stranger), KEY, **theirs).status_code == 202


def test_a_refused_request_leaves_its_key_unused(owner: User, owner_client: Client, media: dict[str, str]) -> None:
    other = accounts.first_project(owner)
    other = type(other).objects.create(owner=owner, name="Other")
    wrong = making.track(other, AudioTrack.objects.get().path)
    assert ask(owner_client, KEY, clip=media["clip"], track=str(wrong.pk)).status_code == 422
    assert ask(owner_client, KEY, **media).status_code == 202


def test_a_key_is_forgotten_after_a_day(owner_client: Client, media: dict[str, str]) -> None:
    ask(owner_client, KEY, **media)
    ask(owner_client, "another", **media)
    IdempotencyKey.objects.filter(key=KEY).update(created_at=timezone.now() - idempotency.REMEMBERED)
    assert ask(owner_client, KEY, **media).status_code == 202
    almost = timezone.now() - idempotency.REMEMBERED + timedelta(minutes=1)
    IdempotencyKey.objects.filter(key="another").update(created_at=almost)
    assert ask(owner_client, "another", **media).status_code == 200


def test_the_sweep_removes_old_keys_and_no_others(owner_client: Client, media: dict[str, str]) -> None:
    ask(owner_client, "old", **media)
    ask(owner_client, "new", **media)
    IdempotencyKey.objects.filter(key="old").update(created_at=timezone.now() - idempotency.REMEMBERED)
    cleanup.sweep()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]
    assert RenderJob.objects.count() == 2


def test_trying_again_is_done_once_too(owner_client: Client, job: RenderJob) -> None:
    jobs.cancel(job=job)
    address, headers = f"/api/v1/jobs/{job.pk}/retry/", {"Idempotency-Key": KEY}
    codes = [owner_client.post(address, headers=headers).status_code for _ in range(2)]
    assert codes == [202, 200]
    assert job.retries.count() == 1


# --- at the same moment ----------------------------------------------------------------------------------------------
def together(count: int, ask_once: Any) -> list[HttpResponse]:
    """What each of so many threads gets that ask at the same time."""
    ready, answers = threading.Barrier(count), []

    def one() -> None:
        try:
            ready.wait(timeout=30)
            answers.append(ask_once())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == count
    return answers


@pytest.mark.django_db(transaction=True)
def test_of_many_requests_at_once_one_makes_the_render(owner: User, media: dict[str, str]) -> None:
    answers = together(6, lambda: ask(making.browser(owner), KEY, **media))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1  # type: ignore[attr-defined]
    assert RenderJob.objects.count() == IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_on_the_page_makes_one_render(owner: User, media: dict[str, str]) -> None:
    token = hidden_token(making.browser(owner).get("/"))
    answers = together(2, lambda: making.browser(owner).post("/", media | {"once": token}))
    assert len({answer["Location"] for answer in answers}) == 1
    assert RenderJob.objects.count() == 1


# --- pages -----------------------------------------------------------------------------------------------------------
def hidden_token(page: Any) -> str:
    """The token in the page's form."""
    found = re.search(r'name="once" value="([^"]+)"', page.content.decode())
    assert found
    return found[1]


def test_every_page_has_a_token_of_its_own(owner_client: Client) -> None:
    assert hidden_token(owner_client.get("/")) != hidden_token(owner_client.get("/"))


def test_who_goes_back_and_chooses_otherwise_gets_another_render(owner_client: Client, media: dict[str, str]) -> None:
    token = hidden_token(owner_client.get("/"))
    for choice in ({}, {}, {"denoise": "on"}):
        assert owner_client.post("/", media | {"once": token} | choice).status_code == 302
    assert sorted(RenderJob.objects.values_list("denoise", flat=True)) == [False, True]


def test_a_double_click_on_try_again_makes_one_render(owner_client: Client, job: RenderJob) -> None:
    jobs.cancel(job=job)
    token = hidden_token(owner_client.get(job.get_absolute_url()))
    places = {owner_client.post(reverse("pages:retry", args=[job.pk]), {"once": token})["Location"] for _ in range(2)}
    assert len(places) == 1
    assert job.retries.count() == 1
