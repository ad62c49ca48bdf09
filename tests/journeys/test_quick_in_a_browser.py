"""Quick render in a real browser: what is said of one video is not said of the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from projects.models import Project, SpeakerClip
from tests import making
from tests.journeys.visiting import MARKS, seen_by

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = list(MARKS)
AS_FIRST_PAINTED = """() => {
    document.querySelector('[data-zone="video"] [data-full]').hidden = true;
    document.querySelector('[data-zone="video"] [data-empty]').hidden = false;
}"""


def test_with_another_video_consent_is_asked_for_anew(
    live_server: LiveServer, owner: User, clip: SpeakerClip, clip_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(clip_file.read_bytes())
    with seen_by(owner, live_server.url, "/") as page:
        box, chosen = page.locator("[name=consent]"), page.locator('[data-zone="video"] [data-name]')
        box.check()  # before there is any video: of the one that comes
        page.set_input_files("[name=clip_file]", clip_file)
        chosen.get_by_text(clip_file.name).wait_for()
        assert box.is_checked()
        page.set_input_files("[name=clip_file]", other)
        chosen.get_by_text("other.mp4").wait_for()
        assert not box.is_checked()
        box.check()
        page.get_by_text("Pick from the library").first.click()
        page.locator(".pick", has_text=clip.title).click()
        chosen.get_by_text(clip.title, exact=True).wait_for()
        assert not box.is_checked()


def test_it_is_not_ticked_for_whoever_comes_back(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/") as page:
        page.check("[name=consent]")
        page.goto(f"{live_server.url}/queue/")
        page.go_back()
        assert not page.is_checked("[name=consent]")


@pytest.mark.parametrize("width", [360, 1280])
def test_what_is_picked_beforehand_moves_nothing_when_it_is_shown(
    live_server: LiveServer, owner: User, clip: SpeakerClip, width: int
) -> None:
    with seen_by(owner, live_server.url, "/") as page:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{live_server.url}/?clip={clip.pk}")
        below = page.locator("#voice-title" if width == 360 else ".go")
        page.locator('[data-zone="video"] [data-name]').get_by_text(clip.title, exact=True).wait_for()
        whole = below.bounding_box()
        page.evaluate(AS_FIRST_PAINTED)
        assert below.bounding_box() == whole


def test_a_telephone_is_not_asked_to_drop_anything(live_server: LiveServer, owner: User) -> None:
    with seen_by(owner, live_server.url, "/") as page:
        invitation = "Drop a video here, or anywhere on the page"
        assert page.get_by_text(invitation).is_visible()
        telephone = page.context.browser.new_context(
            storage_state=page.context.storage_state(), locale="en-US", has_touch=True, is_mobile=True
        ).new_page()
        telephone.goto(f"{live_server.url}/")
        assert telephone.get_by_text("Choose a file").first.is_visible()
        assert not telephone.get_by_text(invitation).is_visible()


def test_the_length_of_a_picked_voice_is_told_once(
    live_server: LiveServer, owner: User, project: Project, voice_file: Path
) -> None:
    voice = making.track(project, voice_file)
    with seen_by(owner, live_server.url, f"/?track={voice.pk}") as page:
        detail = page.locator('[data-zone="voice"] p[data-detail]')
        detail.get_by_text("0:02 ·").wait_for()  # the browser knows the file by now
        assert detail.inner_text().count("0:02") == 1
