"""The account's page in a real browser: what its forms answer is in sight, however far down the page it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from tests.journeys.visiting import MARKS, seen_by

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)


def is_in_sight(page: Page, part: Locator) -> bool:
    """Whether the whole of it is within the window, once it is there."""
    part.wait_for()
    box, window = part.bounding_box(), page.viewport_size
    assert box is not None
    assert window is not None
    return 0 <= box["y"] <= window["height"] - box["height"]


def test_a_new_token_is_in_sight(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/account/") as page:
        page.locator("summary", has_text="Make a token").click()
        page.get_by_role("button", name="Make a token").click()
        assert is_in_sight(page, page.get_by_label("New token"))


def test_a_password_that_was_not_taken_is_in_sight_with_its_reason(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/account/") as page:
        page.fill("[name=old_password]", "not it")
        for field in ("new_password1", "new_password2"):
            page.fill(f"[name={field}]", "a long enough one")
        page.get_by_role("button", name="Change the password").click()
        assert is_in_sight(page, page.get_by_text("Your old password was entered incorrectly"))
