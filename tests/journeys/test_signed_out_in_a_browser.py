"""A session that ends while its page is open, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from projects.models import Project, RenderJob
from tests.journeys.visiting import MARKS, seen_by

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)


def answers_401(page: Page, address: str, act: Callable[[], object]) -> None:
    with page.expect_response(lambda answer: address in answer.url) as answer:
        act()
    assert answer.value.status == 401


def test_a_page_that_renews_itself_leads_to_the_way_in_and_back(
    live_server: LiveServer, owner: User, add_job: Callable[..., RenderJob]
) -> None:
    add_job()
    with seen_by(owner, live_server.url, "/queue/") as page:
        page.context.clear_cookies()
        page.wait_for_url("**/sign-in/?next=/queue/")
        page.get_by_role("heading", name="Sign in").wait_for()


def test_what_was_chosen_for_a_video_is_not_lost(
    live_server: LiveServer, owner: User, project: Project, clip_file: Path
) -> None:
    with seen_by(owner, live_server.url, "/") as page:
        page.set_input_files("[name=clip_file]", clip_file)
        page.locator("[data-name]", has_text=clip_file.name).wait_for()
        page.wait_for_load_state("networkidle")
        page.context.clear_cookies()
        answers_401(page, "/make-words/", lambda: page.get_by_text("Draft", exact=True).click())
        assert page.locator("main").count() == 1
        assert page.locator("[data-name]", has_text=clip_file.name).is_visible()
        assert "Make the video" in page.locator("[data-send]").inner_text()


def test_the_way_in_does_not_jump_when_the_rest_of_it_arrives(live_server: LiveServer, owner: User) -> None:
    """A slow line sends the page in pieces: what is shown stays where it is."""
    with seen_by(owner, live_server.url, "/") as page:
        page.context.clear_cookies()
        page.goto(f"{live_server.url}/sign-in/")
        brand = page.locator(".brand")
        whole = brand.bounding_box()
        page.evaluate("document.querySelectorAll('.fields, .languages').forEach(part => part.remove())")
        assert brand.bounding_box() == whole
