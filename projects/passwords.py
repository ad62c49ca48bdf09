"""A new password for whoever forgot theirs: an address or a name goes in, a link that works once comes out.

The link is Django's own: signed, good for a day, and void once the password changed or somebody signed in; nothing of it is
stored. It travels by mail, which the housekeeping lane sends, or an administrator gets it by action or command and hands it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from projects import audit, guesses, running, wakeups
from projects.accounts import UNUSABLE
from projects.models import Preferences

if TYPE_CHECKING:
    from django.http import HttpRequest


def mail_is_on() -> bool:
    """Whether this installation can send mail."""
    return bool(settings.EMAIL_HOST)


def ask(request: HttpRequest, email: str) -> None:
    """Have a link sent to everybody with this address. Whether there is anybody is told to nobody.

    Raises TooManyGuesses where an address is asked for too often, or somebody asks for too many.
    """
    guesses.count_letter(request, email)
    people = (
        User.objects.filter(email__iexact=email.strip(), is_active=True).exclude(email="").exclude(password__regex=UNUSABLE)
    )
    if not mail_is_on():
        return
    for person in people:
        Preferences.objects.update_or_create(user=person, defaults={"reset_asked_at": timezone.now()})
    if people:
        transaction.on_commit(wakeups.send_sweep)


def link_for(user: User) -> str:
    """A fresh one-time link to a new password for this person."""
    where = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": default_token_generator.make_token(user)}
    return running.public_address() + reverse("pages:new_password", kwargs=where)


def hand_out_link(user: User, *, by: User | None = None) -> str:
    """The same, for an administrator to hand on; recorded."""
    audit.record("account.password_link_made", user, by=by)
    return link_for(user)
