"""Whole installations in a browser: what the tests that use one have in common. Its fixtures are in conftest.py."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User

from tests import making
from tests.browsing import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough passphrase"
START_SECONDS = 90
MARKS = (
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A running installation. link: of the first account"""

    address: str
    port: int
    link: str
    environment: dict[str, str]


def link_told(process: subprocess.Popen[bytes], said: Path) -> str:
    """The link of the first account, once the installation is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://\S+/setup/\S+", said.read_text())
        if found and "Ready." in said.read_text():
            return found[0]
        time.sleep(0.3)
    raise AssertionError(f"the installation did not start:\n{said.read_text()}")


@contextmanager
def seen_by(person: User, address: str, path: str) -> Iterator[Page]:
    """A page of the test's own server in a browser in which this person is signed in. address: of the server"""
    from playwright.sync_api import sync_playwright

    session = making.browser(person).cookies["sessionid"].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(locale="en-US")
        context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
        page = context.new_page()
        page.goto(address + path)
        yield page
        browser.close()


def sign_in(page: Page, installation: Installation, name: str, *, at: str = "") -> None:
    """Come in by the sign-in page. at: another address of the installation"""
    address = at or installation.address
    page.goto(f"{address}/sign-in/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")


def shell(installation: Installation, code: str) -> None:
    """Run code beside the installation, on its rows."""
    command = [sys.executable, "manage.py", "shell", "-c", code]
    subprocess.run(command, cwd=ROOT, env=installation.environment, check=True, timeout=60)


def until(page: Page, true: Callable[[], bool]) -> None:
    """Wait until it becomes true, asked from here: the pages' own policy forbids the browser to wait for an expression."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        page.wait_for_timeout(50)
