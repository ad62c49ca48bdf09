"""Name and password for a token, and the brake on guessing them."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle


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
