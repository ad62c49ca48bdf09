"""Password and API tokens."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from projects import accounts
from projects.models import ApiToken

PASSWORD = "correct horse battery"
NEW = "another fine passphrase"
MADE_OF = {"token_name": "pipeline", "scopes": ["read", "render"], "days": 30}


def test_a_new_token_is_shown_once(owner_client: Client) -> None:
    text = owner_client.post(reverse("pages:create_token"), MADE_OF).content.decode()
    shown = re.search(r'value="(hgs_[^"]+)"', text)
    assert shown is not None
    assert shown[1] not in owner_client.get(reverse("pages:account")).content.decode()


def test_a_token_can_be_revoked(owner: User, owner_client: Client) -> None:
    accounts.create_token(user=owner)
    key = accounts.tokens_of(owner)[0].key
    owner_client.post(reverse("pages:revoke_token", args=[key]))
    assert not ApiToken.objects.exists()


def test_a_stranger_cannot_revoke_it(owner: User, stranger_client: Client) -> None:
    accounts.create_token(user=owner)
    key = accounts.tokens_of(owner)[0].key
    assert stranger_client.post(reverse("pages:revoke_token", args=[key])).status_code == 404
    assert ApiToken.objects.count() == 1


def test_the_password_changes_and_the_person_stays(owner: User, owner_client: Client) -> None:
    given = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    response = owner_client.post(reverse("pages:change_password"), given, follow=True)
    assert "The password is changed." in response.content.decode()
    owner.refresh_from_db()
    assert owner.check_password(NEW)


def test_a_wrong_old_password_changes_nothing(owner: User, owner_client: Client) -> None:
    given = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    assert owner_client.post(reverse("pages:change_password"), given).status_code == 422
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
