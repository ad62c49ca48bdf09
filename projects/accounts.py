"""People: the first account through a link that works once, further accounts, a first project and API tokens for each."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from projects import audit, library
from projects.errors import Conflict, Refused
from projects.models import ApiToken, Project, Scope, SetupLink
from projects.models.tokens import KEY_LENGTH, PREFIX, TOKEN_NAME_LENGTH, digest_of, spelled

ALL_SCOPES = tuple(Scope.values)
MOST_TOKENS = 50  # of one person
TOKEN_BYTES = 32
ENDED_SHOWN = timedelta(days=30)
UNUSABLE = r"^(!|$)"  # how Django marks an account that cannot be signed in with


def someone_can_sign_in() -> bool:
    """Whether an account with a password exists; the demo's own account has none."""
    return get_user_model().objects.exclude(password__regex=UNUSABLE).exists()


def new_setup_token() -> str | None:
    """A fresh one-time token for /setup/<token>/, or None once somebody has an account. Earlier tokens stop working."""
    if someone_can_sign_in():
        return None
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        SetupLink.objects.filter(used_at=None).delete()
        SetupLink.objects.create(token_hash=hashed(token))
    return token


def setup_is_open(token: str) -> bool:
    """Whether this token still makes the first account."""
    return not someone_can_sign_in() and SetupLink.objects.filter(token_hash=hashed(token), used_at=None).exists()


def create_first_administrator(*, token: str, username: str, password: str) -> User:
    """Use the one-time link.

    Raises ProjectError: `setup_link_invalid`, `username_taken`, `no_username`, `weak_password`.
    """
    with transaction.atomic():
        link = SetupLink.objects.select_for_update().filter(token_hash=hashed(token), used_at=None).first()
        if link is None or someone_can_sign_in():
            text = _("This set-up link is no longer valid. Run `python manage.py setup_link` on the server for a new one.")
            raise Conflict("setup_link_invalid", text)
        user = create_user(username=username, password=password, administrator=True)
        link.used_at = timezone.now()
        link.save(update_fields=["used_at"])
    return user


def create_user(*, username: str, password: str, administrator: bool = False) -> User:
    """A new account with its first project. Raises as create_first_administrator does."""
    username = username.strip()
    user = User(username=username, is_staff=administrator, is_superuser=administrator)
    if not username:
        raise Refused("no_username", _("Choose a user name."), field="username")
    _check(User.username_validator, username, code="bad_username", field="username")
    _check(partial(validate_password, user=user), password, code="weak_password", field="password")
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            audit.record("account.made", user, administrator=administrator)
            first_project(user)
    except IntegrityError as error:
        text = _("This user name is taken. Choose another one.")
        raise Conflict("username_taken", text, field="username") from error
    return user


def first_project(user: User) -> Project:
    """The person's oldest project, made when there is none."""
    existing = Project.objects.filter(owner=user).order_by("created_at").first()
    return existing or library.add_project(owner=user, name=_("My project"))


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """The person's API tokens, newest first; `key` names one without giving it away."""
    return ApiToken.objects.filter(user=user)


def create_token(
    *, user: User, name: str = "", scopes: Collection[str] = ALL_SCOPES, days: int | None = None
) -> tuple[str, ApiToken]:
    """A new API token, shown this once, and its row. days: how long it lives, as long as TOKEN_DAYS says when not given

    Raises ProjectError `too_many_tokens`, `no_scopes`, `unknown_scope`.
    """
    if not scopes:
        raise Refused("no_scopes", _("Choose what the token may be used for."), field="scopes")
    if not set(scopes) <= set(Scope.values):
        text = _("A token may be used to {scopes}. Choose among these.").format(scopes=", ".join(Scope.values))
        raise Refused("unknown_scope", text, field="scopes")
    if ApiToken.objects.filter(user=user).count() >= MOST_TOKENS:
        raise Conflict("too_many_tokens", _("You have too many tokens. Delete some first."))
    token = PREFIX + secrets.token_hex(TOKEN_BYTES)
    with transaction.atomic():
        row = ApiToken.objects.create(
            user=user,
            key=token[:KEY_LENGTH],
            digest=digest_of(token),
            name=library.plain(name)[:TOKEN_NAME_LENGTH],
            scopes=spelled(scopes),
            expires_at=timezone.now() + timedelta(days=days or settings.TOKEN_DAYS),
        )
        audit.record("token.made", user, by=user, token=row.key, name=row.name, scopes=row.scopes)
    return token, row


def revoke_token(*, user: User, token_id: str) -> None:
    """End one of the person's tokens, named by its `key`. A stranger's gives 404."""
    row = tokens_of(user).filter(key=token_id).first()
    if row is None:
        raise Http404
    with transaction.atomic():
        row.delete()
        audit.record("token.revoked", user, by=user, token=token_id)


def forget_ended_tokens() -> int:
    """Remove the tokens that ended long enough ago for their owners to have seen it. Returns how many."""
    return ApiToken.objects.filter(expires_at__lt=timezone.now() - ENDED_SHOWN).delete()[0]


def hashed(token: str) -> str:
    """What is kept of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check(validator: Callable[[str], None], value: str, *, code: str, field: str) -> None:
    try:
        validator(value)
    except ValidationError as error:
        raise Refused(code, " ".join(error.messages), field=field) from error
