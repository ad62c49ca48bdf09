"""Name and password for a token, and the brake on guessing them."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from projects import guesses


class GuessThrottle(SimpleRateThrottle):
    """Counts attempts from one address."""

    scope = "tokens"

    def get_cache_key(self, request: Request, view: Any) -> str:
        """By address: the person is not known yet."""
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class GuardedBasicAuthentication(BasicAuthentication):
    """HTTP Basic that counts before it looks; a view's own throttles would come too late for a wrong password."""

    def authenticate(self, request: Request) -> Any:
        """The person, or None when no name was given. Raises Throttled."""
        if request.headers.get("Authorization", "").lower().startswith("basic"):
            throttle = GuessThrottle()
            if not throttle.allow_request(request, None):  # type: ignore[arg-type]  # the view is not used
                raise Throttled(throttle.wait())
        return super().authenticate(request)

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        """The person of this name and password. Raises Throttled after too many wrong ones, as the sign-in page does."""
        try:
            guesses.count(request, userid)
        except guesses.TooManyGuesses as refusal:
            raise Throttled(refusal.wait) from refusal
        person = super().authenticate_credentials(userid, password, request)
        guesses.forgive(request, userid)
        return person
