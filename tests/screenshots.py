"""`make screenshots`: every page as pictures, in both languages, narrow and wide, light and dark, empty, usual and overfull.

An installation of its own is made and filled (tests/shown.py), with a synthetic take; then a browser looks at it.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.shown import Media, Shown

ROOT = Path(__file__).parents[1]
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
WIDTHS, HEIGHT, TALLEST = (360, 1440), 900, 8000
THEMES = ("light", "dark")
# Every picture that is in the window and shown has arrived; one in a closed fold never would.
SEEN = """() => Promise.race([
    new Promise(done => setTimeout(done, 5000)),
    Promise.all([...document.images]
        .filter(image => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight)
        .map(image => image.decode().catch(() => null))),
])"""
# What a script draws is there.
DRAWN = "() => !document.querySelector('[data-schema]') || document.querySelector('.opblock-tag') !== null"
FILM_SECONDS, VOICE_SECONDS = 6.0, 5.0


def main() -> None:
    """Take the pictures in a process whose settings are those of a fresh installation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", help="names of pages, such as usual/queue or storage; all of them when left out")
    given = parser.parse_args()
    if "HEYGEM_DATA_OF_SCREENSHOTS" not in os.environ:
        with tempfile.TemporaryDirectory() as data:
            plain = {
                "DATABASE_URL": "",
                "REDIS_URL": "",
                "LOG_LEVEL": "ERROR",
                "DJANGO_SETTINGS_MODULE": "heygem_site.settings",
            }
            environment = {**os.environ, **plain, "HEYGEM_DATA": data, "HEYGEM_DATA_OF_SCREENSHOTS": data}
            sys.exit(
                subprocess.run(
                    [sys.executable, "-m", "tests.screenshots", *sys.argv[1:]], env=environment, check=False
                ).returncode
            )
    import django

    django.setup()
    take(given.folder, given.pages)


def take(folder: Path, wanted: list[str]) -> None:
    """Fill the installation and photograph it."""
    from django.core.management import call_command
    from playwright.sync_api import sync_playwright

    from tests import shown
    from tests.browsing import CHROMIUM

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    with tempfile.TemporaryDirectory() as scratch:
        people = shown.fill(media(Path(scratch)))
    cookies = {person.name: _session(person) for person in people}
    with serving() as address, sync_playwright() as playwright:
        logging.getLogger("django.request").setLevel(logging.ERROR)  # a page that is not there is one of them
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for person in people:
            pages = {name: url for name, url in person.pages.items() if _is_wanted(person.name, name, wanted)}
            if pages:
                count = _photograph(browser, address, folder / person.name, pages, cookies[person.name])
                sys.stdout.write(f"{count} pictures in {folder / person.name}\n")
        browser.close()


def media(folder: Path) -> Media:
    """A few seconds of the synthetic take, what the engine sees in it, and a voice."""
    from tests.demo_take import demo_take
    from tests.shown import Media

    demo = demo_take()
    film, still, strip, voice = (folder / name for name in ("film.mp4", "still.jpg", "strip.jpg", "voice.wav"))
    _ffmpeg("-i", demo.clip, "-t", FILM_SECONDS, "-c:v", "libx264", "-c:a", "aac", film)
    _ffmpeg("-i", film, "-frames:v", 1, still)
    _ffmpeg("-i", demo.voice, "-t", VOICE_SECONDS, voice)
    looked = [sys.executable, "-m", "lipsync", "preflight", str(film), "--picture", str(strip), "--no-cache"]
    subprocess.run(looked, cwd=ROOT, stdout=subprocess.DEVNULL, check=False, timeout=600)  # a short take is warned of: code 2
    return Media(film, still, strip, voice, FILM_SECONDS, VOICE_SECONDS, overview())


def overview() -> dict[str, object]:
    """A mouth that opens and closes, a pause in the middle, and a moment that passes as it was filmed."""
    count = 200
    swing = [abs(math.sin(point / 7)) * (0.2 if 90 < point < 120 else 1.0) for point in range(count)]
    step = FILM_SECONDS / count
    return {
        "step": step,
        "loudness": [round(95 * value) for value in swing],
        "wanted": [round(90 * value) for value in swing],
        "painted": [None if 150 <= point < 165 else round(80 * value) for point, value in enumerate(swing)],
        "speech": [[0.2, 90 * step], [120 * step, FILM_SECONDS]],
        "sounds": [["a", 0.2, 0.5], ["m", 0.5, 0.6], ["i", 0.6, 0.9]],
        "passed": [[150 * step, 165 * step, "turned"]],
        "runs": [[0, 0, 1]],
        "quality": {
            "step": FILM_SECONDS / 5,
            "sync": [88, 84, 52, 81, None],
            "sharpness": [101, 97, 95, 58, None],
            "flicker": [104, 112, 170, 109, None],
        },
    }


@contextmanager
def serving() -> Iterator[str]:
    """The pages on a free port, while the block runs. Yields their address."""
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler, get_internal_wsgi_application

    class Silent(WSGIRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    server = ThreadedWSGIServer(("localhost", 0), Silent)
    server.set_app(get_internal_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()


def _photograph(browser: Browser, address: str, folder: Path, pages: dict[str, str], session: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for language, width in product(LANGUAGES, WIDTHS):
        # Without motion: a colour that is on its way to the other theme is none that anybody should judge.
        context = browser.new_context(locale=LANGUAGES[language], reduced_motion="reduce")
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
        page = context.new_page()
        for name, url in pages.items():
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.goto(address + url)
            page.wait_for_function(DRAWN)
            # As tall as the page, so that what sticks to the window's edges does not lie in the middle of the picture.
            tall = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(HEIGHT, min(tall, TALLEST))})
            page.evaluate(SEEN)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=folder / f"{name}.{language}.{width}.{theme}.png")
                count += 1
        context.close()
    return count


def _session(person: Shown) -> str:
    from tests import making

    return making.browser(person.user).cookies["sessionid"].value if person.user else ""


def _is_wanted(person: str, page: str, wanted: list[str]) -> bool:
    return not wanted or any(word in (person, page, f"{person}/{page}") for word in wanted)


def _ffmpeg(*words: object) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, timeout=120)


if __name__ == "__main__":
    main()
