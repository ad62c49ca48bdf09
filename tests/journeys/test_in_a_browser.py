"""The whole way in a real browser, with the real server, worker and engine: from the set-up link to the finished video.

Needs a chromium and playwright; says that it was skipped where there is none.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from tests.demo_take import demo_take
from tests.journeys.weak_line import WeakLine
from tests.soak.cutting import Sender, Source, send_with_cuts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "a long enough passphrase"
START_SECONDS = 90
RENDER_SECONDS = 300
DROPPED_BYTES = 3 * 2**20
CUT_BYTES = 6 * 2**20

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@dataclass(frozen=True, slots=True)
class Installation:
    """A running installation. link: of the first account"""

    address: str
    port: int
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
    environment["MAKE_PREVIEWS"] = "1"
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
        yield Installation(f"http://localhost:{port}", port, link, environment)
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


def sign_in(page: Page, installation: Installation, name: str, *, at: str = "") -> None:
    """at: another address of it"""
    address = at or installation.address
    page.goto(f"{address}/sign-in/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")


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
    _seek_in_the_overview(page)
    _compare(page)
    _steer_by_keys(page)
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
    _shell(installation, code)
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


def test_files_that_are_dropped_arrive_though_the_line_breaks(page: Page, installation: Installation, clip_file: Path) -> None:
    film = clip_file.read_bytes()
    with WeakLine(installation.port) as line:
        sign_in(page, installation, "boss", at=line.address)
        page.goto(f"{line.address}{_library(page, installation)}")
        page.get_by_text("Add a clip", exact=True).click()
        _drop(page, {f"Part {number}.mp4": Source(film, DROPPED_BYTES, number).read(0, DROPPED_BYTES) for number in (1, 2)})
        page.fill("[name=lecturer]", "Ada")
        page.check("[name=consent]")
        line.let_pass(DROPPED_BYTES // 2)  # less than one of the two: neither is whole when the line breaks
        page.get_by_role("button", name="Add the clips").click()
        _until(page, lambda: sum(_offsets(page, installation)) > 0)
        line.cut()
        rows = page.locator("[data-arrival]")
        rows.filter(has_text="Trying again").nth(1).wait_for()
        line.mend()
        rows.filter(has_text="In the library").nth(1).wait_for()
        for title in ("Part 1", "Part 2"):
            page.get_by_role("heading", name=title).wait_for()
        assert not _offsets(page, installation)  # an announcement whose answer was lost left no second upload
        page.get_by_text("Consent given").first.wait_for()


def test_an_upload_goes_on_after_the_browser_was_closed(
    page: Page, browser: Browser, installation: Installation, clip_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "long.mp4"
    file.write_bytes(Source(clip_file.read_bytes(), DROPPED_BYTES, 3).read(0, DROPPED_BYTES))
    with WeakLine(installation.port) as line:
        before = browser.new_context(locale="en-US").new_page()
        sign_in(before, installation, "boss", at=line.address)
        before.goto(f"{line.address}{_library(before, installation)}")
        before.get_by_text("Add a clip", exact=True).click()
        before.set_input_files("[name=clip_file]", file)
        before.fill("[name=lecturer]", "Ada")
        before.check("[name=consent]")
        line.let_pass(DROPPED_BYTES // 2)
        before.get_by_role("button", name="Add the clip").click()
        _until(before, lambda: sum(_offsets(before, installation)) > 0)
        before.context.close()
    sign_in(page, installation, "boss")
    page.goto(f"{installation.address}{_library(page, installation)}")
    row = page.locator("[data-arrival]", has_text="Choose the file again to go on.")
    begun = row.get_attribute("data-url")
    row.locator("[data-file]").set_input_files(file)
    page.locator("[data-arrival]", has_text="In the library").wait_for()
    page.get_by_role("heading", name="long").wait_for()
    assert page.request.get(f"{installation.address}{begun}").json()["state"] == "done"  # the one that was begun before


def test_a_clip_that_no_browser_plays_is_watched_by_its_light_copy(
    page: Page, installation: Installation, media: tuple[Path, Path], tmp_path: Path
) -> None:
    old = tmp_path / "archive.avi"
    command = ["ffmpeg", "-v", "error", "-i", str(media[0]), "-c:v", "mpeg4", "-q:v", "3", "-c:a", "mp3", str(old)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    sign_in(page, installation, "boss")
    page.goto(f"{installation.address}{_library(page, installation)}")
    page.get_by_text("Add a clip", exact=True).click()
    page.set_input_files("[name=clip_file]", old)
    page.fill("[name=lecturer]", "Archive")
    page.check("[name=consent]")
    page.get_by_role("button", name="Add the clip").click()
    card = page.locator("li.clip", has=page.get_by_role("heading", name="archive"))
    card.get_by_text("A light copy for watching is being made.").wait_for()
    card.get_by_role("link", name="Download the original").wait_for(timeout=120_000)  # it renews itself
    link = card.get_by_role("link", name="Play archive")
    assert link.get_attribute("href").endswith("/film/")
    link.click()
    film = card.locator("video.film")
    _until(page, lambda: film.evaluate("film => film.readyState >= 2 && film.currentTime > 0.3"))


def test_a_full_plan_is_told_before_the_file_travels(
    page: Page, installation: Installation, clip_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "more.mp4"
    file.write_bytes(Source(clip_file.read_bytes(), DROPPED_BYTES, 5).read(0, DROPPED_BYTES))
    plan = "QuotaPlan.objects.create(name='Tiny', bytes_per_person=10, is_usual=True)"
    _shell(installation, f"from projects.models import QuotaPlan; {plan}")
    sign_in(page, installation, "boss")
    page.goto(f"{installation.address}{_library(page, installation)}")
    page.get_by_text("Add a clip", exact=True).click()
    page.set_input_files("[name=clip_file]", file)
    page.fill("[name=lecturer]", "Ada")
    page.check("[name=consent]")
    page.get_by_role("button", name="Add the clip").click()
    row = page.locator("[data-arrival]", has_text="more.mp4")
    row.get_by_text("of it are left").wait_for()
    _shell(installation, "from projects.models import QuotaPlan; QuotaPlan.objects.all().delete()")
    row.get_by_role("button", name="Try again").click()
    row.get_by_text("In the library").wait_for()


def _library(page: Page, at: Installation) -> str:
    """The path of the person's project."""
    (project,) = page.request.get(f"{at.address}/api/v1/projects/").json()["results"]
    return f"/projects/{project['id']}/"


def _shell(installation: Installation, code: str) -> None:
    command = [sys.executable, "manage.py", "shell", "-c", code]
    subprocess.run(command, cwd=ROOT, env=installation.environment, check=True, timeout=60)


def _offsets(page: Page, at: Installation) -> list[int]:
    """Bytes of each unfinished upload that have arrived, asked past the line."""
    rows = page.request.get(f"{at.address}/api/v1/uploads/").json()["results"]
    return [row["offset"] for row in rows if row["state"] == "receiving"]


def _until(page: Page, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        page.wait_for_timeout(50)


def _drop(page: Page, files: dict[str, bytes]) -> None:
    """Drop files somewhere on the page, as a hand does."""
    given = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    carried = page.evaluate_handle(
        """given => {
            const carried = new DataTransfer();
            for (const [name, data] of given) {
                const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
                carried.items.add(new File([bytes], name, { type: "video/mp4", lastModified: 7 }));
            }
            return carried;
        }""",
        given,
    )
    page.dispatch_event("main", "drop", {"dataTransfer": carried})


def test_twenty_cuts_and_a_second_sender_cost_no_byte(installation: Installation, clip_file: Path) -> None:
    """T19 in small; `make soak T=uploads` is the large one."""
    name = base64.b64encode(f"boss:{PASSWORD}".encode()).decode()
    first = Sender(installation.port, "", "")
    answer = first.ask("POST", "/api/v1/tokens/", {"Authorization": f"Basic {name}"})
    sender = Sender(installation.port, json.loads(answer.text)["token"], "")
    sender.project = json.loads(sender.ask("GET", "/api/v1/projects/", {}).text)["results"][0]["id"]
    source = Source(clip_file.read_bytes(), CUT_BYTES, 4)
    sender.announce(source.size)
    path = Path(installation.environment["HEYGEM_DATA"]) / "uploads" / sender.url.strip("/").rpartition("/")[2]
    seen = send_with_cuts(sender, source, 20, random.Random(19), lambda begin, stop: path.read_bytes()[begin:stop])
    assert (seen.cuts, seen.equal, seen.misses) == (20, 20, [])
    assert 0 < seen.busy == seen.parallel
    clip = json.loads(sender.ask("GET", f"/api/v1/clips/{sender.state()['clip']}/", {}).text)
    assert clip["sha256"] == source.digest()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_window(page: Page, installation: Installation, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, installation, "boss")
    for path in ("/", "/queue/", "/projects/", "/account/", "/nowhere/"):
        page.goto(installation.address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
