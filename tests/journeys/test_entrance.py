"""The first account, sign-in, sign-out, and the language."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from projects import accounts

PASSWORD = "correct horse battery"


@pytest.fixture
def token(db: None) -> str:
    token = accounts.new_setup_token()
    assert token is not None
    return token


def set_up(client: Client, token: str, **changes: str) -> tuple[int, str]:
    given = {"username": "boss", "password": PASSWORD, "repeated": PASSWORD} | changes
    response = client.post(reverse("pages:set_up", args=[token]), given)
    return response.status_code, response.content.decode()


def test_the_link_makes_the_first_account_and_signs_it_in(client: Client, token: str) -> None:
    assert client.get(reverse("pages:set_up", args=[token])).status_code == 200
    assert set_up(client, token)[0] == 302
    assert client.get("/").status_code == 200
    assert User.objects.get().is_superuser


def test_a_user_name_is_called_the_same_where_it_is_made_and_where_it_is_typed(client: Client, token: str) -> None:
    made = client.get(reverse("pages:set_up", args=[token])).text
    set_up(Client(), token)
    typed = client.get(reverse("pages:sign_in")).text
    assert "User name</label>" in made
    assert "User name</label>" in typed


def test_the_link_works_once(client: Client, token: str) -> None:
    set_up(client, token)
    status, text = set_up(Client(), token, username="thief")
    assert status == 404
    assert "This link no longer works" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"repeated": "another passphrase"}, "The two passwords differ."),
        ({"password": "12345", "repeated": "12345"}, "too short"),
        ({"username": "not a name!"}, "valid username"),
    ],
)
def test_a_poor_choice_is_explained(client: Client, token: str, changes: dict[str, str], sentence: str) -> None:
    status, text = set_up(client, token, **changes)
    assert status == 422
    assert sentence in text


def test_without_any_account_sign_in_points_to_the_link(client: Client, db: None) -> None:
    assert "Nobody has an account yet" in client.get(reverse("pages:sign_in")).content.decode()


def test_sign_in_goes_where_the_person_wanted(client: Client, owner: User) -> None:
    given = {"username": "olga", "password": PASSWORD, "next": "/queue/"}
    assert client.post(reverse("pages:sign_in"), given)["Location"] == "/queue/"


def test_a_wrong_password_is_said_without_detail(client: Client, owner: User) -> None:
    response = client.post(reverse("pages:sign_in"), {"username": "olga", "password": "wrong"})
    assert "note bad" in response.content.decode()


def test_sign_out_closes_the_pages(owner_client: Client) -> None:
    owner_client.post(reverse("pages:sign_out"))
    assert owner_client.get("/").status_code == 302


def test_the_language_can_be_chosen_before_sign_in(client: Client, owner: User) -> None:
    client.post(reverse("pages:language"), {"language": "zh-hans", "next": "/sign-in/"})
    text = client.get(reverse("pages:sign_in")).content.decode()
    assert '<html lang="zh-hans">' in text
    assert "登录" in text


@pytest.mark.parametrize(
    "name", ["quick_render", "queue", "queue_live", "projects", "account", "change_password", "create_token"]
)
def test_a_visitor_is_sent_to_sign_in(client: Client, db: None, name: str) -> None:
    assert client.get(reverse(f"pages:{name}"))["Location"].startswith("/sign-in/")


def test_no_page_needs_an_inline_script_or_another_host(owner_client: Client) -> None:
    response = owner_client.get("/")
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    text = response.content.decode()
    assert "<script>" not in text
    assert "style=" not in text
    assert "https://" not in text
