"""Who may ask what of which address: the list comes from the URLconf itself, every address, method and kind of person.

The table says, for each address and method, the least that a person must be. Whoever is less is sent to sign in (nobody), finds
nothing (strangers, and administrators outside the admin), or is told that their role is too low (members).
"""

from __future__ import annotations

import base64
import copy
import uuid
from collections.abc import Mapping
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from projects import accounts, memberships
from projects.models import AudioTrack, Consent, Membership, RenderBatch, RenderJob, RenderOutput, SpeakerClip
from tests import addresses, making
from tests.addresses import address

METHODS = ("get", "head", "post", "put", "patch", "delete")
NOT_A_ROW = {"token", "token_id", "uidb64", "code"}  # not ids of rows in a project; the tests of accounts have them
ANYBODY, SOMEBODY, VIEWER, EDITOR, OWNER, ADMINISTRATOR = "anybody", "somebody", "viewer", "editor", "owner", "administrator"
IN_A_PROJECT = (VIEWER, EDITOR, OWNER)
UPLOADER = "uploader"  # whose upload it is, here the owner; nobody else knows of it
LOOK = {"get": VIEWER, "head": VIEWER}
PAGE = {"get": SOMEBODY, "head": SOMEBODY}
EDIT, OWN = {"post": EDITOR}, {"post": OWNER}

PAGES: Mapping[str, Mapping[str, str]] = {
    "pages:quick_render": PAGE | {"post": SOMEBODY},
    "pages:make_words": PAGE,
    "pages:sign_in": dict.fromkeys(METHODS, ANYBODY),
    "pages:sign_out": dict.fromkeys(METHODS, SOMEBODY),
    "pages:set_up": dict.fromkeys(("get", "head", "post"), ANYBODY),
    "pages:join": dict.fromkeys(("get", "head", "post"), ANYBODY),
    "pages:forgotten": dict.fromkeys(("get", "head", "post"), ANYBODY),
    "pages:new_password": dict.fromkeys(METHODS, ANYBODY),
    "pages:language": dict.fromkeys(METHODS, ANYBODY),
    "pages:account": PAGE,
    "pages:describe": {"post": SOMEBODY},
    "pages:choose_time_zone": {"post": SOMEBODY},
    "pages:choose_mails": {"post": SOMEBODY},
    "pages:change_password": {"post": SOMEBODY},
    "pages:create_token": {"post": SOMEBODY},
    "pages:revoke_token": {"post": SOMEBODY},
    "pages:api_docs": PAGE,
    "pages:webhooks": PAGE | {"post": SOMEBODY},
    "pages:webhook": {"get": UPLOADER, "head": UPLOADER},
    **{f"pages:{deed}_webhook": {"post": UPLOADER} for deed in ("change", "remove", "test", "pause", "resume")},
    "pages:change_webhook_secret": {"post": UPLOADER},
    "pages:replay_delivery": {"post": UPLOADER},
    "pages:queue": PAGE,
    "pages:queue_live": PAGE,
    "pages:pause": {"post": SOMEBODY},
    "pages:resume": {"post": SOMEBODY},
    "pages:job": LOOK,
    "pages:job_live": LOOK,
    "pages:cancel": EDIT,
    "pages:undo_cancel": EDIT,
    "pages:make_whole": EDIT,
    "pages:retry": EDIT,
    "pages:styleguide": {"get": ADMINISTRATOR, "head": ADMINISTRATOR},
    "pages:storage": PAGE,
    "pages:storage_ages": PAGE,
    **{f"pages:{deed}_{kind}": EDIT for deed in ("delete", "keep", "restore") for kind in ("clips", "voices", "videos")},
    **{f"pages:{deed}_{kind}": EDIT for deed in ("selected", "undo") for kind in ("clips", "voices", "videos")},
    "pages:selected_archive": {"post": VIEWER},
    "pages:batches": LOOK,
    "pages:batch_new": {"get": EDITOR, "head": EDITOR, "post": EDITOR},
    "pages:batch_estimate": EDIT,
    "pages:batch": LOOK,
    "pages:batch_live": LOOK,
    "pages:batch_retry": EDIT,
    "pages:batch_replace": EDIT,
    "pages:batch_cancel": EDIT,
    "pages:batch_archive": LOOK,
    "pages:lecturer": LOOK,
    "pages:change_lecturer": EDIT,
    "pages:record_consent": EDIT,
    "pages:withdraw_consent": EDIT,
    "pages:projects": PAGE | {"post": SOMEBODY},
    "pages:project": LOOK,
    "pages:clip_card": LOOK,
    "pages:voices": LOOK,
    "pages:project_renders": LOOK,
    "pages:add_lecturer": EDIT,
    "pages:add_clip": EDIT,
    "pages:add_voice": EDIT,
    "pages:members": LOOK,
    "pages:leave": {"post": VIEWER},
    "pages:change_role": OWN,
    "pages:remove_member": OWN,
    "pages:hand_over": OWN,
    "pages:invite": OWN,
    "pages:revoke_invitation": OWN,
}
FILES: Mapping[str, Mapping[str, str]] = {
    "clip_file": LOOK,
    "clip_still": LOOK,
    "clip_film": LOOK,
    "clip_strip": LOOK,
    "track_file": LOOK,
    "consent_file": LOOK,
    "output_file": LOOK,
}
API: Mapping[str, Mapping[str, str]] = {
    "api:account": PAGE | {"patch": SOMEBODY},
    "api:tokens": PAGE | {"post": SOMEBODY},
    "api:token": {"delete": SOMEBODY},
    "api:projects": PAGE | {"post": SOMEBODY},
    "api:project": LOOK,
    "api:members": LOOK,
    "api:member": {"patch": OWNER, "delete": OWNER},
    "api:hand_over": OWN,
    "api:invitations": {"get": OWNER, "head": OWNER, "post": OWNER},
    "api:invitation": {"delete": OWNER},
    "api:join": {"post": SOMEBODY},
    "api:speakers": PAGE | {"post": SOMEBODY},
    "api:speaker": LOOK | {"patch": EDITOR},
    "api:consents": LOOK | EDIT,
    "api:withdraw": EDIT,
    "api:consent_evidence": LOOK,
    "api:uploads": PAGE | {"post": SOMEBODY},
    "api:upload": dict.fromkeys(("get", "head", "patch", "delete"), UPLOADER),
    "api:clips": PAGE | {"post": SOMEBODY},
    "api:clip": LOOK | {"patch": EDITOR, "delete": EDITOR},
    "api:restore_clip": EDIT,
    "api:clip_file": LOOK,
    "api:clip_still": LOOK,
    "api:clip_film": LOOK,
    "api:clip_strip": LOOK,
    "api:tracks": PAGE | {"post": SOMEBODY},
    "api:track": LOOK | {"patch": EDITOR, "delete": EDITOR},
    "api:restore_track": EDIT,
    "api:track_file": LOOK,
    "api:presets": PAGE,
    "api:job_keep": EDIT,
    "api:job_whole": EDIT,
    "api:jobs": PAGE | {"post": SOMEBODY},
    "api:job": LOOK,
    "api:job_cancel": EDIT,
    "api:job_retry": EDIT,
    "api:job_attempts": LOOK,
    "api:job_raise": {"post": ADMINISTRATOR, "delete": ADMINISTRATOR},
    "api:job_log": LOOK,
    "api:batches": PAGE | {"post": SOMEBODY},
    "api:batch_estimate": {"post": SOMEBODY},
    "api:batch": LOOK,
    "api:batch_retry": EDIT,
    "api:batch_replace": EDIT,
    "api:batch_cancel": EDIT,
    "api:batch_archive": LOOK,
    "api:outputs": PAGE,
    "api:output": LOOK | {"patch": EDITOR, "delete": EDITOR},
    "api:restore_output": EDIT,
    "api:output_download": LOOK,
    "api:queue": PAGE,
    "api:queue_pause": {"post": SOMEBODY},
    "api:queue_resume": {"post": SOMEBODY},
    "api:usage": PAGE,
    "api:bin": PAGE,
    "api:leaving": PAGE,
    "api:webhooks": {"get": SOMEBODY, "head": SOMEBODY, "post": SOMEBODY},
    "api:webhook": dict.fromkeys(("get", "head", "patch", "delete"), UPLOADER),
    "api:webhook_messages": {"get": UPLOADER, "head": UPLOADER},
    **{f"api:webhook_{deed}": {"post": UPLOADER} for deed in ("secret", "test", "replay")},
    "api:events": PAGE,
    "api:errors": dict.fromkeys(("get", "head"), ANYBODY),
    "api:error": dict.fromkeys(("get", "head"), ANYBODY),
    "api:schema": PAGE,
}
DUIX: Mapping[str, Mapping[str, str]] = {"duix_submit": {"post": SOMEBODY}, "duix_query": {"get": SOMEBODY, "head": SOMEBODY}}
TABLE = PAGES | FILES | API | DUIX


ADDRESSES = addresses.every()
ROUTES = [(name, route) for name, route, _parts in ADDRESSES]
WITH_ROWS = [(name, route) for name, route, parts in ADDRESSES if parts - NOT_A_ROW]


@pytest.fixture(autouse=True)
def all_doors_are_open(settings: Settings) -> None:
    """What an installation opens only where it is asked to is open."""
    settings.WEBHOOKS = settings.DUIX_DOOR = True


@pytest.fixture
def ids(output: RenderOutput) -> dict[str, object]:
    """One row of every kind, all the owner's."""
    job = output.job
    project = job.project
    consent: Consent = job.clip.speaker.consents.get()
    making.evidence(consent)
    making.previews(job.clip)
    batch = RenderBatch.objects.create(project=project, created_by=job.created_by, name="Course", name_pattern="{clip}")
    invitation, token = memberships.invite(project=project, role="viewer", by=project.owner)
    return {
        "project_id": job.project_id,
        "speaker_id": job.clip.speaker_id,
        "consent_id": consent.pk,
        "clip_id": job.clip_id,
        "track_id": job.track_id,
        "job_id": job.pk,
        "batch_id": batch.pk,
        "invitation_id": invitation.pk,
        "user_id": making.member(project, "max", "viewer").pk,
        "token": token,
        "token_id": "0" * 8,
        "code": "no_consent",
        "uidb64": "MQ",
        "upload_id": making.arriving(job.created_by, job.project).pk,
        "webhook_id": (delivery := making.delivery(job.created_by)).endpoint_id,
        "delivery_id": delivery.pk,
    }


@pytest.fixture
def people(ids: dict[str, object], output: RenderOutput, stranger: object, administrator: object) -> dict[str, Client]:
    """One browser of each kind of person. A fault answers 500 and does not end the test."""
    project = output.job.project
    persons = {
        "stranger": stranger,
        VIEWER: making.member(project, "vera", VIEWER),
        EDITOR: making.member(project, "edgar", EDITOR),
        OWNER: project.owner,
        ADMINISTRATOR: administrator,
    }
    browsers = {kind: making.browser(person) for kind, person in persons.items()}  # type: ignore[arg-type]
    browsers["nobody"] = Client()
    for browser in browsers.values():
        browser.raise_request_exception = False
    return browsers


def fits(answer: HttpResponse, kind: str, row: Mapping[str, str], method: str, *, api: bool, with_rows: bool) -> bool:
    """Whether this is an answer that such a person may get."""
    least, status = row.get(method), answer.status_code
    sent_to_sign_in = status == 302 and answer["Location"].startswith("/sign-in/")
    if kind == "nobody" and ANYBODY not in row.values():
        return status == 401 if api else sent_to_sign_in
    if UPLOADER in row.values() and kind != OWNER:
        return status == 404 or (status == 405 and least is None)
    if least is None:
        return status == 405 or (status == 404 and kind not in IN_A_PROJECT and with_rows)
    if least in (ANYBODY, SOMEBODY):
        return status < 500
    if least == ADMINISTRATOR:
        return status < 400 if kind == ADMINISTRATOR else status == 404
    if kind not in IN_A_PROJECT:
        return status == 404
    if least != UPLOADER and IN_A_PROJECT.index(kind) < IN_A_PROJECT.index(least):
        return status == 403
    return status < 500 and status not in (401, 403, 404, 405) and not sent_to_sign_in


def test_the_table_has_every_address_and_no_other() -> None:
    assert {name for name, _route in ROUTES} == set(TABLE)
    assert len(WITH_ROWS) > 30


def test_everybody_gets_what_the_table_says(people: dict[str, Client], ids: dict[str, object]) -> None:
    wrong = {}
    for (name, route), (kind, browser), method in product(ROUTES, people.items(), METHODS):
        cookies = copy.deepcopy(browser.cookies)
        with transaction.atomic():
            if ":restore_" in name:
                for model in (SpeakerClip, AudioTrack, RenderOutput):
                    model.objects.update(binned_at=timezone.now())
            body = [{"clip": ids["clip_id"]}] if (name, method) == ("pages:batch_replace", "post") else []
            answer = getattr(browser, method)(address(route, ids), *body)
            transaction.set_rollback(True)
        browser.cookies = cookies  # the next one finds everything as it was
        told = {"api": route.startswith(("api/", "easy/")), "with_rows": (name, route) in WITH_ROWS}
        if not fits(answer, kind, TABLE[name], method, **told):
            wrong[name, method, kind] = answer.status_code
    assert not wrong


def test_a_stranger_cannot_tell_a_row_from_none(stranger_client: Client, ids: dict[str, object]) -> None:
    made_up = {part: 2**31 if part == "user_id" else uuid.uuid4() for part in ids}
    for _name, route in WITH_ROWS:
        there, nowhere = (stranger_client.get(address(route, which)) for which in (ids, made_up))
        assert there.status_code == nowhere.status_code, route


def test_a_role_that_is_too_low_is_told_so(people: dict[str, Client], ids: dict[str, object]) -> None:
    answer = people[VIEWER].post(f"/api/v1/jobs/{ids['job_id']}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    page = people[VIEWER].post(f"/jobs/{ids['job_id']}/cancel/")
    assert "Ask its owner to make you an editor." in page.content.decode()


@pytest.mark.parametrize(("kind", "status"), [("stranger", 404), (ADMINISTRATOR, 404), (VIEWER, 403), (EDITOR, 400)])
def test_who_may_add_by_naming_a_project_in_the_body(
    people: dict[str, Client], ids: dict[str, object], kind: str, status: int, voice_file: object
) -> None:
    project, browser = str(ids["project_id"]), people[kind]

    def post(kind: str, **body: object) -> int:
        return browser.post(f"/api/v1/{kind}/", body, content_type="application/json").status_code

    media = {"clip": str(ids["clip_id"]), "track": str(ids["track_id"])}
    assert post("speakers", project=project, name="Ada") == (201 if kind == EDITOR else status)
    assert post("jobs", **media) == (202 if kind == EDITOR else status)
    take = {"speaker": str(ids["speaker_id"]), "file": making.upload(voice_file, "take.mp4")}  # type: ignore[arg-type]
    assert browser.post("/api/v1/clips/", take).status_code == (422 if kind == EDITOR else status)
    voice = {"project": project, "file": making.upload(voice_file)}  # type: ignore[arg-type]
    assert browser.post("/api/v1/tracks/", voice).status_code == (201 if kind == EDITOR else status)
    assert RenderJob.objects.count() == (2 if kind == EDITOR else 1)


def test_a_viewer_is_offered_nothing_to_render_and_cannot_slip_it_in(people: dict[str, Client], ids: dict[str, object]) -> None:
    page = people[VIEWER].get("/").content.decode()
    assert str(ids["clip_id"]) not in page
    assert str(ids["track_id"]) not in page
    assert people[VIEWER].post("/", {"clip": ids["clip_id"], "track": ids["track_id"]}).status_code == 422
    assert RenderJob.objects.count() == 1


def test_lists_show_a_stranger_nothing(stranger_client: Client, output: RenderOutput) -> None:
    for kind in ("speakers", "clips", "tracks", "jobs"):
        assert stranger_client.get(f"/api/v1/{kind}/").json()["results"] == []
        answer = stranger_client.get(f"/api/v1/{kind}/", {"project": str(output.job.project_id)})
        assert answer.status_code == 404


def test_a_viewer_sees_and_downloads_all_of_it(people: dict[str, Client], ids: dict[str, object]) -> None:
    for kind in ("speakers", "clips", "tracks", "jobs", "outputs"):
        assert len(people[VIEWER].get(f"/api/v1/{kind}/").json()["results"]) == 1
    assert people[VIEWER].get(f"/files/renders/{ids['job_id']}/").status_code == 200


def test_a_token_is_ended_only_by_its_owner(stranger_client: Client, owner_client: Client, owner: object) -> None:
    accounts.create_token(user=owner)  # type: ignore[arg-type]
    token_id = accounts.tokens_of(owner).get().key  # type: ignore[arg-type]
    assert stranger_client.post(f"/account/tokens/{token_id}/revoke/").status_code == 404
    assert accounts.tokens_of(owner).count() == 1  # type: ignore[arg-type]
    owner_client.post(f"/account/tokens/{token_id}/revoke/")
    assert accounts.tokens_of(owner).count() == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "status"), [("stranger", 404), (ADMINISTRATOR, 404), (VIEWER, 403), (EDITOR, 201)])
def test_who_may_announce_a_file(people: dict[str, Client], ids: dict[str, object], kind: str, status: int) -> None:
    words = {"project": ids["project_id"], "kind": "track", "filename": "a.wav"}
    said = ",".join(f"{key} {base64.b64encode(str(word).encode()).decode()}" for key, word in words.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": said}
    assert people[kind].post("/api/v1/uploads/", headers=headers).status_code == status


def test_who_is_made_a_viewer_sends_no_more_of_a_file(
    people: dict[str, Client], ids: dict[str, object], project: object
) -> None:
    editor = User.objects.get(username="edgar")
    upload = making.arriving(editor, project)  # type: ignore[arg-type]
    Membership.objects.filter(user=editor).update(role="viewer")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    answer = people[EDITOR].patch(f"/api/v1/uploads/{upload.pk}/", b"x", "application/offset+octet-stream", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
