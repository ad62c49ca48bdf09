"""The timeline under a finished video in a real browser: how well it came out is pointed at, and gone to by button and key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from projects.models import RenderJob, RenderOverview
from tests import making
from tests.journeys.visiting import MARKS, seen_by

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)
QUALITY = {"step": 0.25, "sync": [90, 30, 90, 90], "sharpness": [99] * 4, "flicker": [100, 100, None, 190]}


@pytest.fixture
def page(live_server: LiveServer, owner: User, add_job: Callable[..., RenderJob], clip_file: Path) -> Iterator[Page]:
    """A finished video of one second with two weak moments, as its owner sees it."""
    job = add_job()
    output = making.output(job, clip_file)
    RenderOverview.objects.filter(output=output).update(packed=RenderOverview.pack(making.OVERVIEW | {"quality": QUALITY}))
    with seen_by(owner, live_server.url, reverse("pages:job", args=[job.pk])) as page:
        yield page


def moment(page: Page) -> float:
    return float(page.locator("video.new").evaluate("film => film.currentTime"))


def test_weak_moments_are_gone_to_one_after_the_other_and_round_again(page: Page) -> None:
    said = page.get_by_role("status").filter(has_text="s:")
    page.get_by_role("button", name="Next weak moment").click()
    assert moment(page) == pytest.approx(0.25, abs=0.01)
    assert said.inner_text() == "0.3–0.5 s: The mouth hardly follows (30 %)"
    page.keyboard.press("w")
    assert moment(page) == pytest.approx(0.75, abs=0.01)
    assert said.inner_text() == "0.8–1.0 s: The lips flicker a little (190 %)"
    page.keyboard.press("w")
    assert moment(page) == pytest.approx(0.25, abs=0.01)


def test_what_is_known_of_a_moment_is_told_to_the_pointer_and_to_the_keys(page: Page) -> None:
    stage, said = page.locator(".overview-stage"), page.locator("[data-said]")
    box = stage.bounding_box()
    assert box is not None
    stage.hover(position={"x": box["width"] * 0.3, "y": box["height"] - 10})
    assert "in step 30 %, sharp 99 %, flicker 100 %" in said.inner_text()
    stage.hover(position={"x": box["width"] * 0.6, "y": box["height"] - 10})
    assert "in step 90 %, sharp 99 %" in said.inner_text() and "flicker" not in said.inner_text()
    stage.click(position={"x": box["width"] * 0.1, "y": box["height"] - 10})
    assert moment(page) == pytest.approx(0.1, abs=0.01)
    page.mouse.move(0, 0)
    for _ in range(3):  # tenths of a second: to 0.45
        page.keyboard.press(".")
    page.locator("[data-said]", has_text="in step 30 %, sharp 99 %, flicker 100 %").wait_for()
