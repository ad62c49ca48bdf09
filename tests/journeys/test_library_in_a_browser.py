"""Lists of the library in a real browser: found while typing, chosen by stretches, heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from projects.models import Project, SpeakerClip
from tests import making
from tests.journeys.visiting import MARKS, seen_by

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)
NAMES = [f"Lesson {number}" for number in range(5)]


@pytest.fixture
def page(live_server: LiveServer, owner: User, project: Project, voice_file: Path) -> Iterator[Page]:
    """The list of five voices, as their owner sees it."""
    for name in NAMES:
        making.track(project, voice_file, name)
    with seen_by(owner, live_server.url, reverse("pages:voices", args=[project.pk])) as page:
        yield page


def go_back(page: Page) -> None:
    """As the browser's button does, until the page is there: its address changes first, and then it is loaded anew."""
    with page.expect_event("load"):
        page.evaluate("() => { setTimeout(() => history.back()); }")


def shown(page: Page) -> list[str]:
    return page.locator(".voice h3").all_inner_texts()


def test_a_list_is_searched_while_typing_and_the_way_back_works(page: Page) -> None:
    words = page.get_by_role("searchbox", name="Search by name")
    words.press_sequentially("lesson 3")
    page.wait_for_url("**/voices/?q=lesson%203")
    assert shown(page) == ["Lesson 3"]
    assert words.input_value() == "lesson 3"
    assert page.evaluate("document.activeElement.name") == "q"
    assert "1 found" in page.locator("#found-count").inner_text()
    page.get_by_label("Order").select_option("oldest")
    page.wait_for_url("**sort=oldest")
    go_back(page)
    page.wait_for_url("**/voices/?q=lesson%203")
    go_back(page)
    page.wait_for_url("**/voices/")
    page.wait_for_function("() => document.querySelectorAll('.voice').length === 5")
    assert page.get_by_role("searchbox", name="Search by name").input_value() == ""


def test_a_list_is_searched_without_scripts(live_server: LiveServer, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    plain = browser.new_context(java_script_enabled=False, locale="en-US")
    plain.add_cookies([{**cookie} for cookie in page.context.cookies()])  # type: ignore[list-item]
    sheet = plain.new_page()
    sheet.goto(page.url)
    sheet.get_by_role("searchbox").fill("lesson 3")
    sheet.get_by_role("button", name="Search").click()
    assert shown(sheet) == ["Lesson 3"]
    sheet.get_by_label("Choose Lesson 3").check()
    sheet.get_by_role("button", name="Delete", exact=True).first.click()
    assert "Put 1 into the bin" in sheet.locator("main").inner_text()


def test_rows_are_chosen_one_by_one_by_stretches_and_all(page: Page) -> None:
    delete = page.locator("[data-selection] [value=delete]")
    count = page.locator("[data-chosen-count]")
    assert delete.is_disabled()
    page.get_by_label("Choose Lesson 3").click()
    page.get_by_label("Choose Lesson 1").click(modifiers=["Shift"])
    assert count.inner_text() == "3"
    page.get_by_label("All on this page").check()
    assert count.inner_text() == "5"
    page.get_by_label("Choose Lesson 4").uncheck()
    assert page.locator("[data-select-all]").evaluate("box => box.indeterminate")
    delete.click()
    page.get_by_role("button", name="Put into the bin").click()
    page.wait_for_url("**/voices/")
    assert "4 are in the bin." in page.locator(".messages").inner_text()
    assert shown(page) == ["Lesson 4"]


def test_one_voice_is_heard_at_a_time_from_any_place(page: Page) -> None:
    playing = "[...document.querySelectorAll('audio')].filter(one => !one.paused).map(one => one.getAttribute('aria-label'))"
    page.get_by_role("button", name="Play Lesson 1").click()
    page.wait_for_function(f"() => ({playing}).length === 1")
    assert page.get_by_role("button", name="Pause Lesson 1").is_visible()
    page.get_by_role("button", name="Play Lesson 2").click()
    page.wait_for_function(f"() => ({playing}).join() === 'Lesson 2'")
    page.get_by_role("button", name="Pause Lesson 2").click()
    place = page.get_by_role("slider", name="Position in Lesson 3")
    place.focus()
    place.press("PageUp")
    page.wait_for_function("() => document.querySelector('audio[aria-label=\"Lesson 3\"]').currentTime > 0")


def test_a_voice_is_heard_where_a_batch_is_put_together(
    live_server: LiveServer, clip: SpeakerClip, page: Page, project: Project
) -> None:
    page.goto(live_server.url + reverse("pages:batch_new", args=[project.pk]))
    column = page.get_by_role("columnheader").filter(has_text="Lesson 2")
    assert column.locator(".wave").is_visible()
    column.get_by_role("button", name="Play Lesson 2").click()
    page.wait_for_function("() => !document.querySelector('audio[aria-label=\"Lesson 2\"]').paused")
    assert column.get_by_role("button", name="Pause Lesson 2").is_visible()
    assert page.locator("[name=cell]:checked").count() == 0
