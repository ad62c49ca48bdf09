"""Who is signed in: the person of a session, found together with what they have chosen."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class People(ModelBackend):
    """Django's own, which costs no query more for a person's preferences."""

    def get_user(self, user_id: int) -> User | None:
        """The person, if they may still sign in."""
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
