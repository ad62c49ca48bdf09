"""Who asks: the middleware has closed every page to visitors, this tells the type checker so."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def signed_in(request: HttpRequest) -> User:
    """The person behind a request to a page that needs one."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
