"""Webhooks: every event is told, signed, until it has arrived, to whom it may be told."""

from __future__ import annotations

import json
import runpy
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from projects import accounts, claims, doctor, fullness, library, quotas, tasks, webhooks
from projects.errors import ProjectError
from projects.faults import Fault
from projects.models import (
    AuditEntry,
    DeliveryState,
    Event,
    Family,
    Membership,
    Project,
    QuotaPlan,
    RenderJob,
    SpeakerClip,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests import making
from tests.projects.receivers import Receiver, receiving

RECEIVER = runpy.run_path(str(Path(site.BASE_DIR) / "examples" / "webhook_receiver.py"))
BAD = Fault(Family.INPUT, "no_face", "No face was found. Film the face.")
SECONDS = 10.0


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings.WEBHOOKS = True
    settings.PRIVATE_TARGETS = ["127.0.0.1"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.fixture
def endpoint(owner: User, receiver: Receiver) -> WebhookEndpoint:
    """The owner's, told of everything."""
    return webhooks.add(owner=owner, url=receiver.url)[0]


def failed(job: RenderJob) -> None:
    """Let a waiting render fail for good."""
    claim = claims.claim()
    assert claim is not None
    assert claim.job_id == job.pk
    assert claims.fail(claim, BAD)


def due_now() -> None:
    """Let everything that rests be due."""
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.filter(state="waiting").update(next_at=past)
    WebhookEndpoint.objects.filter(rests_until__isnull=False).update(rests_until=past)


# --- what is told ------------------------------------------------------------------------------------------------------
def test_a_render_that_ends_is_told_signed_and_once(
    endpoint: WebhookEndpoint, receiver: Receiver, job: RenderJob, clip_file: Path
) -> None:
    making.output(job, clip_file)
    assert webhooks.send_due(SECONDS)
    heard = receiver.heard[0]
    told, event = json.loads(heard.body), Event.objects.get()
    assert (told["id"], told["kind"], told["project"]) == (event.pk, "job.finished", str(job.project_id))
    assert (told["object_type"], told["object_id"], tuple(told)) == ("job", str(job.pk), webhooks.TOLD)
    assert told["data"] == event.data
    assert heard.headers["HeyGem-Event"] == "job.finished"
    secret, signature = webhooks.secret_of(endpoint), heard.headers["HeyGem-Signature"]
    is_ours = RECEIVER["is_ours"]
    assert is_ours(secret, signature, heard.body, time.time())
    assert not is_ours(secret, signature, heard.body + b" ", time.time())
    assert not is_ours(secret + "x", signature, heard.body, time.time())
    assert not is_ours(secret, signature, heard.body, time.time() + 301)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.status, delivery.attempts, delivery.error) == ("delivered", 204, 1, "")
    assert heard.headers["HeyGem-Delivery"] == str(delivery.pk)
    assert webhooks.send_due(SECONDS)
    assert len(receiver.heard) == 1


def test_the_message_is_there_only_if_the_event_is(endpoint: WebhookEndpoint, job: RenderJob) -> None:
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        failed(job)
        assert WebhookDelivery.objects.count() == 1
        raise RuntimeError
    assert WebhookDelivery.objects.count() == 0


def test_each_hears_of_what_it_asked_for_and_its_person_may_see(
    owner: User, stranger: User, project: Project, job: RenderJob, receiver: Receiver
) -> None:
    other = library.add_project(owner=owner, name="Other")
    vera = making.member(project, "vera", "viewer")

    def add(owner: User, name: str, home: Project | None = None, kinds: tuple[str, ...] = ()) -> None:
        webhooks.add(owner=owner, url=f"{receiver.url}?{name}", project=home, kinds=kinds)

    add(owner, "all")
    add(owner, "this-project", project)
    add(owner, "other-project", other)
    add(owner, "failures", None, ("job.failed", "batch.failed"))
    add(owner, "clips", None, ("clip.ready",))
    add(vera, "member")
    add(stranger, "stranger")
    failed(job)
    webhooks.send_due(SECONDS)
    assert {heard.path for heard in receiver.heard} == {
        f"/hook?{name}" for name in ("all", "this-project", "failures", "member")
    }


def test_who_left_the_project_hears_nothing_that_was_still_to_be_told(
    project: Project, job: RenderJob, receiver: Receiver
) -> None:
    vera = making.member(project, "vera", "viewer")
    webhooks.add(owner=vera, url=receiver.url)
    failed(job)
    Membership.objects.filter(user=vera).delete()
    webhooks.send_due(SECONDS)
    assert receiver.heard == []
    assert WebhookDelivery.objects.get().error == "not_a_member"


def test_nothing_is_told_where_webhooks_are_off(
    endpoint: WebhookEndpoint, receiver: Receiver, job: RenderJob, settings: Settings, owner: User
) -> None:
    settings.WEBHOOKS = False
    failed(job)
    webhooks.send_due(SECONDS)
    assert (WebhookDelivery.objects.count(), receiver.heard) == (0, [])
    for verb in (lambda: webhooks.add(owner=owner, url=receiver.url), lambda: webhooks.ping(endpoint=endpoint, by=owner)):
        with pytest.raises(ProjectError) as refused:
            verb()
        assert refused.value.code == "webhooks_off"


def test_a_storage_that_is_nearly_full_is_told_once_a_day(
    endpoint: WebhookEndpoint, project: Project, clip: SpeakerClip, owner: User, administrator: User
) -> None:
    assert fullness.warn() == 0
    plan = QuotaPlan.objects.create(name="Small", bytes_per_project=int(clip.size * 1.05), bytes_per_person=clip.size * 3)
    quotas.give_plan(plan, people=[owner], by=administrator)
    assert fullness.warn() == 1
    event = Event.objects.get()
    assert (event.kind, event.project_id, event.data["scope"]) == ("storage.warning", project.pk, "project")
    assert (event.data["used"], event.data["limit"]) == (clip.size, plan.bytes_per_project)
    assert WebhookDelivery.objects.get().kind == "storage.warning"
    assert fullness.warn() == 0
    QuotaPlan.objects.update(bytes_per_person=clip.size)
    assert fullness.warn() == 1
    assert Event.objects.latest("id").data["scope"] == "person"
    Event.objects.update(at=timezone.now() - timedelta(hours=25))
    assert fullness.warn() == 2


# --- until it has arrived ----------------------------------------------------------------------------------------------
def test_what_does_not_arrive_is_tried_again_after_growing_pauses(
    endpoint: WebhookEndpoint, receiver: Receiver, job: RenderJob
) -> None:
    receiver.answers = [500, 302, 204]
    failed(job)
    pauses = []
    for answered, code in ((500, "says_no"), (302, "leads_on")):
        webhooks.send_due(SECONDS)
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.status, delivery.error) == ("waiting", answered, code)
        pauses.append((delivery.next_at - timezone.now()).total_seconds())
        assert webhooks.send_due(SECONDS)  # nothing is due
        due_now()
    assert pauses == pytest.approx([10, 30], abs=5)
    webhooks.send_due(SECONDS)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, len(receiver.heard)) == ("delivered", 3, 3)
    assert len({heard.body for heard in receiver.heard}) == 1


def test_one_that_is_down_holds_up_nobody_and_gets_the_rest_when_it_is_back(
    endpoint: WebhookEndpoint, receiver: Receiver, owner: User, project: Project, clip: SpeakerClip, job: RenderJob
) -> None:
    with receiving() as down:
        down.answers = [503]
        broken = webhooks.add(owner=owner, url=down.url)[0]
        for _time in range(3):
            webhooks.ping(endpoint=broken, by=owner)
            webhooks.ping(endpoint=endpoint, by=owner)
        WebhookEndpoint.objects.update(rests_until=None)
        assert webhooks.send_due(SECONDS)
        assert (len(receiver.heard), len(down.heard)) == (3, 1)
        down.answers = [204]
        WebhookEndpoint.objects.update(rests_until=None)
        assert webhooks.send_due(SECONDS)
        assert len(down.heard) == 4
    broken.refresh_from_db()
    assert (broken.failures, broken.rests_until) == (0, None)
    assert not WebhookDelivery.objects.exclude(state="delivered").exists()


def test_one_with_many_messages_does_not_keep_the_others_waiting(
    endpoint: WebhookEndpoint, receiver: Receiver, owner: User, stranger: User
) -> None:
    for _number in range(3):
        webhooks.ping(endpoint=endpoint, by=owner)
    webhooks.ping(endpoint=webhooks.add(owner=stranger, url=f"{receiver.url}/other")[0], by=stranger)
    assert webhooks.send_due(SECONDS)
    assert [heard.path for heard in receiver.heard] == ["/hook", "/hook/other", "/hook", "/hook"]


def test_one_that_nothing_reaches_for_a_day_is_paused_until_its_owner_resumes(
    endpoint: WebhookEndpoint, receiver: Receiver, owner: User
) -> None:
    receiver.answers = [500]
    first = webhooks.ping(endpoint=endpoint, by=owner)
    webhooks.send_due(SECONDS)
    webhooks.ping(endpoint=endpoint, by=owner)
    WebhookDelivery.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=24, seconds=1), attempts=0)
    due_now()
    webhooks.send_due(SECONDS)
    endpoint.refresh_from_db()
    first.refresh_from_db()
    assert (endpoint.failing, endpoint.paused_at is not None, first.state) == (True, True, DeliveryState.FAILED)
    assert AuditEntry.objects.get(verb="webhook.paused").object_id == str(endpoint.pk)
    due_now()
    count = len(receiver.heard)
    webhooks.send_due(SECONDS)
    assert len(receiver.heard) == count
    with pytest.raises(ProjectError) as refused:
        webhooks.replay(delivery=first, by=owner)
    assert refused.value.code == "webhook_paused"
    receiver.answers = [204]
    webhooks.resume(endpoint=endpoint, by=owner)
    again = webhooks.replay(delivery=WebhookDelivery.objects.get(pk=first.pk), by=owner)
    webhooks.send_due(SECONDS)
    again.refresh_from_db()
    assert (again.state, again.body, again.repeats) == ("delivered", first.body, first)
    assert WebhookDelivery.objects.filter(state="waiting").count() == 0


def test_all_attempts_together_take_a_day() -> None:
    assert timedelta(hours=23) < sum(webhooks.PAUSES, timedelta()) < webhooks.GIVEN_UP
    assert sorted(webhooks.PAUSES) == webhooks.PAUSES


def test_one_that_says_that_it_is_gone_is_asked_no_more(
    endpoint: WebhookEndpoint, receiver: Receiver, owner: User, owner_client: Client
) -> None:
    receiver.answers = [410]
    webhooks.ping(endpoint=endpoint, by=owner)
    webhooks.send_due(SECONDS)
    endpoint.refresh_from_db()
    assert endpoint.failing
    assert "or it answered that it is gone (410)" in owner_client.get(f"/webhooks/{endpoint.pk}/").text


def test_a_message_that_a_lost_worker_had_in_hand_is_sent_by_another(
    endpoint: WebhookEndpoint, receiver: Receiver, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_given: object) -> int:
        raise SystemExit

    webhooks.ping(endpoint=endpoint, by=owner)
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(webhooks.outbound, "post", dies)
        webhooks.send_due(SECONDS)
    assert webhooks.send_due(SECONDS)
    assert receiver.heard == []
    due_now()
    tasks.deliver()
    assert len(receiver.heard) == 1


def test_the_doctor_tells_of_messages_that_nobody_sends(endpoint: WebhookEndpoint, owner: User) -> None:
    webhooks.ping(endpoint=endpoint, by=owner)
    assert [finding.gravity for finding in doctor.webhook_messages()] == [doctor.Gravity.FINE]
    WebhookDelivery.objects.update(next_at=timezone.now() - timedelta(minutes=11))
    assert [finding.gravity for finding in doctor.webhook_messages()] == [doctor.Gravity.WARNING]


def test_old_messages_are_forgotten(endpoint: WebhookEndpoint, owner: User) -> None:
    old, new = (webhooks.ping(endpoint=endpoint, by=owner) for _ in range(2))
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))
    assert webhooks.forget_old() == 1
    assert WebhookDelivery.objects.get() == new


# --- endpoints ---------------------------------------------------------------------------------------------------------
def test_the_secret_is_stored_nowhere_and_a_new_one_replaces_it(endpoint: WebhookEndpoint, owner: User) -> None:
    secret = webhooks.secret_of(endpoint)
    assert secret.startswith("whsec_")
    assert secret not in str(WebhookEndpoint.objects.values())
    assert secret[6:] not in str(WebhookEndpoint.objects.values())
    new = webhooks.change_secret(endpoint=endpoint, by=owner)
    endpoint.refresh_from_db()
    assert new == webhooks.secret_of(endpoint) != secret


def test_a_private_address_is_refused_when_it_is_named_and_when_it_is_asked(
    owner: User, endpoint: WebhookEndpoint, receiver: Receiver, settings: Settings
) -> None:
    settings.PRIVATE_TARGETS = []
    with pytest.raises(ProjectError) as refused:
        webhooks.add(owner=owner, url="https://127.0.0.1/")
    assert (refused.value.code, refused.value.field) == ("not_public", "url")
    webhooks.ping(endpoint=endpoint, by=owner)
    webhooks.send_due(SECONDS)
    assert (receiver.heard, WebhookDelivery.objects.get().error) == ([], "not_public")


def test_there_are_only_so_many_and_only_kinds_that_exist(owner: User, receiver: Receiver) -> None:
    with pytest.raises(ProjectError) as refused:
        webhooks.add(owner=owner, url=receiver.url, kinds=["job.done"])
    assert refused.value.code == "kind_unknown"
    WebhookEndpoint.objects.bulk_create(WebhookEndpoint(owner=owner, url=receiver.url) for _ in range(20))
    with pytest.raises(ProjectError) as full:
        webhooks.add(owner=owner, url=receiver.url)
    assert full.value.code == "too_many_webhooks"


def test_pages_make_change_try_and_remove_one(
    owner_client: Client, owner: User, receiver: Receiver, job: RenderJob, project: Project
) -> None:
    refused = owner_client.post("/webhooks/", {"url": "https://10.0.0.1/"})
    assert refused.status_code == 422
    assert "private network" in refused.text
    page = owner_client.post("/webhooks/", {"url": receiver.url, "kinds": ["job.failed"], "project": project.pk})
    row = WebhookEndpoint.objects.get()
    assert webhooks.secret_of(row) in page.text
    address = f"/webhooks/{row.pk}/"
    assert webhooks.secret_of(row) not in owner_client.get(address).text
    assert receiver.url in owner_client.get("/webhooks/").text
    assert "on its way" in owner_client.post(f"{address}test/", follow=True).text
    failed(job)
    receiver.answers = [500]
    webhooks.send_due(SECONDS)
    page = owner_client.get(address)
    assert "tried again at" in page.text
    assert "The server answered with an error." in page.text
    receiver.answers = [204]
    due_now()
    webhooks.send_due(SECONDS)
    delivery = WebhookDelivery.objects.get(kind="job.failed")
    assert "sent once more" in owner_client.post(f"{address}messages/{delivery.pk}/replay/", follow=True).text
    assert "paused" in owner_client.post(f"{address}pause/", follow=True).text
    owner_client.post(f"{address}resume/")
    secret = webhooks.secret_of(row)
    row.refresh_from_db()
    assert webhooks.secret_of(WebhookEndpoint.objects.get()) == secret
    owner_client.post(f"{address}secret/")
    assert webhooks.secret_of(WebhookEndpoint.objects.get()) != secret
    owner_client.post(f"{address}change/", {"url": receiver.url, "kinds": []})
    assert WebhookEndpoint.objects.get().kinds == []
    assert owner_client.post(f"{address}remove/").status_code == 302
    assert not WebhookEndpoint.objects.exists()


def test_a_token_does_all_that_the_pages_do(owner: User, receiver: Receiver, job: RenderJob) -> None:
    script = Client(headers={"Authorization": f"Token {accounts.create_token(user=owner)[0]}"})

    def ask(method: str, address: str, **body: object) -> Any:
        given = {"content_type": "application/json", "data": body} if body else {}
        return getattr(script, method)(f"/api/v1/webhooks/{address}", **given)

    refused = ask("post", "", url="https://10.0.0.1/")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "not_public", "url")
    assert ask("post", "", url=receiver.url, kinds=["job.done"]).json()["code"] == "kind_unknown"
    made = ask("post", "", url=receiver.url, kinds=["job.failed"], project=str(job.project_id)).json()
    row = WebhookEndpoint.objects.get()
    assert (made["secret"], made["project"], made["kinds"]) == (webhooks.secret_of(row), str(job.project_id), ["job.failed"])
    assert "secret" not in ask("get", f"{row.pk}/").json()
    failed(job)
    assert ask("post", f"{row.pk}/test/").status_code == 202
    tasks.deliver()
    messages = ask("get", f"{row.pk}/messages/?state=delivered").json()["results"]
    assert [message["kind"] for message in messages] == ["ping", "job.failed"]
    again = ask("post", f"{row.pk}/messages/{messages[1]['id']}/replay/").json()
    assert (again["body"], again["state"]) == (messages[1]["body"], "waiting")
    assert ask("patch", f"{row.pk}/", paused=True, kinds=[]).json()["paused"] is True
    assert ask("post", f"{row.pk}/test/").json()["code"] == "webhook_paused"
    assert ask("patch", f"{row.pk}/", paused=False).json()["paused"] is False
    assert ask("post", f"{row.pk}/secret/").json()["secret"] not in ("", made["secret"])
    assert ask("delete", f"{row.pk}/").status_code == 204
    assert ask("get", "").json()["results"] == []
