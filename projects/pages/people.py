"""Who asks: the middleware has closed every page to visitors, this tells the type checker so; their names; and who comes in."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from projects import preferences
from projects.middleware import ZONE_COOKIE


def signed_in(request: HttpRequest) -> User:
    """The person behind a request to a page that needs one."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def name_of(user: User) -> str:
    """What somebody wishes to be called, else their user name."""
    return user.get_full_name() or user.get_username()


def come_in(request: HttpRequest, user: User) -> None:
    """Sign in somebody whose account was made just now."""
    login(request, user)
    remember_guess(request)


def remember_guess(request: HttpRequest) -> None:
    """Keep what the browser says of language and time, for somebody who has come in and has chosen nothing."""
    language, zone = (request.COOKIES.get(name, "") for name in (settings.LANGUAGE_COOKIE_NAME, ZONE_COOKIE))
    preferences.remember_guess(signed_in(request), language=language, time_zone=zone)
