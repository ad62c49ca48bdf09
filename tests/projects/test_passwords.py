"""A forgotten password: by mail, or by a link that an administrator hands on; each works once."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from projects import checks, guesses, mails, passwords, preferences
from projects.models import AuditEntry, Preferences
from tests import making

NEW = "another fine passphrase"


@pytest.fixture(autouse=True)
def _mail_is_on(settings: Settings, owner: User) -> object:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "mail.example.com", "https://studio.example.com"
    owner.email = "Olga@example.com"
    owner.save()
    yield
    cache.clear()


def ask(email: str = "olga@EXAMPLE.com ", address: str = "10.0.0.1") -> tuple[int, str]:
    answer = Client(REMOTE_ADDR=address).post(reverse("pages:forgotten"), {"email": email})
    return answer.status_code, re.sub(r'value="[^"]*"', "", answer.text)


def letter() -> EmailMessage:
    assert mails.send_due() == 1
    return mail.outbox[-1]


def choose(link: str, password: str = NEW) -> Client:
    """Follow the link and choose a password."""
    browser = Client()
    form = browser.get(link.removeprefix("https://studio.example.com"), follow=True)
    if form.context.get("validlink"):
        browser.post(form.redirect_chain[-1][0], {"new_password1": password, "new_password2": password})
    return browser


def link_in(message: EmailMessage) -> str:
    found = re.search(r"https://studio\.example\.com/password/\S+", str(message.body))
    assert found is not None
    return found[0]


def test_whoever_forgot_it_gets_a_link_by_mail_and_chooses_another(owner: User) -> None:
    assert ask()[0] == 200
    assert mail.outbox == []  # nobody waits for a mail server
    message = letter()
    assert message.to == ["Olga@example.com"]
    choose(link_in(message))
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert AuditEntry.objects.filter(verb="account.password_reset", object_name="olga").exists()
    assert mails.send_due() == 0


def test_a_link_works_once_and_for_a_day(owner: User) -> None:
    link = passwords.link_for(owner)
    choose(link)
    assert "This link no longer works" in Client().get(link.removeprefix("https://studio.example.com")).text
    owner.refresh_from_db()
    fresh = passwords.link_for(owner)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        choose(fresh, "a third fine passphrase")
    owner.refresh_from_db()
    assert owner.check_password(NEW)


def test_a_new_password_ends_the_sessions_of_the_old_one(owner: User, owner_client: Client) -> None:
    assert owner_client.get("/account/").status_code == 200
    choose(passwords.link_for(owner))
    assert owner_client.get("/account/").status_code == 302


def test_the_answer_does_not_tell_who_has_an_account(owner: User) -> None:
    told, untold = ask(), ask("nobody@example.com")
    assert told == untold
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert ask(address="10.0.0.3") == told
    assert Preferences.objects.filter(reset_asked_at__isnull=False).count() == 1


def test_nobody_can_have_a_person_flooded_with_mails(owner: User) -> None:
    for number in range(guesses.LETTERS_TO_ONE):
        assert ask(address=f"10.0.1.{number}")[0] == 200
    status, text = ask(address="10.0.1.99")
    assert status == 429
    assert "Many links were asked for already. Wait 1 minutes" in text
    assert letter()  # and they all were one
    assert mails.send_due() == 0


def test_the_mail_is_in_the_persons_language(owner: User) -> None:
    preferences.choose_language(owner, "zh-hans")
    ask()
    assert "密码" in letter().subject


def test_without_mail_the_page_says_whom_to_ask(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    text = client.get(reverse("pages:forgotten")).text
    assert "Ask an administrator for a link" in text
    assert "password_link" in text
    assert ask()[0] == 200
    assert not Preferences.objects.exists()


def test_the_command_prints_a_link_and_it_is_recorded(owner: User) -> None:
    said = StringIO()
    call_command("password_link", "olga", stdout=said)
    choose(said.getvalue().strip())
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert AuditEntry.objects.filter(verb="account.password_link_made").exists()
    with pytest.raises(CommandError, match="Nobody who may sign in is called olgo"):
        call_command("password_link", "olgo")


def test_administrators_hand_links_on_but_none_for_who_is_above_them(owner: User, administrator: User) -> None:
    helper = making.browser(_helper())
    rows = {"action": "make_password_links", "_selected_action": [owner.pk, administrator.pk]}
    text = helper.post("/admin/auth/user/", rows).text
    found = re.findall(r"https://studio\.example\.com/password/[^<]+", text)
    assert len(found) == 1
    choose(found[0])
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert len(re.findall(r"/password/", making.browser(administrator).post("/admin/auth/user/", rows).text)) == 2


def _helper() -> User:
    helper = User.objects.create_user("hilda", password=NEW, is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=("view_user", "change_user")))
    return helper


def test_mails_without_an_address_to_lead_to_are_warned_of(settings: Settings) -> None:
    assert checks.public_address(None) == []
    settings.PUBLIC_URL = ""
    assert [found.id for found in checks.public_address(None)] == [checks.NO_PUBLIC_URL]
