"""Buttons pressed twice by a double click, in a real browser: what is meant once is done once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from projects import memberships
from projects.models import Project
from tests.journeys.visiting import MARKS, PASSWORD, seen_by

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)


def press_twice(page: Page, name: str) -> None:
    """As slowly as a hand does: what the first press sends is on its way by the second."""
    page.get_by_role("button", name=name).hover()
    with page.expect_request(lambda request: request.method == "POST"):
        page.mouse.down(click_count=1)
        page.mouse.up(click_count=1)
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)


def test_one_project_is_made(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/projects/") as page:
        page.fill("[name=name]", "Biology")
        press_twice(page, "Make a project")
        page.wait_for_url(f"{live_server.url}/projects/*/")
    assert Project.objects.filter(name="Biology").count() == 1


def test_who_joins_is_not_told_that_the_invitation_was_used(live_server: LiveServer, owner: User, project: Project) -> None:
    link = memberships.invite(project=project, role="editor", by=owner)[1]
    with seen_by(owner, live_server.url, "/") as page:
        page.context.clear_cookies()
        page.goto(f"{live_server.url}/join/{link}/")
        for field, words in (("username", "mia"), ("password", PASSWORD), ("repeated", PASSWORD)):
            page.fill(f"[name={field}]", words)
        press_twice(page, "Make an account and join")
        page.wait_for_url(f"{live_server.url}/projects/*/")
    assert project.memberships.filter(user__username="mia").exists()
