"""Files on their way from a real browser to a real installation: refused, dropped, broken off, gone on with, watched.

Needs a chromium and playwright; says that it was skipped where there is none.
"""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journeys.visiting import MARKS, PASSWORD, Installation, shell, sign_in, until
from tests.journeys.weak_line import WeakLine
from tests.soak.cutting import Sender, Source, send_with_cuts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

DROPPED_BYTES = 3 * 2**20
CUT_BYTES = 6 * 2**20
pytestmark = list(MARKS)


@pytest.fixture(scope="module", autouse=True)
def _boss(installation: Installation) -> None:
    """Somebody with a project and nothing in it."""
    shell(installation, f"from projects import accounts; accounts.create_user(username='boss', password={PASSWORD!r})")


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
        until(page, lambda: sum(_offsets(page, installation)) > 0)
        line.cut()
        rows = page.locator("[data-arrival]")
        rows.filter(has_text="Trying again").nth(1).wait_for()
        line.mend()
        rows.filter(has_text="In the library").nth(1).wait_for()
        for title in ("Part 1", "Part 2"):
            page.get_by_role("heading", name=title).wait_for()
        page.locator("[data-arrivals] ~ [data-finder] ~ #found").wait_for()  # the first files bring what finds them
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
        until(before, lambda: sum(_offsets(before, installation)) > 0)
        before.context.close()
    sign_in(page, installation, "boss")
    page.goto(f"{installation.address}{_library(page, installation)}")
    row = page.locator("[data-arrival]", has_text="Choose the file again to go on.")
    begun = row.get_attribute("data-url")
    row.locator("[data-file]").set_input_files(file)
    page.locator("[data-arrival]", has_text="In the library").wait_for()
    page.get_by_role("heading", name="long").wait_for()
    page.locator("[data-arrivals] ~ [data-finder] ~ #found").wait_for()
    assert page.request.get(f"{installation.address}{begun}").json()["state"] == "done"  # the one that was begun before


def test_a_clip_that_no_browser_plays_is_watched_by_its_light_copy(
    page: Page, installation: Installation, media: tuple[Path, Path], tmp_path: Path
) -> None:
    old = tmp_path / "archive.avi"
    command = ["ffmpeg", "-v", "error", "-i", str(media[0]), "-c:v", "mpeg4", "-q:v", "3", "-c:a", "mp3", str(old)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    sign_in(page, installation, "boss")
    _add_clip(page, installation, old, "Archive")
    card = page.locator("li.clip", has=page.get_by_role("heading", name="archive"))
    card.get_by_text("A light copy for watching is being made.").wait_for()
    card.get_by_role("link", name="Download the original").wait_for(timeout=120_000)  # it renews itself
    link = card.get_by_role("link", name="Play archive")
    assert link.get_attribute("href").endswith("/film/")
    link.click()
    film = card.locator("video.film")
    until(page, lambda: film.evaluate("film => film.readyState >= 2 && film.currentTime > 0.3"))


def test_a_full_plan_is_told_before_the_file_travels(
    page: Page, installation: Installation, clip_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "more.mp4"
    file.write_bytes(Source(clip_file.read_bytes(), DROPPED_BYTES, 5).read(0, DROPPED_BYTES))
    plan = "QuotaPlan.objects.create(name='Tiny', bytes_per_person=10, is_usual=True)"
    shell(installation, f"from projects.models import QuotaPlan; {plan}")
    sign_in(page, installation, "boss")
    _add_clip(page, installation, file, "Ada")
    row = page.locator("[data-arrival]", has_text="more.mp4")
    row.get_by_text("of it are left").wait_for()
    shell(installation, "from projects.models import QuotaPlan; QuotaPlan.objects.all().delete()")
    row.get_by_role("button", name="Try again").click()
    row.get_by_text("In the library").wait_for()


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


def _add_clip(page: Page, installation: Installation, file: Path, lecturer: str) -> None:
    """By the form of the library, as whoever is signed in."""
    page.goto(f"{installation.address}{_library(page, installation)}")
    page.get_by_text("Add a clip", exact=True).click()
    page.set_input_files("[name=clip_file]", file)
    page.fill("[name=lecturer]", lecturer)
    page.check("[name=consent]")
    page.get_by_role("button", name="Add the clip").click()


def _library(page: Page, at: Installation) -> str:
    """The path of the person's project."""
    (project,) = page.request.get(f"{at.address}/api/v1/projects/").json()["results"]
    return f"/projects/{project['id']}/"


def _offsets(page: Page, at: Installation) -> list[int]:
    """Bytes of each unfinished upload that have arrived, asked past the line."""
    rows = page.request.get(f"{at.address}/api/v1/uploads/").json()["results"]
    return [row["offset"] for row in rows if row["state"] == "receiving"]


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
