"""The style guide shows the real parts, and colours that can be read."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from projects.pages import tokens
from tests import making

GUIDE = "/styleguide/"


def test_staff_see_every_part_in_every_state_from_its_own_file(administrator: User) -> None:
    browser = making.browser(administrator)
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(GUIDE)
    assert len(asked) <= 12
    shown = answer.context["shown"]
    assert len(shown) > 20
    for part in shown:
        assert (settings.BASE_DIR / "templates" / "parts" / f"{part.part}.html").is_file()
        for state, html in part.states:
            assert re.sub(r"<[^>]*>|\s", "", html), (part.part, state)
    assert {state for part in shown if part.part == "state" for state, _html in part.states} >= {"waits", "runs", "failed"}
    assert not re.search(r"{[{%]", answer.text)


def test_it_is_not_there_for_others(owner_client: Client) -> None:
    assert owner_client.get(GUIDE).status_code == 404


@pytest.mark.parametrize("theme", tokens.THEMES)
def test_it_can_be_seen_in_either_theme(administrator: User, theme: str) -> None:
    assert f"guide-{theme}" in making.browser(administrator).get(GUIDE, {"theme": theme}).text
    assert "guide-mauve" not in making.browser(administrator).get(GUIDE, {"theme": "mauve"}).text


@pytest.mark.parametrize("pair", tokens.pairs(), ids=lambda pair: f"{pair.front} on {pair.back}")
def test_what_stands_on_something_can_be_read(pair: tokens.Pair) -> None:
    assert pair.is_enough, pair


def test_contrast_is_reckoned_as_the_standard_does() -> None:
    assert tokens.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert tokens.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
