"""The first account, further ones, and what comes with each."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from projects import accounts
from projects.errors import ProjectError
from projects.models import Project, SetupLink

PASSWORD = "correct horse battery"


def token() -> str:
    """A fresh link's token."""
    made = accounts.new_setup_token()
    assert made is not None
    return made


@pytest.mark.django_db
def test_the_link_makes_the_first_administrator_once() -> None:
    link = token()
    assert accounts.setup_is_open(link)
    user = accounts.create_first_administrator(token=link, username=" ada ", password=PASSWORD)
    assert (user.username, user.is_staff, user.is_superuser, user.check_password(PASSWORD)) == ("ada", True, True, True)
    assert Project.objects.filter(owner=user).count() == 1
    assert not accounts.setup_is_open(link)
    with pytest.raises(ProjectError) as refusal:
        accounts.create_first_administrator(token=link, username="eve", password=PASSWORD)
    assert refusal.value.code == "setup_link_invalid"


@pytest.mark.django_db
def test_the_link_itself_is_not_stored() -> None:
    link = token()
    assert link not in str(list(SetupLink.objects.values()))


@pytest.mark.django_db
def test_a_fresh_link_ends_the_one_before() -> None:
    first, second = token(), token()
    assert not accounts.setup_is_open(first)
    assert accounts.setup_is_open(second)


def test_there_is_no_link_once_somebody_can_sign_in(owner: User) -> None:
    assert accounts.new_setup_token() is None
    with pytest.raises(CommandError, match="account already"):
        call_command("setup_link")


@pytest.mark.django_db
def test_a_link_made_before_the_first_account_does_not_outlive_it() -> None:
    link = token()
    accounts.create_user(username="ada", password=PASSWORD)
    with pytest.raises(ProjectError, match="no longer valid"):
        accounts.create_first_administrator(token=link, username="eve", password=PASSWORD)


@pytest.mark.django_db
def test_an_account_nobody_can_sign_in_with_does_not_close_the_set_up() -> None:
    demo = User(username="demo")
    demo.set_unusable_password()
    demo.save()
    assert accounts.setup_is_open(token())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        ("ada", "short", "weak_password"),
        ("ada", "1234567890123", "weak_password"),
        ("ada-lovelace", "ada-lovelace", "weak_password"),
        ("", PASSWORD, "no_username"),
        ("a b", PASSWORD, "bad_username"),
    ],
)
def test_a_refused_name_or_password_leaves_the_link_usable(username: str, password: str, code: str) -> None:
    link = token()
    with pytest.raises(ProjectError) as refusal:
        accounts.create_first_administrator(token=link, username=username, password=password)
    assert refusal.value.code == code
    assert refusal.value.field == ("password" if code == "weak_password" else "username")
    assert accounts.setup_is_open(link)
    assert not User.objects.exists()


def test_a_name_is_taken_once(owner: User) -> None:
    with pytest.raises(ProjectError) as refusal:
        accounts.create_user(username="olga", password=PASSWORD)
    assert refusal.value.code == "username_taken"


def test_everybody_has_a_first_project_however_the_account_was_made(db: None) -> None:
    user = User.objects.create_user("made-by-hand", password=PASSWORD)
    first = accounts.first_project(user)
    assert accounts.first_project(user) == first


@pytest.mark.django_db
def test_the_address_of_the_link_opens_and_closes(client: Client) -> None:
    link = token()
    assert client.get(f"/setup/{link}/").status_code == 200
    accounts.create_first_administrator(token=link, username="ada", password=PASSWORD)
    assert client.get(f"/setup/{link}/").status_code in (404, 409, 410)
