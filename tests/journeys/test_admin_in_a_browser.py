"""The administration in a real browser: an action with its question, nothing refused by the rules, nobody else asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from projects.models import RenderJob, Status

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@contextmanager
def signed_in(address: str) -> Iterator[Page]:
    """The administrator's page. No error may stand in its console, and nothing may be asked of another host.

    The database is not asked in the block: playwright's loop runs in this thread.
    """
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-US", viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((address, "data:")) else None)
        page.goto(f"{address}/admin/")
        page.fill("[name=username]", "ada")
        page.fill("[name=password]", "correct horse battery")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{address}/admin/")
        yield page
        browser.close()
    assert wrong == []


def test_renders_are_cancelled_after_a_question(
    live_server: LiveServer, administrator: User, add_job: Callable[..., RenderJob]
) -> None:
    chosen = [str(add_job().pk) for _ in range(2)]
    kept = add_job(priority=1)
    with signed_in(live_server.url) as page:
        page.get_by_role("link", name="Renders", exact=True).first.click()
        for pk in chosen:
            page.check(f'input[name=_selected_action][value="{pk}"]')
        page.select_option("select[name=action]", "cancel_renders")
        page.get_by_role("button", name="Run").click()
        page.get_by_role("heading", name="Cancel 2 renders?").wait_for()
        page.get_by_role("button", name="Cancel them").click()
        page.get_by_text("2 cancelled.").wait_for()
    assert set(RenderJob.objects.filter(status=Status.CANCELLED).values_list("pk", flat=True).distinct()) == {
        job.pk for job in RenderJob.objects.exclude(pk=kept.pk)
    }
    kept.refresh_from_db()
    assert kept.status == Status.QUEUED


def test_its_pages_work_under_the_rules_and_fit_a_telephone(
    live_server: LiveServer, administrator: User, add_job: Callable[..., RenderJob]
) -> None:
    job = add_job(Status.SUCCEEDED)
    pages = (
        *("", "auth/user/", "projects/project/", "projects/cleanuprun/", "projects/auditentry/", "projects/speaker/"),
        *(f"auth/user/{administrator.pk}/change/", f"projects/renderjob/{job.pk}/change/", "projects/retentionpolicy/add/"),
    )
    with signed_in(live_server.url) as page:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            for url in pages:
                page.goto(f"{live_server.url}/admin/{url}")
                page.wait_for_load_state("networkidle")
                page.locator("h1").first.wait_for()
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, url)
