"""The whole way in a real browser, with the real server, worker and engine: from the set-up link to the finished video.

Needs a chromium and playwright; says that it was skipped where there is none.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from tests.demo_take import demo_take

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "a long enough passphrase"
START_SECONDS = 90
RENDER_SECONDS = 300

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@dataclass(frozen=True, slots=True)
class Installation:
    """A running installation. link: of the first account"""

    address: str
    link: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three seconds of the synthetic take, and a voice of two seconds."""
    folder = tmp_path_factory.mktemp("media")
    take = demo_take()
    clip, voice = folder / "lecture.mp4", folder / "lesson.wav"
    for source, target, seconds in ((take.clip, clip, "6"), (take.voice, voice, "2")):
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-t", seconds, str(target)]
        subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return clip, voice


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`manage.py serve` on a free port, with a data folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "HEYGEM_DATA": str(tmp_path_factory.mktemp("data")), "PYTHONUNBUFFERED": "1"}
    environment.pop("DEBUG", None)
    said = tmp_path_factory.mktemp("log") / "serve.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        link = _link(process, said)
        yield Installation(f"http://localhost:{port}", link, environment)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _link(process: subprocess.Popen[bytes], said: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://\S+/setup/\S+", said.read_text())
        if found and "Ready." in said.read_text():
            return found[0]
        time.sleep(0.3)
    raise AssertionError(f"the installation did not start:\n{said.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh visitor; no test may leave an error in its console."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert errors == []


def sign_in(page: Page, at: Installation, name: str) -> None:
    page.goto(f"{at.address}/sign-in/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{at.address}/")


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
    page.get_by_role("button", name="Make the video").click()
    assert page.evaluate("document.activeElement.name") == "consent"  # asked for before anything is sent
    page.check("[name=consent]")
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url("**/jobs/*/")
    assert page.locator("progress").is_visible() or page.locator("video.new").is_visible()

    page.wait_for_selector("video.new", timeout=RENDER_SECONDS * 1000)
    video = page.locator("video.new")
    video.evaluate("film => { film.muted = true; film.play(); }")
    _wait_until_it_plays(page)
    assert video.evaluate("film => film.readyState") >= 2
    assert video.evaluate("film => Math.abs(film.duration - 2)") < 0.15
    _compare(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".mp4")
    _a_stranger_sees_nothing(page, browser, installation)


def _wait_until_it_plays(page: Page) -> None:
    """Asked from here: the pages' own policy forbids the browser to wait for an expression."""
    deadline = time.monotonic() + 20
    while page.locator("video.new").evaluate("film => film.currentTime") <= 0.5:
        assert time.monotonic() < deadline, "the video does not play"
        page.wait_for_timeout(100)


def _compare(page: Page) -> None:
    page.locator(".choice label", has_text="Compare").click()
    assert page.locator("video.old").is_visible()
    page.locator(".wipe-range").focus()
    before = page.locator(".stage").evaluate("stage => stage.style.getPropertyValue('--wipe')")
    page.keyboard.press("ArrowRight")
    assert page.locator(".stage").evaluate("stage => stage.style.getPropertyValue('--wipe')") != before


def _a_stranger_sees_nothing(page: Page, browser: Browser, installation: Installation) -> None:
    """Every address that the finished page uses answers another person with 404."""
    sources = page.locator("video").evaluate_all("films => films.flatMap(film => [film.src, film.poster])")
    addresses = {page.url, f"{page.url}live/", *(source for source in sources if source)}
    code = f"from projects import accounts; accounts.create_user(username='stranger', password={PASSWORD!r})"
    command = [sys.executable, "manage.py", "shell", "-c", code]
    subprocess.run(command, cwd=ROOT, env=installation.environment, check=True, timeout=60)
    context = browser.new_context(locale="en-US")
    other = context.new_page()
    sign_in(other, installation, "stranger")
    for address in addresses:
        assert other.request.get(address).status == 404, address
    context.close()


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


def test_a_text_renamed_to_mp4_is_refused_on_the_spot(
    page: Page, installation: Installation, media: tuple[Path, Path], tmp_path: Path
) -> None:
    sign_in(page, installation, "boss")
    fake = tmp_path / "take.mp4"
    fake.write_text("this is no film")
    page.set_input_files("[name=clip_file]", fake)
    page.check("[name=consent]")
    page.set_input_files("[name=track_file]", media[1])
    page.get_by_role("button", name="Make the video").click()
    note = page.locator("[data-form-errors] .note")
    note.wait_for(timeout=20_000)
    assert "Video" in note.inner_text()
    assert page.get_by_text("lesson.wav").is_visible()  # what was chosen is kept


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
