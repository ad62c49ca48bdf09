"""How often one token, or one signed-in person, may ask: so many requests in each minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from projects.models import ApiToken

if TYPE_CHECKING:  # it asks the settings for this module
    from rest_framework.views import APIView

WINDOW_SECONDS = 60


class RequestsPerMinute(BaseThrottle):
    """A brake on scripts that run wild, not a count: of two requests at the same moment one may be missed."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request. False: it comes too soon."""
        most: int = settings.API_REQUESTS_PER_MINUTE
        if not most:
            return True
        window = int(time.time()) // WINDOW_SECONDS
        whose = f"token-{request.auth.pk}" if isinstance(request.auth, ApiToken) else f"person-{request.user.pk}"
        key = f"api-requests-{whose}"
        since, count = cache.get(key, (window, 0))
        count = count + 1 if since == window else 1
        if count <= most:
            cache.set(key, (window, count), 2 * WINDOW_SECONDS)
        return count <= most

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS
