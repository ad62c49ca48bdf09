"""Every page, as a browser shows it: no serious fault that axe knows of, in either theme; as wide as the window, be it narrow,
wide or between; nothing jumps; no more bytes than it may have, and nothing that keeps it waiting.

What weighs is what travels, compressed as it is sent: the page, files of style, script and icons. Pictures, sound and films do
not count. What Swagger UI draws, and what it weighs, is its authors': there only the page around it is judged.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from pytest_django.live_server_helper import LiveServer

from tests import making, shown
from tests.browsing import CHROMIUM
from tests.screenshots import DRAWN, overview
from tests.shown import Media, Shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]

LARGEST_PAGE_BYTES = 150_000
MOST_SHIFT = 0.02  # a fifth of what web.dev calls good; the browser's own controls of a voice take half of it
GRAVE = ("serious", "critical")
OF_OTHERS = ("drf_spectacular_sidecar", ".swagger-ui")  # whose weight and whose markup is not ours
# Between: from where the bar at the top has all its links on, a laptop's window at twice the size.
NARROW, BETWEEN, WIDE = {"width": 360, "height": 800}, {"width": 640, "height": 400}, {"width": 2560, "height": 1440}
WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
}).observe({ type: "layout-shift", buffered: true });
"""
SCRIPTS_THAT_BLOCK = "[...document.scripts].filter(one => one.src && !one.defer && !one.async).map(one => one.src)"
IS_TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture
def media(clip_file: Path, voice_file: Path, tmp_path: Path) -> Media:
    still = tmp_path / "still.jpg"
    making.media("-i", str(clip_file), "-frames:v", "1", str(still))
    return Media(clip_file, still, still, voice_file, making.CLIP_SECONDS, making.VOICE_SECONDS, overview())


def test_every_page_is_fit_to_be_used(live_server: LiveServer, media: Media) -> None:
    from playwright.sync_api import sync_playwright

    people = [(person, _session(person)) for person in shown.fill(media)]
    found: dict[str, list[str]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for person, session in people:
            _look(browser, live_server.url, person, session, found)
        browser.close()
    wrong = [f"{name}: {fault}" for name, faults in found.items() for fault in faults]
    assert not wrong, "\n".join(wrong)
    assert len(found) > 40


def _look(browser: Browser, address: str, person: Shown, session: str, found: dict[str, list[str]]) -> None:
    """See all pages of one person, and note what is wrong with each."""
    context = browser.new_context(locale="en-US", viewport=NARROW, reduced_motion="reduce")
    context.add_init_script(WATCH_SHIFTS)
    if session:
        context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    page = context.new_page()
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if "Content Security Policy" in line.text else None)
    for name, url in person.pages.items():
        asked.clear()
        said.clear()
        faults = _faults(page, address + url, asked)
        found[f"{person.name}/{name}"] = [*faults, *said]
    context.close()


def _faults(page: Page, url: str, asked: list[str]) -> list[str]:
    page.set_viewport_size(NARROW)
    answer = page.goto(url)
    assert answer is not None
    page.wait_for_function(DRAWN)
    assert answer.headers["content-encoding"] == "gzip"
    faults = [f"waits for {script}" for script in page.evaluate(SCRIPTS_THAT_BLOCK)]
    weight = len(gzip.compress(answer.body(), 6)) + sum(map(_weight, set(asked)))
    if weight > LARGEST_PAGE_BYTES:
        faults.append(f"weighs {weight} bytes")
    faults += _too_wide(page)
    faults += _axe(page)
    page.emulate_media(color_scheme="dark")
    faults += _axe(page, "color-contrast")
    page.emulate_media(color_scheme="light")
    if (shifted := page.evaluate("window.shifted")) > MOST_SHIFT:
        faults.append(f"jumps by {shifted:.3f}")
    for size in (BETWEEN, WIDE):
        page.set_viewport_size(size)
        faults += _too_wide(page)
    return faults


def _too_wide(page: Page) -> list[str]:
    return ["wider than the window"] if page.evaluate(IS_TOO_WIDE) else []


def _axe(page: Page, *rules: str) -> list[str]:
    """What axe finds; all its rules when none are named."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(axe.AXE_SCRIPT)
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    judged = {"exclude": [OF_OTHERS[1]]}
    told: dict[str, Any] = page.evaluate("([judged, options]) => axe.run(judged, options)", [judged, options])
    grave = [fault for fault in told["violations"] if fault["impact"] in GRAVE]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in grave for node in fault["nodes"][:3]]


@cache
def _weight(url: str) -> int:
    """Bytes of a file of ours as it is sent, 0 for everything else."""
    path = urlsplit(url).path
    if OF_OTHERS[0] in path:
        return 0
    found = finders.find(path.removeprefix("/static/")) if path.startswith("/static/") else None
    return len(gzip.compress(Path(str(found)).read_bytes())) if found else 0


def _session(person: Shown) -> str:
    return making.browser(person.user).cookies["sessionid"].value if person.user else ""
