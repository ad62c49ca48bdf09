"""The API end to end: tokens, uploads, renders, errors, pages of lists."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects import accounts, rendering
from projects.models import AudioTrack, Project, RenderBatch, RenderJob, RenderOutput, Speaker, SpeakerClip, Status
from tests import making

ERROR_FIELDS = {"code", "message", "field", "detail", "docs"}


@pytest.fixture
def script(owner: User) -> Client:
    """A program that has a token of the owner's."""
    token, _ = accounts.create_token(user=owner)
    return Client(headers={"Authorization": f"Token {token}"})


def post(client: Client, address: str, **body: Any) -> Any:
    """Send JSON."""
    return client.post(f"/api/v1/{address}", body, content_type="application/json")


def basic(name: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_a_script_makes_a_video_from_two_files(
    client: Client, owner: User, clip_file: Path, voice_file: Path, engine: Callable[[str], None]
) -> None:
    token = client.post("/api/v1/tokens/", headers=basic("olga", "correct horse battery")).json()["token"]
    script = Client(headers={"Authorization": f"Token {token}"})
    project = post(script, "projects/", name="Course").json()["id"]
    speaker = post(script, "speakers/", project=project, name="Li Wei", consent=True).json()["id"]
    clip = script.post("/api/v1/clips/", {"speaker": speaker, "file": making.upload(clip_file)}).json()
    track = script.post("/api/v1/tracks/", {"project": project, "file": making.upload(voice_file), "language": "de"}).json()
    created = post(script, "jobs/", clip=clip["id"], track=track["id"])
    assert created.status_code == 202
    assert created.json()["status"] == "queued"
    assert created.json()["position"] == 0
    engine("succeed")
    rendering.run_next()
    done = script.get(created["Location"]).json()
    assert (done["status"], done["progress"], done["output"]["frames"]) == ("succeeded", 1.0, 10)
    video = script.get(done["output"]["download_url"])
    assert video["Content-Disposition"].startswith("attachment")
    assert b"".join(video.streaming_content) == clip_file.read_bytes()
    part = script.get(done["output"]["download_url"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, clip_file.read_bytes()[:10])
    assert script.get(f"/api/v1/outputs/{done['id']}/").json()["quality"] == {"sharpness": 0.9, "follow": None}
    assert script.get(f"/api/v1/jobs/{done['id']}/log/").json()["results"][3]


def test_every_attempt_at_a_render_is_told(script: Client, job: RenderJob, engine: Callable[[str], None]) -> None:
    for name in ("flaky", "succeed"):
        engine(name)
        rendering.run_next(lane="cpu")
        RenderJob.objects.update(not_before=None)
    first, second = script.get(f"/api/v1/jobs/{job.pk}/attempts/").json()["results"]
    assert (first["number"], first["lane"], first["outcome"]) == (1, "cpu", "put_off")
    assert (first["error"]["class"], first["error"]["code"]) == ("transient", "tool_timeout")
    assert (second["number"], second["outcome"], second["error"]) == (2, "succeeded", None)
    assert script.get(f"/api/v1/jobs/{job.pk}/").json()["attempts"] == 2


def test_the_sound_is_cleaned_only_where_a_script_asks(script: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    media = {"clip": str(clip.pk), "track": str(track.pk)}
    plain, chosen = post(script, "jobs/", **media).json(), post(script, "jobs/", **media, denoise=True).json()
    assert (plain["denoise"], plain["loudness"]) == (False, False)
    assert (chosen["denoise"], chosen["loudness"]) == (True, False)
    wrong = post(script, "jobs/", **media, loudness="a bit")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "loudness")


def test_a_wrong_password_gives_no_token(client: Client, owner: User) -> None:
    answer = client.post("/api/v1/tokens/", headers=basic("olga", "wrong"))
    assert answer.status_code == 401
    assert set(answer.json()) == ERROR_FIELDS


def test_guessing_passwords_is_slowed_down(client: Client, owner: User) -> None:
    codes = [client.post("/api/v1/tokens/", headers=basic("olga", f"guess {n}")).status_code for n in range(12)]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_a_token_is_stored_only_as_its_hash_and_ends(owner: User) -> None:
    token, ends = accounts.create_token(user=owner)
    row = accounts.tokens_of(owner).get()
    assert token.startswith("hgs_")
    assert token not in str(row.__dict__)
    assert ends is not None


def test_a_revoked_token_opens_nothing(script: Client, owner: User) -> None:
    assert script.get("/api/v1/projects/").status_code == 200
    accounts.revoke_token(user=owner, token_id=accounts.tokens_of(owner).get().key)
    assert script.get("/api/v1/projects/").status_code == 401


def test_a_browsers_session_needs_its_csrf_token(owner: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert post(browser, "projects/", name="Forged").status_code == 403


def test_an_unusable_file_says_why(script: Client, speaker: Speaker) -> None:
    text = making.upload(Path(__file__), "take.mp4")
    answer = script.post("/api/v1/clips/", {"speaker": str(speaker.pk), "file": text})
    assert answer.status_code == 422
    assert set(answer.json()) == ERROR_FIELDS
    assert (answer.json()["code"], answer.json()["field"]) == ("not_a_video", "file")


@pytest.mark.parametrize("body", [{}, {"clip": "no id"}, {"clip": None, "track": 7}, [], "text"])
def test_a_wrong_body_says_which_field(script: Client, body: Any) -> None:
    answer = script.post("/api/v1/jobs/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == ERROR_FIELDS
    assert answer.json()["code"] in ("invalid", "parse_error")
    assert isinstance(answer.json()["message"], str)


def test_a_misspelt_field_is_refused_and_nothing_is_made(script: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    pair = {"clip": clip.pk, "track": track.pk}
    answer = post(script, "jobs/", **pair, qualty=14)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "invalid", "qualty")
    assert "quality" in str(answer.json()["detail"])
    answer = post(script, "batches/", project=clip.speaker.project_id, name="Course", cells=[pair | {"tracks": track.pk}])
    assert (answer.status_code, "tracks" in str(answer.json()["detail"])) == (400, True)
    assert not RenderJob.objects.exists() and not RenderBatch.objects.exists()


def test_what_is_posted_without_the_last_slash_is_not_taken_for_a_question(script: Client) -> None:
    answer = script.post("/api/v1/projects", {"name": "Course"}, content_type="application/json", follow=True)
    assert (answer.status_code, answer.json()["name"]) == (201, "Course")
    assert script.get("/api/v1/projects").status_code == 301


def test_what_is_not_there_has_the_error_body_too(script: Client) -> None:
    answer = script.get("/api/v1/jobs/00000000-0000-0000-0000-000000000000/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert script.get("/api/v1/jobs/", {"project": "00000000-0000-0000-0000-000000000000"}).status_code == 404
    assert set(script.put("/api/v1/jobs/").json()) == ERROR_FIELDS


def test_a_clip_and_a_voice_of_two_projects_do_not_go_together(
    script: Client, owner: User, clip: SpeakerClip, voice_file: Path
) -> None:
    other = Project.objects.create(owner=owner, name="Other")
    track = making.track(other, voice_file)
    answer = post(script, "jobs/", clip=str(clip.pk), track=str(track.pk))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "wrong_project", "track")
    assert not RenderJob.objects.exists()


def test_a_waiting_job_is_cancelled_at_once_and_tried_again_as_a_new_one(script: Client, job: RenderJob) -> None:
    assert post(script, f"jobs/{job.pk}/retry/").json()["code"] == "not_retryable"
    cancelled = post(script, f"jobs/{job.pk}/cancel/")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    again = post(script, f"jobs/{job.pk}/retry/")
    assert again.status_code == 202
    assert (again.json()["retry_of"], again.json()["status"]) == (str(job.pk), "queued")
    assert str(again.json()["id"]) in again["Location"]


def test_cancelling_what_has_ended_changes_nothing(script: Client, output: RenderOutput) -> None:
    assert post(script, f"jobs/{output.pk}/cancel/").json()["status"] == Status.SUCCEEDED


def test_the_place_in_the_queue_counts_those_served_before(script: Client, job: RenderJob, owner: User) -> None:
    second, third = (
        RenderJob.objects.create(project=job.project, clip=job.clip, track=job.track, created_by=owner) for _ in range(2)
    )
    assert [script.get(f"/api/v1/jobs/{one.pk}/").json()["position"] for one in (job, second, third)] == [0, 1, 2]
    RenderJob.objects.filter(pk=third.pk).update(priority=1)
    assert [script.get(f"/api/v1/jobs/{one.pk}/").json()["position"] for one in (job, second, third)] == [1, 2, 0]


@pytest.mark.parametrize("kind", ["projects", "speakers", "clips", "tracks", "jobs"])
def test_a_longer_list_costs_no_more_queries(
    owner_client: Client,
    project: Project,
    clip_file: Path,
    voice_file: Path,
    owner: User,
    kind: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(6):
        speaker = Speaker.objects.create(project=project, name=f"Lecturer {number}")
        clip, track = making.clip(speaker, clip_file), making.track(project, voice_file)
        job = RenderJob.objects.create(project=project, clip=clip, track=track, created_by=owner)
        if number < 3:
            making.output(job, clip_file)
    narrowed = {} if kind == "projects" else {"project": str(project.pk)}
    with django_assert_max_num_queries(
        5 + (kind in ("speakers", "clips"))
    ):  # session, person, project, which, rows; consents, previews
        answer = owner_client.get(f"/api/v1/{kind}/", narrowed)
    assert len(answer.json()["results"]) == (1 if kind == "projects" else 6)


def test_a_list_comes_in_pages(script: Client, project: Project, voice_file: Path) -> None:
    for _ in range(3):
        making.track(project, voice_file)
    first = script.get("/api/v1/tracks/", {"page_size": "2"}).json()
    assert len(first["results"]) == 2
    assert len(script.get(first["next"]).json()["results"]) == 1
    assert AudioTrack.objects.count() == 3
