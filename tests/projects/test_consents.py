"""Without a valid consent no render starts; a withdrawal ends what waits and runs."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from projects import claims, cleanup, consents, jobs, library, rendering, resumable, storage
from projects.errors import NoRoom, ProjectError, Refused, TooLarge
from projects.models import (
    AudioTrack,
    AuditEntry,
    Consent,
    Project,
    RenderJob,
    RenderOutput,
    Speaker,
    SpeakerClip,
    Status,
    UploadKind,
)
from projects.pace import Pace
from projects.resumable import Announced
from tests import making

SIGNED = b"%PDF-1.7 signed"


@pytest.fixture
def silent(speaker: Speaker) -> Speaker:
    """A lecturer whom nobody has asked."""
    Consent.objects.all().delete()
    return speaker


def submit(clip: SpeakerClip, track: AudioTrack, owner: User) -> RenderJob:
    """Ask for a render."""
    return jobs.submit(project=track.project, clip=clip, track=track, created_by=owner)


def agreed(speaker: Speaker, owner: User, **more: object) -> Consent:
    """A consent with the usual words."""
    return consents.record(speaker=speaker, by=owner, given_by="Li Wei", scope="This course", **more)  # type: ignore[arg-type]


def days(number: int) -> object:
    """A day from today."""
    return timezone.localdate() + timedelta(days=number)


def test_without_a_consent_no_render_is_queued(silent: Speaker, clip: SpeakerClip, track: AudioTrack, owner: User) -> None:
    with pytest.raises(Refused) as refusal:
        submit(clip, track, owner)
    assert refusal.value.code == "no_consent"
    assert "No valid consent of Li Wei is on record. Record it on the lecturer's page" in refusal.value.message
    assert not RenderJob.objects.exists()
    agreed(silent, owner)
    assert submit(clip, track, owner).status == Status.QUEUED


@pytest.mark.parametrize(
    ("ends", "withdrawn", "state"),
    [
        (None, False, "valid"),
        (60, False, "valid"),
        (5, False, "soon"),
        (0, False, "soon"),
        (-1, False, "expired"),
        (60, True, "withdrawn"),
    ],
)
def test_how_things_stand(silent: Speaker, owner: User, ends: int | None, withdrawn: bool, state: str) -> None:
    assert consents.standing(silent).state == "missing"
    row = agreed(silent, owner)
    Consent.objects.filter(pk=row.pk).update(
        given_on=days(-90),
        expires_on=None if ends is None else days(ends),
        withdrawn_at=timezone.now() if withdrawn else None,
    )
    told = consents.standing(Speaker.objects.get(pk=silent.pk))
    assert (told.state, told.allows) == (state, state in ("valid", "soon"))
    assert silent.has_consent() == told.allows


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"given_by": " "}, "no_name"),
        ({"scope": " "}, "no_scope"),
        ({"given_on": days(1)}, "consent_not_yet"),
        ({"expires_on": days(-1)}, "consent_ended"),
        ({"evidence": SimpleUploadedFile("a.exe", b"MZ")}, "evidence_kind"),
        ({"evidence": SimpleUploadedFile("a.pdf", b"<html>")}, "evidence_kind"),
        ({"evidence": SimpleUploadedFile("a.pdf", b"")}, "empty_file"),
    ],
)
def test_what_is_no_record_is_refused(silent: Speaker, owner: User, change: dict[str, object], code: str) -> None:
    with pytest.raises(ProjectError) as refusal:
        consents.record(**({"speaker": silent, "by": owner, "given_by": "Li", "scope": "All"} | change))  # type: ignore[arg-type]
    assert refusal.value.code == code
    assert not Consent.objects.exists()
    assert not list(storage.folder(storage.CONSENTS).iterdir())


def test_evidence_is_kept_as_it_came_and_saved_never_shown(
    silent: Speaker, owner: User, owner_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = agreed(silent, owner, evidence=SimpleUploadedFile("../../Signed 签名.PDF", SIGNED))
    assert row.path.parent == storage.folder(storage.CONSENTS)
    answer = owner_client.get(row.evidence_url)
    assert b"".join(answer.streaming_content) == SIGNED  # type: ignore[attr-defined]
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    monkeypatch.setattr(consents, "LARGEST_EVIDENCE_BYTES", 4)
    with pytest.raises(TooLarge):
        agreed(silent, owner, evidence=SimpleUploadedFile("a.pdf", SIGNED))
    monkeypatch.setattr(cleanup, "ABANDONED_UPLOAD_SECONDS", -1)
    assert list(cleanup.orphan_files()) == []
    row.delete()
    assert cleanup.remove_orphan_files() == 1


def test_a_full_disk_leaves_no_record(silent: Speaker, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size: int) -> None:
        raise storage.no_room()

    monkeypatch.setattr(storage, "require_room", full)
    with pytest.raises(NoRoom):
        agreed(silent, owner, evidence=SimpleUploadedFile("a.pdf", SIGNED))
    assert not Consent.objects.exists()


def test_a_withdrawal_ends_what_waits_and_runs_and_keeps_what_is_done(
    output: RenderOutput, clip: SpeakerClip, track: AudioTrack, owner: User, stranger_speaker: Speaker, clip_file: Path
) -> None:
    running, waiting = submit(clip, track, owner), submit(clip, track, owner)
    claim = claims.claim()
    assert claim is not None
    assert claim.job_id == running.pk
    other = making.clip(stranger_speaker, clip_file)
    others = submit(other, making.track(stranger_speaker.project, track.path), stranger_speaker.project.owner)
    ended = consents.withdraw(speaker=clip.speaker, by=owner)
    assert {job.pk for job in ended} == {running.pk, waiting.pk}
    assert not claims.heartbeat(claim, Pace())
    assert claims.settle_cancelled(claim)
    statuses = dict(RenderJob.objects.values_list("pk", "status"))
    assert statuses == {
        running.pk: Status.CANCELLED,
        waiting.pk: Status.CANCELLED,
        others.pk: Status.QUEUED,
        output.pk: Status.SUCCEEDED,
    }
    assert output.path.exists()
    with pytest.raises(Refused):
        jobs.retry(job=RenderJob.objects.get(pk=waiting.pk), by=owner)


def test_a_consent_that_ends_while_a_render_waits_fails_it(
    job: RenderJob, engine: Callable[[str], None], owner_client: Client
) -> None:
    Consent.objects.update(given_on=days(-9), expires_on=days(-1))
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_family, job.error_code) == (Status.FAILED, "input", "no_consent")
    page = owner_client.get(f"/jobs/{job.pk}/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "没有 Li Wei 的有效同意记录" in page
    assert job.clip.speaker.get_absolute_url() in page


def test_whoever_adds_a_clip_speaks_for_the_person_but_not_against_a_withdrawal(silent: Speaker, owner: User) -> None:
    assert consents.state(speaker=silent, by=owner) is not None
    assert consents.state(speaker=silent, by=owner) is None
    consents.withdraw(speaker=silent, by=owner)
    assert consents.state(speaker=silent, by=owner) is None
    assert not silent.has_consent()
    agreed(silent, owner)
    assert silent.has_consent()


def test_a_new_take_needs_the_tick_on_both_pages(
    owner_client: Client, project: Project, clip_file: Path, track: AudioTrack
) -> None:
    for address in (f"/projects/{project.pk}/clips/add/", "/"):
        given = {"clip_file": making.upload(clip_file), "track": track.pk, "lecturer": "Ada"}
        refused = owner_client.post(address, given)
        assert refused.status_code == 422
        assert "Ask the person first, then tick this." in refused.content.decode()
    assert not SpeakerClip.objects.exists()
    done = owner_client.post("/", given | {"clip_file": making.upload(clip_file), "consent": "on"})
    assert done.status_code == 302
    assert RenderJob.objects.get().clip.speaker.has_consent()
    assert Consent.objects.get().scope == consents.STATED


@pytest.mark.parametrize("said", [True, False])
def test_a_file_in_pieces_brings_the_consent_with_it(project: Project, owner: User, clip_file: Path, said: bool) -> None:
    data = clip_file.read_bytes()
    file = Announced(kind=UploadKind.CLIP, name="take.mp4", size=len(data), lecturer="Ada", consent=said)
    upload = resumable.create(owner=owner, project=project, file=file)
    resumable.append(upload=upload, offset=0, length=len(data), body=io.BytesIO(data))
    assert SpeakerClip.objects.get().speaker.has_consent() == said


def test_a_take_that_came_before_the_form_needs_the_tick_too(
    owner_client: Client, silent: Speaker, clip: SpeakerClip, track: AudioTrack
) -> None:
    picked = {"clip": clip.pk, "track": track.pk}
    assert "Ask the person first" in owner_client.post("/", picked).content.decode()
    assert owner_client.post("/", picked | {"consent": "on"}).status_code == 302
    assert silent.has_consent()


def test_the_lecturers_page_records_and_withdraws(
    owner_client: Client, output: RenderOutput, job: RenderJob, owner: User, track: AudioTrack
) -> None:
    speaker = job.clip.speaker
    waiting = submit(job.clip, track, owner)
    at = speaker.get_absolute_url()
    page = owner_client.post(f"{at}consents/withdraw/", follow=True).content.decode()
    assert "1 waiting or running render was ended." in page
    assert "Consent withdrawn" in page
    assert output.job.get_absolute_url() in page
    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED
    wrong = owner_client.post(f"{at}consents/add/", {"given_by": "Li", "scope": "All", "given_on": str(days(2))})
    assert "cannot lie ahead" in wrong.content.decode()
    given = {"given_by": "Li", "scope": "All", "given_on": str(days(0)), "expires_on": str(days(400))}
    evidence = SimpleUploadedFile("paper.pdf", SIGNED)
    page = owner_client.post(f"{at}consents/add/", given | {"evidence": evidence}, follow=True).content.decode()
    assert "Consent until" in page
    assert Consent.objects.valid().get().evidence_url in page


def test_by_script(owner_client: Client, silent: Speaker, clip: SpeakerClip, track: AudioTrack) -> None:
    at = f"/api/v1/speakers/{silent.pk}/"
    body = {"clip": str(clip.pk), "track": str(track.pk)}
    refused = owner_client.post("/api/v1/jobs/", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "no_consent")
    made = owner_client.post(
        f"{at}consents/", {"given_by": "Li", "scope": "All", "evidence": SimpleUploadedFile("a.pdf", SIGNED)}
    )
    assert made.status_code == 201
    assert owner_client.get(made.json()["evidence_url"]).status_code == 200
    assert owner_client.get(at).json()["consent"]["state"] == "valid"
    job = owner_client.post("/api/v1/jobs/", body, content_type="application/json").json()["id"]
    answer = owner_client.post(f"{at}consents/withdraw/").json()
    assert answer == {"cancelled": [job], "videos": []}
    assert owner_client.get(at).json()["consent"]["state"] == "withdrawn"
    assert owner_client.get(f"{at}consents/").json()["results"][0]["withdrawn_at"]
    tagged = owner_client.patch(at, {"tags": ["maths", "Maths", " "]}, content_type="application/json")
    assert tagged.json()["tags"] == ["maths"]


def test_tags_find_lecturers_again(owner_client: Client, project: Project, speaker: Speaker) -> None:
    making.speaker(project, "Ada")
    owner_client.post(f"/lecturers/{speaker.pk}/change/", {"name": speaker.name, "tags": "physics，2026, Physics,"})
    speaker.refresh_from_db()
    assert speaker.tags == ["physics", "2026"]
    page = owner_client.get(f"/projects/{project.pk}/", {"tag": "2026"}).content.decode()
    assert f'id="speaker-{speaker.pk}"' in page
    assert ">Ada</a>" not in page
    with pytest.raises(Refused):
        library.change_speaker(speaker=speaker, by=project.owner, tags=[str(number) for number in range(21)])


def test_a_lecturer_is_renamed_on_the_page_and_by_script(owner_client: Client, project: Project) -> None:
    """Whose take came without a name is called so, and the next one without is somebody else."""
    first = making.speaker(project, "Unnamed lecturer")
    making.speaker(project, "Ada")
    change, script = f"/lecturers/{first.pk}/change/", f"/api/v1/speakers/{first.pk}/"
    taken = owner_client.post(change, {"name": " Ada ", "tags": ""})
    assert taken.status_code == 422
    assert "Another lecturer of this project is called so already." in taken.content.decode()
    assert '<h2 class="lecturer-name" dir="auto">Unnamed lecturer</h2>' in taken.content.decode()
    assert owner_client.post(change, {"name": "\x01", "tags": ""}).status_code == 422
    assert owner_client.post(change, {"name": "Grace", "tags": "maths"}).status_code == 302
    assert library.find_or_add_speaker(project=project, name="Unnamed lecturer") != first
    refused = owner_client.patch(script, {"name": "Ada"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "lecturer_name_taken")
    told = owner_client.patch(script, {"name": "Hopper"}, content_type="application/json").json()
    assert (told["name"], told["tags"]) == ("Hopper", ["maths"])
    deeds = AuditEntry.objects.filter(verb="lecturer.renamed", object_id=str(first.pk)).order_by("pk")
    assert [(deed.detail["before"], deed.object_name) for deed in deeds] == [("Unnamed lecturer", "Grace"), ("Grace", "Hopper")]


def test_lecturers_from_before_may_go_on(silent: Speaker) -> None:
    for _ in range(2):
        importlib.import_module("projects.migrations.0014_earlier_consents").record(apps, None)
    row = Consent.objects.get()
    assert (row.speaker, row.note, row.is_valid) == (silent, consents.EARLIER_NOTE, True)
