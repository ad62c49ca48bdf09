"""What a person chooses for themselves: kept, used on every page, and guessed from the browser until then."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from projects import accounts, batches, consents, memberships, preferences, quotas, turns
from projects.errors import ProjectError
from projects.models import AuditEntry, Mail, Preferences, Project, RenderJob, Speaker
from tests import making

PASSWORD = "correct horse battery"
ACCOUNT = "/api/v1/account/"
NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
YOU = {"you-name": "Dr. Olga Ü", "you-email": "olga@example.com", "you-password": PASSWORD}


@pytest.fixture(autouse=True)
def _noon() -> object:
    with time_machine.travel(NOON, tick=False):
        yield


def account(client: Client) -> str:
    return client.get(reverse("pages:account")).text


def browser(user: User, **cookies: str) -> Client:
    client = making.browser(user)
    for name, value in cookies.items():
        client.cookies[name] = value
    return client


def script(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {accounts.create_token(user=user)[0]}")
    return client


def sign_in(**cookies: str) -> Client:
    client = Client()
    for name, value in cookies.items():
        client.cookies[name] = value
    assert client.post(reverse("pages:sign_in"), {"username": "olga", "password": PASSWORD}).status_code == 302
    return client


def test_times_are_those_of_the_browser_until_a_zone_is_chosen(owner: User) -> None:
    client = browser(owner, zone="Asia/Tokyo")
    assert "9 p.m." in account(client)
    client.post(reverse("pages:choose_time_zone"), {"time_zone": "America/New_York"})
    assert "7 a.m." in account(client)
    client.post(reverse("pages:choose_time_zone"), {"time_zone": ""})
    assert "9 p.m." in account(client)


def test_a_zone_that_there_is_not_is_no_zone(owner: User) -> None:
    client = browser(owner, zone="../../etc/passwd")
    assert "noon" in account(client)
    assert client.post(reverse("pages:choose_time_zone"), {"time_zone": "Mars/Base"}).status_code == 422
    with pytest.raises(ProjectError) as refusal:
        preferences.choose_time_zone(owner, "Mars/Base")
    assert refusal.value.code == "unknown_time_zone"
    assert preferences.of(owner) is None


def test_no_request_leaves_its_zone_or_language_behind(owner: User, client: Client) -> None:
    preferences.choose_time_zone(owner, "Asia/Tokyo")
    account(making.browser(owner))
    assert timezone.get_current_timezone_name() == timezone.get_default_timezone_name()


def test_the_language_goes_with_the_person_to_another_browser(owner: User) -> None:
    making.browser(owner).post(reverse("pages:language"), {"language": "zh-hans", "next": "/"})
    assert '<html lang="zh-hans">' in account(making.browser(owner))
    making.browser(owner).post(reverse("pages:language"), {"language": "xx"})
    assert Preferences.objects.get().language == "zh-hans"


def test_what_the_browser_says_at_sign_in_is_kept_for_whoever_has_chosen_nothing(owner: User) -> None:
    sign_in(zone="Europe/Berlin", django_language="zh-hans")
    assert '<html lang="zh-hans">' in account(sign_in())
    row = Preferences.objects.get()
    assert (row.time_zone, row.language) == ("Europe/Berlin", "zh-hans")
    sign_in(zone="Asia/Tokyo", django_language="en")
    row.refresh_from_db()
    assert (row.time_zone, row.language) == ("Europe/Berlin", "zh-hans")


def test_the_day_on_which_a_consent_ends_is_the_installations(owner: User, speaker: Speaker) -> None:
    speaker.consents.update(given_on="2029-01-01", expires_on="2030-01-01")
    with timezone.override(preferences.zone_named("Pacific/Kiritimati")):  # it is January the second there
        assert consents.standing(speaker).allows
        assert speaker.has_consent()
        assert quotas.month_start() == datetime(2030, 1, 1, tzinfo=UTC)
        consents.record(speaker=speaker, by=owner, given_by="Li", scope="All", given_on=timezone.localdate())


def test_the_name_is_what_others_read(owner: User, owner_client: Client, project: object) -> None:
    owner_client.post(reverse("pages:describe"), YOU)
    vera = making.member(project, "vera", "viewer")  # type: ignore[arg-type]
    members = reverse("pages:members", args=[project.pk])  # type: ignore[attr-defined]
    assert "Dr. Olga Ü" in making.browser(vera).get(members).text
    owner.refresh_from_db()
    assert (owner.get_full_name(), owner.email) == ("Dr. Olga Ü", "olga@example.com")
    assert AuditEntry.objects.get(verb="account.described").detail == {"email_changed": True}


def test_the_name_is_read_wherever_somebody_is_named(owner: User, project: Project, job: RenderJob) -> None:
    preferences.describe(owner, name="Dr. Olga Ü", email="", password="")
    edgar = making.browser(making.member(project, "edgar", "editor"))
    batch = batches.submit(project=project, cells=[(job.clip, job.track)], created_by=owner)
    turns.pause(user=owner)
    consents.record(speaker=job.clip.speaker, by=owner, given_by="Li", scope="All", given_on=timezone.localdate())
    link = memberships.invite(project=project, role="viewer", by=owner)[1]
    assert "Dr. Olga Ü, who asked for it, has paused" in edgar.get(job.get_absolute_url()).text
    assert "Dr. Olga Ü asked for it." in edgar.get(job.get_absolute_url()).text
    assert "recorded by Dr. Olga Ü" in edgar.get(job.clip.speaker.get_absolute_url()).text
    for address in (batch.get_absolute_url(), reverse("pages:batches", args=[project.pk]), f"/join/{link}/"):
        assert "Dr. Olga Ü" in edgar.get(address).text, address


def test_an_owner_is_asked_and_told_of_members_by_their_names(owner_client: Client, project: Project) -> None:
    vera = making.member(project, "vera", "viewer")
    preferences.describe(vera, name="Vera Wu", email="", password="")
    members = reverse("pages:members", args=[project.pk])
    text = owner_client.get(members).text
    assert "Role of Vera Wu" in text
    assert "Hand the project over to Vera Wu?" in text
    assert "Remove Vera Wu from the project?" in text
    answer = owner_client.post(reverse("pages:remove_member", args=[project.pk, vera.pk]), follow=True)
    assert "Vera Wu is no longer in the project." in answer.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"you-password": "wrong"}, "type your password too"),
        ({"you-password": ""}, "type your password too"),
        ({"you-email": "no address"}, "valid email address"),
    ],
)
def test_another_address_needs_the_password_and_keeps_what_was_typed(
    owner: User, owner_client: Client, change: dict[str, str], sentence: str
) -> None:
    answer = owner_client.post(reverse("pages:describe"), YOU | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="Dr. Olga Ü"' in answer.text
    owner.refresh_from_db()
    assert owner.email == ""


def test_a_name_alone_needs_no_password(owner: User, owner_client: Client) -> None:
    owner_client.post(reverse("pages:describe"), {"you-name": "Olga", "you-email": ""})
    owner.refresh_from_db()
    assert owner.get_full_name() == "Olga"


def test_mails_are_chosen_where_there_are_any(owner: User, owner_client: Client, settings: Settings) -> None:
    assert "sends no mail" in account(owner_client)
    settings.EMAIL_HOST = "mail.example.com"
    text = account(owner_client)
    assert "Without an address no mail can reach you" in text
    owner_client.post(reverse("pages:choose_mails"), {"mails": ["batches", "failures"]})
    row = Preferences.objects.get()
    assert row.mails == [Mail.FAILURES, Mail.BATCHES]
    assert row.told_until == NOON
    assert owner_client.post(reverse("pages:choose_mails"), {"mails": ["everything"]}).status_code == 422
    owner_client.post(reverse("pages:choose_mails"), {})
    row.refresh_from_db()
    assert (row.mails, row.told_until) == ([], None)


def test_a_script_reads_and_changes_what_the_page_shows(owner: User) -> None:
    client = script(owner)
    nothing = {"full_name": "", "language": "", "time_zone": "", "mails": []}
    assert client.get(ACCOUNT).json().items() >= nothing.items()
    wanted = {"full_name": "Olga Ü", "language": "zh-hans", "time_zone": "Asia/Tokyo", "mails": ["failures", "batches"]}
    answer = client.patch(ACCOUNT, wanted, format="json")
    assert (answer.status_code, answer.json().items() >= wanted.items()) == (200, True)
    assert client.get(ACCOUNT).json() == answer.json()
    page = account(making.browser(owner))
    assert '<html lang="zh-hans">' in page
    assert 'value="Olga Ü"' in page
    assert '<option value="Asia/Tokyo" selected>' in page
    assert AuditEntry.objects.get(verb="account.mails_chosen").detail == {"mails": ["failures", "batches"]}
    assert client.patch(ACCOUNT, {"time_zone": ""}).json().items() >= (wanted | {"time_zone": ""}).items()
    assert client.patch(ACCOUNT, nothing, format="json").json().items() >= nothing.items()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"time_zone": "Mars/Base"}, "unknown_time_zone"),
        ({"language": "xx"}, "invalid"),
        ({"mails": ["everything"]}, "invalid"),
        ({"full_name": "x" * 151}, "invalid"),
    ],
)
def test_of_what_a_script_asks_for_all_is_changed_or_nothing(owner: User, wrong: dict[str, object], code: str) -> None:
    client = script(owner)
    before = client.get(ACCOUNT).json()
    sent = {"full_name": "Olga", "language": "zh-hans", "time_zone": "Asia/Tokyo", "mails": ["failures"]}
    refused = client.patch(ACCOUNT, sent | wrong, format="json")
    assert (refused.json()["code"], refused.json()["field"]) == (code, *wrong)
    assert client.get(ACCOUNT).json() == before


def test_no_script_changes_address_or_password(owner: User) -> None:
    answer = script(owner).patch(ACCOUNT, {"email": "eve@example.com", "password": "another horse"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    owner.refresh_from_db()
    assert (owner.email, owner.check_password(PASSWORD)) == ("", True)
