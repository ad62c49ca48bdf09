"""Scripts written for Duix-Avatar's local interface work here, with a token, and reach nothing that they should not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from projects import accounts, bin, jobs, memberships, rendering
from projects.models import AudioTrack, IdempotencyKey, Project, RenderJob, RenderOutput, Role, SpeakerClip
from tests import making
from tests.projects.receivers import receiving

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(settings: Settings, tmp_path: Path, clip_file: Path, voice_file: Path) -> Path:
    """The folder that the script shares with the installation."""
    settings.DUIX_DOOR, settings.DUIX_FOLDER = True, tmp_path / "temp"
    settings.DUIX_FOLDER.mkdir()
    shutil.copy(clip_file, settings.DUIX_FOLDER / "ada.mp4")
    shutil.copy(voice_file, settings.DUIX_FOLDER / "lesson.wav")
    return settings.DUIX_FOLDER


def script_of(user: User) -> Client:
    return Client(headers={"Authorization": f"Token {accounts.create_token(user=user)[0]}"})


@pytest.fixture
def submit(folder: Path, owner: User) -> Ask:
    client = script_of(owner)

    def ask(**changed: Any) -> dict[str, Any]:
        body = {"audio_url": "lesson.wav", "video_url": "ada.mp4", "code": "7f3a", "chaofen": 0, "watermark_switch": 0, "pn": 1}
        answer = client.post("/easy/submit", body | {"consent": True} | changed, content_type="application/json")
        assert answer.status_code == 200
        return dict(answer.json())

    return ask


@pytest.fixture
def query(folder: Path, owner: User) -> Ask:
    client = script_of(owner)

    def ask(code: str = "7f3a") -> dict[str, Any]:
        answer = client.get("/easy/query", {"code": code})
        assert answer.status_code == 200
        return dict(answer.json())

    return ask


def test_a_script_makes_a_video_and_finds_it_in_the_folder(
    submit: Ask, query: Ask, folder: Path, clip_file: Path, engine: Callable[[str], None]
) -> None:
    answer = submit()
    assert (answer["code"], answer["success"]) == (10000, True)
    waiting = query()
    assert (waiting["code"], waiting["data"]["status"], waiting["data"]["progress"]) == (10000, 1, 0)
    engine("succeed")
    rendering.run_next()
    done = query()["data"]
    assert (done["status"], done["progress"], done["result"]) == (2, 100, "/7f3a-r.mp4")
    assert (folder / "7f3a-r.mp4").read_bytes() == clip_file.read_bytes()
    assert (done["width"], done["height"], done["video_duration"]) == (128, 96, 1000)
    assert done["url"].endswith(f"/api/v1/outputs/{done['job']}/download/")
    before = (folder / "7f3a-r.mp4").stat().st_mtime_ns
    assert query()["data"]["result"] == "/7f3a-r.mp4"
    assert (folder / "7f3a-r.mp4").stat().st_mtime_ns == before
    assert sorted(path.name for path in folder.iterdir()) == ["7f3a-r.mp4", "ada.mp4", "lesson.wav"]


def test_the_same_code_is_one_task_and_the_same_files_are_kept_once(submit: Ask) -> None:
    first = submit()["data"]["job"]
    assert submit(video_url="/code/data/temp/ada.mp4", code="other")["data"]["job"] != first
    assert submit()["data"]["job"] == first
    refused = submit(audio_url="ada.mp4")
    assert (refused["code"], refused["data"]["error"]) == (10002, "idempotency_mismatch")
    assert (RenderJob.objects.count(), SpeakerClip.objects.count(), AudioTrack.objects.count()) == (2, 1, 2)


def test_no_render_starts_without_a_consent(submit: Ask, owner: User) -> None:
    refused = submit(consent=False)
    assert (refused["code"], refused["data"]["error"], refused["success"]) == (10002, "no_consent", False)
    assert "ada" in refused["msg"]
    assert IdempotencyKey.objects.count() == 0
    assert submit(lecturer="Ada")["code"] == 10000
    assert submit(code="again", consent=False, lecturer="Ada")["code"] == 10000


def test_a_failure_and_a_cancel_are_told_with_their_reason(submit: Ask, query: Ask, engine: Callable[[str], None]) -> None:
    engine("refuse")
    submit()
    rendering.run_next()
    told = query()["data"]
    assert (told["status"], told["error"]) == (3, RenderJob.objects.get().error_code)
    assert "face" in told["msg"]
    job = RenderJob.objects.get(pk=submit(code="two")["data"]["job"])
    jobs.cancel(job=job)
    assert (query("two")["data"]["status"], query("two")["data"]["error"]) == (3, "cancelled")


def test_a_deleted_video_is_a_failure(submit: Ask, query: Ask, owner: User, engine: Callable[[str], None]) -> None:
    submit()
    engine("succeed")
    rendering.run_next()
    bin.put(RenderOutput.objects.get(), by=owner)
    assert (query()["data"]["status"], query()["data"]["error"]) == (3, "deleted")


def test_an_unknown_code_and_somebody_elses_are_the_same(submit: Ask, query: Ask, stranger: User) -> None:
    submit()
    answers = [query("nobody's"), query("../7f3a"), query(""), script_of(stranger).get("/easy/query", {"code": "7f3a"}).json()]
    assert {(answer["code"], answer["success"]) for answer in answers} == {(10004, False)}


def test_who_has_left_the_project_is_told_and_given_nothing_of_it(
    submit: Ask, query: Ask, folder: Path, project: Project, owner: User, engine: Callable[[str], None]
) -> None:
    submit()
    engine("succeed")
    rendering.run_next()
    memberships.hand_over(project=project, to=making.member(project, "emil", Role.EDITOR), by=owner)
    assert query()["code"] == 10000
    memberships.leave(project=project, user=owner)
    (folder / "7f3a-r.mp4").unlink()
    assert (query()["code"], query()["data"]["error"]) == (10004, "task_missing")
    assert not (folder / "7f3a-r.mp4").exists()


@pytest.mark.parametrize(
    "word",
    ["../outside.mp4", "/etc/passwd", "sub/../../outside.mp4", "link.mp4", "loop.mp4", "file:///etc/passwd", "a\x01.mp4"],
)
def test_nothing_outside_of_the_folder_is_read(submit: Ask, folder: Path, clip_file: Path, word: str) -> None:
    shutil.copy(clip_file, folder.parent / "outside.mp4")
    (folder / "link.mp4").symlink_to(folder.parent / "outside.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    refused = submit(video_url=word)
    assert refused["code"] == 10002
    assert refused["data"]["error"] in ("path_refused", "file_missing")
    assert SpeakerClip.objects.count() == 0


@pytest.mark.parametrize("code", ["../x", "a/b", ".hidden", "a b", "x" * 101, ""])
def test_a_code_that_is_no_name_is_refused(submit: Ask, code: str) -> None:
    assert submit(code=code)["code"] == 10002
    assert RenderJob.objects.count() == 0


def test_addresses_are_fetched_from_where_it_is_allowed(submit: Ask, settings: Settings, voice_file: Path) -> None:
    with receiving() as server:
        server.answers, server.gives = [200], voice_file.read_bytes()
        url = f"{server.url}/lesson%202.wav"
        assert submit(audio_url=url)["data"]["error"] == "not_public"
        assert server.heard == []
        settings.PRIVATE_TARGETS = ["127.0.0.1"]
        assert submit(audio_url=url)["code"] == 10000
        assert AudioTrack.objects.get().title == "lesson 2"
        settings.LARGEST_TRACK_BYTES = 1000
        assert submit(audio_url=url, code="large")["data"]["error"] == "too_large"


def test_another_ones_file_under_the_same_name_stays(
    submit: Ask, query: Ask, folder: Path, engine: Callable[[str], None]
) -> None:
    (folder / "7f3a-r.mp4").write_text("mine")
    submit()
    engine("succeed")
    rendering.run_next()
    told = query()["data"]
    assert told["result"] == f"/7f3a-{told['job']}-r.mp4"
    assert (folder / "7f3a-r.mp4").read_text() == "mine"


def test_the_door_is_closed_without_a_token_and_unless_it_was_opened(folder: Path, owner: User, settings: Settings) -> None:
    assert Client().get("/easy/query", {"code": "a"}).status_code == 401
    assert Client().post("/easy/submit", {}).status_code == 401
    settings.DUIX_DOOR = False
    assert script_of(owner).get("/easy/query", {"code": "a"}).status_code == 404
    assert script_of(owner).post("/easy/submit", {}).status_code == 404


def test_a_broken_request_is_told(submit: Ask, owner: User) -> None:
    assert submit(audio_url="")["code"] == 10002
    assert "chaofen" in submit(chaofen="much")["msg"]
    unusable = submit(video_url="lesson.wav")
    assert (unusable["code"], unusable["data"]["error"]) == (10002, "not_a_video")
    assert submit(video_url="missing.mp4")["data"]["error"] == "file_missing"
