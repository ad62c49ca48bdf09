"""The whole way in a real browser, with the real server, worker and engine: from the set-up link to the finished video.

Needs a chromium and playwright; says that it was skipped where there is none.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from tests.journeys.visiting import MARKS, PASSWORD, Installation, shell, sign_in, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

RENDER_SECONDS = 300
pytestmark = list(MARKS)


def test_from_the_set_up_link_to_the_finished_video(
    page: Page, browser: Browser, installation: Installation, media: tuple[Path, Path]
) -> None:
    page.goto(installation.link)
    page.fill("[name=username]", "boss")
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=repeated]", PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(f"{installation.address}/")

    page.set_input_files("[name=clip_file]", media[0])
    page.set_input_files("[name=track_file]", media[1])
    assert page.get_by_text("lecture.mp4").is_visible()
    page.set_viewport_size({"width": 1280, "height": 150})
    page.get_by_role("button", name="Make the video").click()
    assert page.evaluate("document.activeElement.name") == "consent"  # asked for before anything is sent
    seen = "box => document.elementFromPoint(box.getBoundingClientRect().x + 4, box.getBoundingClientRect().y + 4) === box"
    assert page.locator("[name=consent]").evaluate(seen)  # and not under the bar
    page.set_viewport_size({"width": 1280, "height": 720})
    page.check("[name=consent]")
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url("**/jobs/*/")
    assert page.locator("progress").is_visible() or page.locator("video.new").is_visible()

    page.wait_for_selector("video.new", timeout=RENDER_SECONDS * 1000)
    video = page.locator("video.new")
    video.evaluate("film => { film.muted = true; film.play(); }")
    until(page, lambda: video.evaluate("film => film.currentTime") > 0.5)
    assert video.evaluate("film => film.readyState") >= 2
    assert video.evaluate("film => Math.abs(film.duration - 2)") < 0.15
    _seek_in_the_overview(page)
    _compare(page)
    _steer_by_keys(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".mp4")
    _a_stranger_sees_nothing(page, browser, installation)


def _seek_in_the_overview(page: Page) -> None:
    """A click on the timeline brings the film there and tells what happens."""
    film = page.locator("video.new")
    film.evaluate("film => film.pause()")
    stage = page.locator(".overview-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    stage.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    assert film.evaluate("film => Math.abs(film.currentTime - 1.5)") < 0.05
    assert re.search(r"asked for .* in step \d+ %, sharp \d+ %, flicker \d+ %", page.locator("[data-said]").inner_text())
    assert page.locator(".lane-name").all_inner_texts() == ["Mouth in step", "Sharp lips", "Steady lips"]


def _compare(page: Page) -> None:
    page.locator(".choice label", has_text="Compare").click()
    assert page.locator("video.old").is_visible()
    page.locator(".wipe-range").focus()
    before = page.locator(".stage").evaluate("stage => stage.style.getPropertyValue('--wipe')")
    page.keyboard.press("ArrowRight")
    assert page.locator(".stage").evaluate("stage => stage.style.getPropertyValue('--wipe')") != before


def _steer_by_keys(page: Page) -> None:
    """Single frames, jumps, a loop, the sound and the view, wherever the focus is."""
    film = page.locator("video.new")
    rate = film.evaluate("film => Number(film.closest('[data-player]').dataset.rate)")
    page.keyboard.press("j")
    assert film.evaluate("film => film.currentTime") == 0
    page.keyboard.press(".")
    page.keyboard.press(".")
    assert film.evaluate("film => film.currentTime") == pytest.approx(2.5 / rate, abs=0.001)
    page.keyboard.press(",")
    assert film.evaluate("film => film.currentTime") == pytest.approx(1.5 / rate, abs=0.001)
    page.keyboard.press("b")
    for _ in range(5):
        page.keyboard.press(".")
    page.keyboard.press("b")
    assert page.get_by_role("button", name="End the loop").is_visible()
    twice_round = "let rounds = 0; film.addEventListener('seeking', () => { if (++rounds === 2) done(); }); film.play();"
    film.evaluate(f"film => new Promise(done => {{ {twice_round} }})")
    assert film.evaluate("film => film.currentTime") < 8 / rate
    page.keyboard.press("k")
    page.keyboard.press("m")
    assert film.evaluate("film => film.muted")
    assert not page.locator("video.old").evaluate("film => film.muted")
    page.keyboard.press("n")
    assert page.locator("video.old").is_hidden()


def _a_stranger_sees_nothing(page: Page, browser: Browser, installation: Installation) -> None:
    """Every address that the finished page uses answers another person with 404."""
    sources = page.locator("video").evaluate_all("films => films.flatMap(film => [film.src, film.poster])")
    addresses = {page.url, f"{page.url}live/", *(source for source in sources if source)}
    code = f"from projects import accounts; accounts.create_user(username='stranger', password={PASSWORD!r})"
    shell(installation, code)
    context = browser.new_context(locale="en-US")
    other = context.new_page()
    sign_in(other, installation, "stranger")
    for address in addresses:
        assert other.request.get(address).status == 404, address
    context.close()


def test_the_button_tells_the_time_and_a_cancel_is_taken_back(
    page: Page, installation: Installation, media: tuple[Path, Path]
) -> None:
    sign_in(page, installation, "boss")
    page.set_input_files("[name=clip_file]", media[0])
    page.set_input_files("[name=track_file]", media[1])
    page.get_by_role("button", name=re.compile("Make the video, about [0-9]+")).wait_for()  # of files that have not arrived
    page.get_by_text("Draft", exact=True).click()
    page.get_by_role("button", name=re.compile("Make a draft of 0:05, about")).wait_for()
    page.goto(f"{installation.address}/queue/")
    page.get_by_role("button", name="Pause my queue").click()  # so that it waits
    page.goto(installation.address)
    page.get_by_text("Pick from the library").first.click()
    page.locator(".pick", has_text="lecture").click()
    page.get_by_text("Pick from the library").last.click()
    page.locator(".pick", has_text="lesson").click()
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url("**/jobs/*/")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Undo").wait_for()
    assert page.evaluate("document.activeElement.id").startswith("undo-")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Undo").wait_for()  # and nobody presses it
    page.goto(f"{installation.address}/queue/")
    page.get_by_role("button", name="Resume my queue").click()
    page.get_by_role("button", name="Pause my queue").wait_for()


def test_a_batch_is_ticked_made_and_fetched_as_one_file(page: Page, installation: Installation) -> None:
    sign_in(page, installation, "boss")
    page.goto(f"{installation.address}/projects/")
    page.get_by_role("link", name="My project").last.click()
    page.get_by_role("link", name="Batches").click()
    page.get_by_role("link", name="Put the first batch together").click()
    page.get_by_label("lecture with all voices").check()
    page.locator("#batch-need", has_text="1 video").wait_for()
    page.get_by_role("button", name="Make the videos").click()
    page.wait_for_url("**/batches/*/")
    page.get_by_text("1 of 1 done").wait_for(timeout=RENDER_SECONDS * 1000)
    with page.expect_download() as download:
        page.get_by_role("link", name="1 video as ZIP").click()
    with zipfile.ZipFile(download.value.path()) as bundle:
        names = [PurePath(name).name for name in bundle.namelist()]
    assert names == ["Unnamed lecturer_lecture_lesson.mp4", "manifest.csv", "manifest.json"]


def test_the_language_switch_speaks_chinese(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.address}/sign-in/")
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_selector("h1:has-text('登录')")
    assert page.locator("html").get_attribute("lang") == "zh-hans"


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_window(page: Page, installation: Installation, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, installation, "boss")
    for path in ("/", "/queue/", "/projects/", "/account/", "/nowhere/"):
        page.goto(installation.address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
