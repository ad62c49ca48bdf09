"""Who asks: a token, a signed-in browser, or name and password for a first token; and what a token may be used for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from projects import codes, guesses
from projects.errors import NotAllowed
from projects.models import ApiToken, Scope
from projects.models.tokens import digest_of

if TYPE_CHECKING:  # it asks the settings for this module
    from rest_framework.views import APIView

USE_NOTED = timedelta(minutes=10)
WORDS = ("token", "bearer")


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token hgs_…`. One query finds the token and its person, and what a view asks for beside them."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Who has this token. Raises AuthenticationFailed."""
        word, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if word.lower() not in WORDS:
            return None
        rows = ApiToken.objects.usable().select_related("user")
        beside = getattr(request.parser_context["view"], "beside_the_asker", None)
        if beside is not None:
            rows = rows.annotate(beside=beside("user_id"))
        token = rows.filter(digest=digest_of(secret.strip())).first()
        if token is None:
            raise AuthenticationFailed
        now = timezone.now()
        if token.last_used_at is None or token.last_used_at < now - USE_NOTED:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a refusal asks for."""
        return 'Token realm="api"'


class BrowserAuthentication(SessionAuthentication):
    """A signed-in browser, whose forms carry a word that other sites do not know."""

    def enforce_csrf(self, request: Request) -> None:
        """Raises NotAllowed where that word is missing."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise NotAllowed("csrf_failed", codes.CODES["csrf_failed"].message) from error


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


class InScope(BasePermission):
    """A token is used for what its scopes say; `operation` says for each method which of them is enough."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises NotAllowed where the token may not."""
        handler = getattr(view, (request.method or "").lower(), None)
        if not isinstance(request.auth, ApiToken) or handler is None or request.method == "OPTIONS":
            return True  # what an address can do, any token may ask
        enough: frozenset[Scope] = handler.scopes
        if not enough or enough & request.auth.may:
            return True
        text = _("This token may not be used for that. Make one that may “{scope}”.")
        raise NotAllowed("scope_missing", text.format(scope=" / ".join(sorted(enough))))
