"""The API's description in a real browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from tests.journeys.visiting import MARKS, seen_by
from tests.screenshots import DRAWN

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)
LEFT = "place => document.querySelector(place).getBoundingClientRect().left"


@pytest.mark.parametrize("width", [360, 1440])
def test_the_addresses_stand_below_their_heading(live_server: LiveServer, owner: User, width: int) -> None:
    with seen_by(owner, live_server.url, "/docs/api/") as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(DRAWN)
        assert page.evaluate(LEFT, ".opblock-tag a") == page.evaluate(LEFT, "h1")
