"""Signing in, and the brake on guessing at each of the doors."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.test import Client
from pytest_django import Settings

from projects import guesses
from projects.models import AuditEntry

PASSWORD = "correct horse battery"
START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
Clock = Callable[..., None]


@pytest.fixture(autouse=True)
def _forget(media_root: object) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def later() -> Iterator[Clock]:
    """Time stands still; call it to move on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **span: traveller.shift(timedelta(**span))


def sign_in(password: str, *, name: str = "olga", door: str = "/sign-in/", address: str = "10.0.0.1") -> tuple[int, str]:
    """Try at a door of its own browser."""
    answer = Client(REMOTE_ADDR=address).post(door, {"username": name, "password": password})
    return answer.status_code, answer.content.decode()


def guess(times: int = guesses.SAME_NAME_ALLOWED, **where: str) -> None:
    """Wrong passwords, each answered."""
    for number in range(times):
        assert sign_in(f"guess {number}", **where)[0] in (200, 422)


def test_after_some_wrong_passwords_the_right_one_must_wait_too(owner: User, later: Clock) -> None:
    guess()
    status, text = sign_in(PASSWORD)
    assert status == 429
    assert "Too many wrong passwords. Wait 60 seconds, then try again." in text
    later(seconds=59)
    assert "Wait 1 second," in sign_in(PASSWORD)[1]
    later(seconds=2)
    assert sign_in(PASSWORD)[0] == 302


def test_who_is_held_up_is_recorded(owner: User, later: Clock) -> None:
    guess()
    entry = AuditEntry.objects.get(verb="account.held")
    assert (entry.object_name, entry.address, entry.detail) == ("olga", "10.0.0.1", {"seconds": 60})


def test_a_right_password_forgets_the_wrong_ones(owner: User, later: Clock) -> None:
    guess(guesses.SAME_NAME_ALLOWED - 1)
    assert sign_in(PASSWORD)[0] == 302
    guess(guesses.SAME_NAME_ALLOWED - 1)
    assert sign_in(PASSWORD)[0] == 302


def test_each_further_guess_waits_longer_up_to_a_limit(owner: User, later: Clock) -> None:
    guess()
    waits = []
    for _ in range(6):
        waits.append(
            int(Client(REMOTE_ADDR="10.0.0.1").post("/sign-in/", {"username": "olga", "password": "x"})["Retry-After"])
        )
        later(seconds=waits[-1] + 1)
        guess(1)
    assert waits == [60, 120, 240, 480, 900, 900]


def test_waiting_is_not_made_longer_by_asking_again(owner: User, later: Clock) -> None:
    guess()
    for _ in range(20):
        assert sign_in("again")[0] == 429
    later(seconds=61)
    assert sign_in(PASSWORD)[0] == 302


def test_nobody_can_lock_out_a_person_elsewhere(owner: User, later: Clock) -> None:
    guess(address="10.6.6.6")
    assert sign_in(PASSWORD, address="10.6.6.6")[0] == 429
    assert sign_in(PASSWORD, address="10.0.0.2")[0] == 302


def test_many_names_from_one_address_wait_as_well(owner: User, later: Clock) -> None:
    for number in range(guesses.SAME_ADDRESS_ALLOWED):
        guess(1, name=f"person{number}")
    assert sign_in(PASSWORD)[0] == 429


def test_right_passwords_never_count_against_an_address(owner: User, later: Clock) -> None:
    assert {sign_in(PASSWORD)[0] for _ in range(guesses.SAME_ADDRESS_ALLOWED + 5)} == {302}


def test_the_letters_case_and_the_end_of_an_ipv6_address_make_no_difference(owner: User, later: Clock) -> None:
    for number, name in enumerate(("olga", "Olga", "OLGA", "oLga", "olgA")):
        guess(1, name=name, address=f"2001:db8:1:2::{number}")
    assert sign_in(PASSWORD, address="2001:db8:1:2:ffff::1")[0] == 429
    assert sign_in(PASSWORD, address="2001:db8:1:3::1")[0] == 302


def test_the_admins_door_and_the_page_count_together(administrator: User, later: Clock) -> None:
    guess(3, name="ada", door="/admin/login/")
    guess(2, name="ada")
    status, text = sign_in(PASSWORD, name="ada", door="/admin/login/")
    assert status == 200
    assert "Too many wrong passwords" in text
    later(seconds=61)
    assert sign_in(PASSWORD, name="ada", door="/admin/login/?next=/admin/")[0] == 302


def test_the_apis_door_counts_with_them(owner: User, later: Clock) -> None:
    guess()
    header = "Basic " + base64.b64encode(f"olga:{PASSWORD}".encode()).decode()
    script = Client(REMOTE_ADDR="10.0.0.1", headers={"Authorization": header})
    answer = script.post("/api/v1/tokens/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    later(seconds=61)
    assert script.post("/api/v1/tokens/").status_code == 201


def test_behind_a_trusted_proxy_the_visitors_address_counts(owner: User, later: Clock, settings: Settings) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    def through_the_proxy(visitor: str, password: str) -> int:
        proxy = Client(REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": f"1.2.3.4, {visitor}"})
        return proxy.post("/sign-in/", {"username": "olga", "password": password}).status_code

    for number in range(guesses.SAME_NAME_ALLOWED):
        assert through_the_proxy("10.0.0.7", f"guess {number}") == 422
    assert through_the_proxy("10.0.0.7", PASSWORD) == 429
    assert through_the_proxy("10.0.0.8", PASSWORD) == 302


def test_an_empty_form_is_no_guess(owner: User, later: Clock) -> None:
    for _ in range(guesses.SAME_NAME_ALLOWED + 1):
        assert sign_in("")[0] == 422
    assert sign_in(PASSWORD)[0] == 302


@pytest.mark.parametrize(
    ("before", "back"),
    [
        ("http://testserver/queue/?page=2", "/queue/%3Fpage%3D2"),
        ("http://testserver/queue/", "/queue/"),
        ("http://elsewhere/queue/", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_who_sends_a_form_too_late_comes_back_to_its_page(client: Client, db: None, before: str, back: str) -> None:
    answer = client.post("/queue/pause/", headers={"Referer": before})
    assert answer["Location"] == f"/sign-in/?next={back}"


def test_a_part_of_a_page_is_not_the_way_in(client: Client, db: None) -> None:
    assert client.get("/queue/live/", headers={"HX-Request": "true"}).status_code == 401
    assert client.get("/queue/")["Location"] == "/sign-in/?next=/queue/"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/sign-in/", "/", "/setup/x/", "/admin/login/", "/easy/x", "/api/v1/clips/", "/api/x/"])
def test_no_file_of_who_is_not_signed_in_is_put_on_the_disk(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def take(_self: object, data: bytes, _start: int) -> None:
        taken.append(len(data))

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", take)
    visitor = Client(enforce_csrf_checks=True)
    visitor.cookies["csrftoken"] = "a" * 32
    answer = visitor.post(path, {"file": SimpleUploadedFile("a.mp4", b"x" * (3 * 2**20))})
    assert answer.status_code in (302, 401, 404)
    assert taken == []
