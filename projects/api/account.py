"""The asker, and the tokens that stand for them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import accounts, preferences
from projects.api.endpoints import Endpoint, given, one, operation, person
from projects.api.entrance import BrowserAuthentication, GuardedBasicAuthentication
from projects.api.lists import Asked, asked, listed
from projects.api.shapes import Sent, Shape, Time, told
from projects.models import ApiToken, Mail, Preferences, Scope
from projects.models.preferences import ZONE_LENGTH
from projects.models.tokens import TOKEN_NAME_LENGTH
from projects.preferences import NAME_LENGTH

LONGEST_DAYS = 3650
MAY = told("What it may be used for.", ["read", "render"])
FULL_NAME = told("What others in their projects read; empty for the user name.", "Ada Lovelace")
LANGUAGE = told(
    "In which pages and mails speak; empty for the browser's. Answers to a token follow Accept-Language.", "zh-hans"
)
TIME_ZONE = told("Of times on pages and in mails, by its IANA name; empty for the browser's.", "Europe/Berlin")
MAILS = told("What they are written about, where the studio sends mail and has their address.", ["failures", "batches"])


class MyChoices(Sent):
    """What a person chooses for themselves; what is left out stays as it is."""

    full_name = serializers.CharField(max_length=NAME_LENGTH, required=False, allow_blank=True, **FULL_NAME)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False, allow_blank=True, **LANGUAGE)
    time_zone = serializers.CharField(max_length=ZONE_LENGTH, required=False, allow_blank=True, **TIME_ZONE)
    mails = serializers.ListField(child=serializers.ChoiceField(choices=Mail.choices), required=False, **MAILS)


class AccountShape(Shape):
    """Who asks."""

    id = serializers.IntegerField(source="pk", **told("Names the person in addresses.", 12))
    name = serializers.CharField(source="username", **told("Their user name.", "ada"))
    is_administrator = serializers.BooleanField(source="is_staff", **told("Whether they may enter the administration.", False))
    full_name = serializers.CharField(source="get_full_name", **FULL_NAME)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, source="preferences.language", allow_blank=True, **LANGUAGE)
    time_zone = serializers.CharField(source="preferences.time_zone", **TIME_ZONE)
    mails = serializers.ListField(child=serializers.ChoiceField(choices=Mail.choices), source="preferences.mails", **MAILS)
    scopes = serializers.SerializerMethodField(**told("What the token of this request may be used for.", ["read", "render"]))

    def to_representation(self, instance: User) -> dict[str, Any]:
        """Whoever has chosen nothing has no row of choices."""
        if preferences.of(instance) is None:
            instance.preferences = Preferences(user=instance)
        return super().to_representation(instance)

    def get_scopes(self, _person: Any) -> list[str]:
        """All of it for a signed-in browser."""
        token = self.context["request"].auth
        return token.scopes.split() if isinstance(token, ApiToken) else list(Scope.values)


class TokenShape(Shape):
    """A token, without what it is itself."""

    id = serializers.CharField(source="key", **told("Its first letters, which name it.", "hgs_1f9a3c07b2d"))
    name = serializers.CharField(**told("What its owner calls it.", "course pipeline"))
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        source="scope_list",
        **told("What it may be used for.", ["read", "render"]),
    )
    created_at = Time("When it was made.")
    expires_at = Time("When it ends.", "2026-06-12T09:26:53Z", allow_null=True)
    last_used_at = Time("When it was last used, exact to ten minutes; null if never.", allow_null=True)


class NewTokenShape(TokenShape):
    """A new token, which is shown this once."""

    token = serializers.CharField(**told("For the header `Authorization: Token …`. It is not shown again.", "hgs_1f9a3c07b2d…"))


class NewToken(Sent):
    """What a token is made from."""

    name = serializers.CharField(
        max_length=TOKEN_NAME_LENGTH,
        required=False,
        default="",
        allow_blank=True,
        **told("To know it again.", "course pipeline"),
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        required=False,
        default=list(Scope.values),
        allow_empty=False,
        **MAY,
    )
    days = serializers.IntegerField(
        min_value=1, max_value=LONGEST_DAYS, required=False, default=None, **told("How long it lives.", 90)
    )


class TokensAsked(Asked):
    """What the list of tokens may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"


class Account(Endpoint):
    """The asker."""

    @operation("Show who I am", answers=AccountShape)
    def get(self, request: Request) -> Response:
        """The person whom the token stands for, and what it may be used for."""
        return one(request, person(request), AccountShape)

    @operation(
        "Change what I have chosen",
        scope={Scope.MANAGE},
        takes=MyChoices,
        answers=AccountShape,
        refuses=("unknown_time_zone",),
        example={"language": "zh-hans", "time_zone": "Asia/Shanghai", "mails": ["failures", "batches"]},
    )
    def patch(self, request: Request) -> Response:
        """What is left out stays as it is. Address and password are changed on the account page alone, with the password."""
        preferences.choose(person(request), **given(MyChoices(data=request.data)))
        return one(request, person(request), AccountShape)


class Tokens(Endpoint):
    """The asker's tokens."""

    def get_authenticators(self) -> list[Any]:
        """A token makes no other tokens: it could give itself more to do than it was given."""
        if self.request is not None and self.request.method == "POST":
            return [GuardedBasicAuthentication(), BrowserAuthentication()]
        return super().get_authenticators()

    @operation("List my tokens", scope={Scope.MANAGE}, asks=TokensAsked, answers=TokenShape, many=True)
    def get(self, request: Request) -> Response:
        """All of the asker's tokens, those that have ended lately too."""
        return listed(request, accounts.tokens_of(person(request)), TokenShape, asked(request, TokensAsked))

    @operation(
        "Make a token",
        takes=NewToken,
        answers=NewTokenShape,
        status=201,
        refuses=("too_many_tokens", "no_scopes", "too_many_guesses"),
        example={"name": "course pipeline", "scopes": ["read", "upload", "render"], "days": 30},
    )
    def post(self, request: Request) -> Response:
        """With name and password (HTTP Basic) or in a signed-in browser. The token is shown this once."""
        token, row = accounts.create_token(user=person(request), **given(NewToken(data=request.data)))
        answer = one(request, row, TokenShape, status.HTTP_201_CREATED)
        answer.data |= {"token": token}
        return answer


class OneToken(Endpoint):
    """One token."""

    @operation("Revoke a token", scope={Scope.MANAGE}, status=204)
    def delete(self, request: Request, token_id: str) -> Response:
        """It opens nothing from this moment on."""
        accounts.revoke_token(user=person(request), token_id=token_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
