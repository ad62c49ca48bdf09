"""The light film and the strip of pictures of a clip: made once, given up after two attempts, gone with the clip."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from lipsync.media import probe_clip
from projects import bin, cleanup, previews, quotas, storage, tasks
from projects.models import Consent, Preview, PreviewState, Project, RenderJob, Speaker, SpeakerClip
from tests import making

NOBODY_STOPS = threading.Event()


@pytest.fixture(autouse=True)
def wanted(settings: Settings) -> None:
    settings.MAKE_PREVIEWS = True


@pytest.fixture
def avi(speaker: Speaker, tmp_path: Path) -> SpeakerClip:
    """A clip that no browser plays."""
    source = tmp_path / "old.avi"
    picture = f"testsrc2=size=160x120:rate={making.CLIP_RATE}:duration={making.CLIP_SECONDS}"
    tone = f"sine=frequency=300:duration={making.CLIP_SECONDS}"
    making.media(
        "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *["-c:v", "mpeg4", "-q:v", "3", "-c:a", "mp3"], str(source)
    )
    clip = making.clip(speaker, source, "Old take")
    stored = clip.path.with_suffix(".avi")
    clip.path.rename(stored)
    SpeakerClip.objects.filter(pk=clip.pk).update(file=f"{storage.CLIPS}/{stored.name}", sha256="d" * 64)
    return SpeakerClip.objects.get(pk=clip.pk)


def make_all() -> int:
    """Everything that there is to make now. How many attempts it took."""
    count = 0
    while previews.make_next(NOBODY_STOPS):
        count += 1
        assert count < 20
    return count


def states(clip: SpeakerClip) -> dict[str, str]:
    return dict(clip.previews.values_list("kind", "state"))


def wait_over() -> None:
    """Let whatever is put off, or was left by somebody who died, have waited long enough."""
    Preview.objects.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))


# --- what is made ----------------------------------------------------------------------------------------------------
def test_a_clip_that_browsers_cannot_play_gets_a_film_that_they_can(avi: SpeakerClip, owner_client: Client) -> None:
    Consent.objects.all().delete()
    assert make_all() == 1
    film = avi.previews.get()
    facts = probe_clip(film.path)
    assert (film.state, facts.codec, facts.width, facts.height) == ("done", "h264", 160, 120)
    assert film.size == film.path.stat().st_size
    answer = owner_client.get(f"/files/clips/{avi.pk}/film/", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer["Content-Type"]) == (206, "video/mp4")
    assert make_all() == 0, "made once"


def test_a_light_clip_that_plays_needs_none(clip: SpeakerClip, owner_client: Client) -> None:
    Consent.objects.all().delete()
    make_all()
    assert states(clip) == {"film": "needless"}
    assert owner_client.get(f"/files/clips/{clip.pk}/film/").status_code == 404
    assert f'href="{clip.file_url}"' in owner_client.get(f"/lecturers/{clip.speaker_id}/").text


@pytest.mark.slow
def test_the_strip_shows_the_face_with_the_verdict(
    speaker: Speaker, talking_take: tuple[Path, Path], owner_client: Client
) -> None:
    clip = making.clip(speaker, talking_take[0], "Talking")
    make_all()
    strip = clip.previews.get(kind="strip")
    assert (strip.state, strip.note) == ("done", "")
    assert strip.card["verdict"] in ("ready", "warnings")
    assert strip.path.read_bytes().startswith(b"\xff\xd8\xff")
    page = owner_client.get(f"/lecturers/{speaker.pk}/").text
    assert f"/files/clips/{clip.pk}/strip/" in page
    assert "Ready" in page
    assert "Give it a new voice" in page
    assert owner_client.get(f"/files/clips/{clip.pk}/strip/")["Content-Type"] == "image/jpeg"


def test_a_take_without_a_face_is_refused_in_words(clip: SpeakerClip, owner_client: Client) -> None:
    make_all()
    card = clip.previews.get(kind="strip").card
    assert card["verdict"] == "refused"
    page = html.unescape(owner_client.get(f"/lecturers/{clip.speaker_id}/").text)
    assert "Cannot be used" in page
    assert "Give it a new voice" not in page
    assert card["findings"][0]["sentence"] in page


def test_nobodys_face_is_looked_at_without_consent(clip: SpeakerClip, speaker: Speaker) -> None:
    Consent.objects.all().delete()
    make_all()
    assert set(states(clip)) == {"film"}
    assert not any(storage.folder(storage.ANALYSES).iterdir())
    making.agree(speaker)
    make_all()
    assert set(states(clip)) == {"film", "strip"}


def test_the_housekeeping_lane_makes_them_and_keeps_house_meanwhile(
    clip: SpeakerClip, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[bool] = []
    monkeypatch.setattr(previews, "BETWEEN_SECONDS", 0.0)
    monkeypatch.setattr(cleanup, "run_due", lambda: swept.append(True))
    settings.MAKE_PREVIEWS = False
    tasks.sweep()
    assert not Preview.objects.exists()
    settings.MAKE_PREVIEWS = True
    tasks.sweep()
    assert states(clip) == {"film": "needless", "strip": "done"}
    assert len(swept) > 2


# --- what goes wrong -------------------------------------------------------------------------------------------------
def test_a_fault_of_the_machine_is_tried_once_more_and_then_given_up(
    avi: SpeakerClip, engine: Callable[[str], None], owner_client: Client
) -> None:
    Consent.objects.all().delete()
    engine("die")
    assert make_all() == 1
    assert states(avi) == {"film": "waiting"}
    wait_over()
    assert make_all() == 1
    film = avi.previews.get()
    assert (film.state, film.attempts) == ("given_up", 2)
    page = owner_client.get(f"/lecturers/{avi.speaker_id}/").text
    assert "No light copy could be made: The engine stopped unexpectedly." in page
    assert f"{avi.file_url}?download=1" in page
    wait_over()
    assert make_all() == 0


def test_a_file_that_cannot_be_read_is_given_up_at_once(avi: SpeakerClip) -> None:
    avi.path.write_bytes(b"no film at all, though it was one")
    make_all()
    assert set(states(avi).values()) == {"given_up"}
    assert {row.attempts for row in avi.previews.all()} == {1}
    assert list(storage.folder(storage.PREVIEWS).iterdir()) == []


def test_after_a_death_another_one_begins_anew_and_after_two_it_is_given_up(avi: SpeakerClip) -> None:
    Consent.objects.all().delete()
    previews.plan()
    held = previews._claimed()
    assert held is not None
    assert previews._claimed() is None, "somebody is at it"
    wait_over()
    assert make_all() == 1
    assert states(avi) == {"film": "done"}
    Preview.objects.update(state="waiting", file="", size=0, attempts=2, lease_until=timezone.now() - timedelta(minutes=5))
    assert make_all() == 0
    assert states(avi) == {"film": "given_up"}


def test_who_was_given_up_for_dead_keeps_nothing(avi: SpeakerClip, tmp_path: Path) -> None:
    Consent.objects.all().delete()
    previews.plan()
    dead = previews._claimed()
    assert dead is not None
    (tmp_path / "made.mp4").write_bytes(b"late film")
    wait_over()
    make_all()
    before = avi.previews.get().path.read_bytes()
    previews._keep(dead, tmp_path, {"needed": True})
    assert avi.previews.get().path.read_bytes() == before != b"late film"


def test_a_strip_gives_way_to_a_render_and_costs_no_attempt(job: RenderJob, engine: Callable[[str], None]) -> None:
    engine("stall")
    previews.plan()
    Preview.objects.filter(kind="film").update(state=PreviewState.NEEDLESS)
    assert not previews.make_next(NOBODY_STOPS), "a render waits: it is not even begun"
    job_id = job.pk
    RenderJob.objects.filter(pk=job_id).update(not_before=Now() + timedelta(seconds=3))
    assert not previews.make_next(NOBODY_STOPS), "begun, and left when the render's time had come"
    strip = Preview.objects.get(kind="strip")
    assert (strip.state, strip.attempts, strip.lease_until) == ("waiting", 0, None)


def test_a_worker_that_stops_leaves_it_to_the_next(avi: SpeakerClip, engine: Callable[[str], None]) -> None:
    engine("stall")
    stop = threading.Event()
    stop.set()
    assert not previews.make_next(stop)
    assert set(avi.previews.values_list("state", "attempts")) == {("waiting", 0)}


# --- room, and going -------------------------------------------------------------------------------------------------
def test_they_are_told_in_the_figures_but_count_against_no_limit(
    clip: SpeakerClip, project: Project, owner_client: Client
) -> None:
    before = quotas.room_of_project(project)
    size = sum(row.size for row in making.previews(clip).values())
    after = quotas.room_of_project(project)
    assert (after.previews, after.used) == (size, before.used)
    assert "light copies and pictures of clips, not counted" in owner_client.get("/storage/").text
    assert owner_client.get("/api/v1/usage/").json()["bytes"]["previews"] == size


def test_they_go_with_the_clip_and_not_before(clip: SpeakerClip, owner: User, owner_client: Client) -> None:
    paths = [row.path for row in making.previews(clip).values()]
    bin.put(clip, by=owner)
    assert owner_client.get(f"/files/clips/{clip.pk}/film/").status_code == 200, "beside the videos that were made of it"
    SpeakerClip.objects.update(binned_at=timezone.now() - timedelta(days=8))
    list(bin.removing())
    assert not Preview.objects.exists()
    assert [path.exists() for path in paths] == [False, False]


def test_the_sweep_takes_a_file_of_nobody_and_leaves_the_others(clip: SpeakerClip) -> None:
    rows = making.previews(clip)
    orphan = storage.folder(storage.PREVIEWS) / "nobody.mp4"
    orphan.write_bytes(b"film")
    for path in (orphan, rows["film"].path, rows["strip"].path):
        making.age(path)
    assert cleanup.remove_orphan_files() == 1
    assert [path.exists() for path in (orphan, rows["film"].path, rows["strip"].path)] == [False, True, True]


# --- what the page says ----------------------------------------------------------------------------------------------
def test_the_page_says_that_they_come_and_asks_again_until_they_are_there(clip: SpeakerClip, owner_client: Client) -> None:
    previews.plan()
    card = f"/clips/{clip.pk}/card/"
    for address in (f"/lecturers/{clip.speaker_id}/", f"/projects/{clip.speaker.project_id}/", card):
        text = owner_client.get(address).text
        assert "A light copy for watching is being made." in text
        assert "The face is being looked at." in text
        assert f'hx-get="{card}"' in text
    Preview.objects.all().delete()
    making.previews(clip)
    text = owner_client.get(card).text
    assert "hx-get" not in text
    assert f'href="/files/clips/{clip.pk}/film/"' in text
    assert "Download the original" in text
    told = owner_client.get(f"/api/v1/clips/{clip.pk}/").json()
    assert told["film_url"].endswith(f"/api/v1/clips/{clip.pk}/film/")
    assert owner_client.get(told["film_url"]).status_code == 200


def test_a_new_clip_is_asked_for_at_once(project: Project, clip_file: Path, owner_client: Client) -> None:
    given = {"clip_file": making.upload(clip_file), "lecturer": "Ada", "consent": "on"}
    page = owner_client.post(f"/projects/{project.pk}/clips/add/", given, follow=True).text
    assert "A light copy for watching is being made." in page
