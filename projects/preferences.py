"""What a person chooses for themselves: name, address, language, time zone and mails go in, their row comes out."""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from projects import audit, library
from projects.errors import Refused
from projects.models import Mail, Preferences

if TYPE_CHECKING:
    from datetime import tzinfo

NAME_LENGTH = 150  # of Django's first_name
# What `available_timezones` has besides places: old names, and offsets whose sign means the opposite.
REGIONS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)


def of(user: User | AnonymousUser) -> Preferences | None:
    """What this person has chosen; None for nothing."""
    row: Preferences | None = getattr(user, "preferences", None)
    return row


@cache
def time_zones() -> tuple[str, ...]:
    """The names of time zones to choose from."""
    places = sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in REGIONS)
    return (*places, "UTC")


def zone_named(name: str) -> tzinfo | None:
    """The time zone of this name, or None when there is none."""
    return zoneinfo.ZoneInfo(name) if name in time_zones() else None


def remember_guess(user: User, *, language: str, time_zone: str) -> None:
    """Keep what the browser of somebody who signs in says, where they have chosen nothing themselves."""
    row = of(user) or Preferences(user=user)
    before = (row.language, row.time_zone)
    row.language = row.language or _known_language(language)
    row.time_zone = row.time_zone or (time_zone if zone_named(time_zone) else "")
    if (row.language, row.time_zone) != before:
        _keep(user, language=row.language, time_zone=row.time_zone)


def choose(
    user: User,
    *,
    full_name: str | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    mails: Collection[str] | None = None,
) -> None:
    """Change what is not None, all of it or nothing. Raises ProjectError as `choose_time_zone`."""
    with transaction.atomic():
        if language is not None:
            choose_language(user, language)
        if time_zone is not None:
            choose_time_zone(user, time_zone)
        if mails is not None:
            choose_mails(user, mails)
        if full_name is not None:
            describe(user, name=full_name, email=user.email, password="")


def choose_language(user: User, language: str) -> None:
    """Speak this language to the person from now on; an empty one is the browser's. An unknown one changes nothing."""
    if language in ("", *dict(settings.LANGUAGES)):
        _keep(user, language=language)


def choose_time_zone(user: User, time_zone: str) -> None:
    """Show times in this zone; an empty one follows the browser. Raises ProjectError `unknown_time_zone`."""
    if time_zone and zone_named(time_zone) is None:
        raise Refused("unknown_time_zone", _("There is no such time zone. Choose one from the list."), field="time_zone")
    _keep(user, time_zone=time_zone)


def choose_mails(user: User, mails: Collection[str]) -> None:
    """Write to the person about these from now on; what has happened before is not told."""
    chosen = [mail for mail in Mail.values if mail in mails]
    with transaction.atomic():
        row, _made = Preferences.objects.select_for_update().get_or_create(user=user)
        row.mails = chosen
        row.told_until = (row.told_until or timezone.now()) if chosen else None
        row.room_told = row.room_told and Mail.ROOM in chosen
        row.save(update_fields=["mails", "told_until", "room_told"])
        user.preferences = row
        audit.record("account.mails_chosen", user, by=user, mails=chosen)


def describe(user: User, *, name: str, email: str, password: str) -> None:
    """Change how the person is called and where mail reaches them.

    password: their present one, needed for another address, by which whoever has it could come in
    Raises ProjectError `bad_email`, `wrong_password`.
    """
    name, email = library.plain(name)[:NAME_LENGTH], email.strip()
    moved = email != user.email
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise Refused("bad_email", " ".join(error.messages), field="email") from error
    if moved and user.has_usable_password() and not user.check_password(password):
        text = _("To change the address, type your password too.")
        raise Refused("wrong_password", text, field="password")
    if not moved and name == user.get_full_name():
        return
    with transaction.atomic():
        user.first_name, user.last_name, user.email = name, "", email
        user.save(update_fields=["first_name", "last_name", "email"])
        audit.record("account.described", user, by=user, email_changed=moved)


def _known_language(code: str) -> str:
    return code if code in dict(settings.LANGUAGES) else ""


def _keep(user: User, **values: str) -> None:
    row, _made = Preferences.objects.update_or_create(user=user, defaults=values)
    user.preferences = row
