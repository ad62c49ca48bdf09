"""The account's page in a real browser: what its forms answer is in sight, however far down the page it stands."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from tests.journeys.visiting import MARKS, seen_by

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)


def test_a_new_token_is_in_sight(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/account/") as page:
        page.locator("summary", has_text="Make a token").click()
        page.get_by_role("button", name="Make a token").click()
        token = page.get_by_label("New token")
        token.wait_for()
        box, window = token.bounding_box(), page.viewport_size
        assert box is not None
        assert window is not None
        assert 0 <= box["y"] <= window["height"] - box["height"]


def test_a_password_that_was_not_taken_is_in_sight_with_its_reason(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/account/") as page:
        for field, words in (("old", "not it"), ("new_password1", "a long enough one"), ("new_password2", "a long enough one")):
            page.fill(f"[name={field.replace('old', 'old_password')}]", words)
        page.get_by_role("button", name="Change the password").click()
        reason = page.get_by_text("Your old password was entered incorrectly")
        reason.wait_for()
        box, window = reason.bounding_box(), page.viewport_size
        assert box is not None
        assert window is not None
        assert 0 <= box["y"] <= window["height"] - box["height"]
