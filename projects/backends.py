"""Who is signed in: the person of a session, found together with what they have chosen."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest


class People(ModelBackend):
    """Django's own, which costs no query more for a person's preferences."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **others: Any
    ) -> Any:
        """The person of this name and password. A name that PostgreSQL does not even take is nobody's."""
        return None if "\0" in (username or "") else super().authenticate(request, username, password, **others)

    def get_user(self, user_id: int) -> User | None:
        """The person, if they may still sign in."""
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
