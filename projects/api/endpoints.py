"""What the API's views have in common: who asks, what was given, a row as the answer, and one line of facts for each method.

`operation` says of a method what it is for, which token may use it, what goes in and what comes out. The permission reads the
scope there, the schema the rest: there is no second place to keep up with it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, TypeVar, cast

from django.contrib.auth.models import User
from django.db.models import Model
from django.db.models.expressions import Combinable
from django.utils.http import parse_etags
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from projects import codes, idempotency
from projects.api.lists import Asked, Keyset
from projects.api.shapes import Shape, told
from projects.idempotency import Made
from projects.models import ApiToken, RenderBatch, RenderJob, Scope

ESTIMATES_STAND_SECONDS = 15  # so long may times and places that were estimated stay as they were told
Method = TypeVar("Method", bound=Callable[..., Any])


class Refusal(Shape):
    """The body of every refusal."""

    code = serializers.CharField(**told("Stable; for programs. All of them: /api/v1/errors/", "no_consent"))
    message = serializers.CharField(
        **told(
            "What is wrong and what to do next, in the language that Accept-Language asks for.",
            "No valid consent of Ada is on record. Record it on the lecturer's page, then try again.",
        )
    )
    field = serializers.CharField(allow_null=True, **told("The field it concerns, null where it concerns none.", "clip"))
    detail = serializers.DictField(
        allow_null=True,
        **told("More, where there is any: all problems by field, or `at`, seconds into a clip or voice.", {"at": 12.5}),
    )
    docs = serializers.CharField(**told("Where on this server the code is explained.", "/api/v1/errors/no_consent/"))


class Endpoint(APIView):
    """A view of the API."""

    pagination_class: ClassVar[type[Keyset]] = Keyset


class Polled(Endpoint):
    """Something that is asked for again and again: what stands as it stood is answered by 304, at the cost of one query."""

    def beside_the_asker(self, user: str) -> Combinable:
        """What it stands at, null where the asker may not see it, as a column of a query for the asker.

        user: the column of that query with the asker's id
        """
        raise NotImplementedError

    def polled(self, request: Request, tell: Callable[[], Response], *, moves: Callable[[Any], bool]) -> Response:
        """The answer, or 304. moves: whether times are estimated, from what it stands at"""
        stands = self._stands_at(request)
        if stands is None:
            return tell()  # which refuses
        known: list[Any] = [stands, get_language()]
        if moves(stands):
            known.append(int(time.time() // ESTIMATES_STAND_SECONDS))
        digest = hashlib.sha256(json.dumps(known, default=str).encode()).hexdigest()[:24]
        same = f'"{digest}"' in {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))}
        response = Response(status=304) if same else tell()
        response["ETag"] = f'W/"{digest}"'
        response["Cache-Control"] = "private, no-cache"
        return response

    def _stands_at(self, request: Request) -> Any:
        if isinstance(request.auth, ApiToken):
            return vars(request.auth)["beside"]
        return (
            User.objects.annotate(beside=self.beside_the_asker("pk"))
            .values_list("beside", flat=True)
            .get(pk=person(request).pk)
        )


def operation(
    summary: str,
    *,
    scope: Collection[Scope] = (),
    asks: type[Asked] | None = None,
    takes: type[BaseSerializer[Any]] | None = None,
    answers: Any = None,
    many: bool = False,
    status: int = 200,
    more: Mapping[Any, Any] | None = None,
    refuses: Collection[str] = (),
    parameters: Collection[Any] = (),
    headers: Collection[Any] = (),
    example: Mapping[str, Any] | None = None,
    files: bool = False,
    bytes_in: bool = False,
    name: str | None = None,
) -> Callable[[Method], Method]:
    """What one method of a view is for.

    scope: a token needs one of these, any token will do where there is none; asks, takes: what the address and the body may
    say; answers: the shape of what comes back, a page of them with `many`, nothing with None; more: further answers by
    status; refuses: the codes of its own; parameters, headers: of the request, of the answer; example: of the body; files,
    bytes_in: the body is multipart form data, or bytes; name: for clients that are made from the schema
    """
    responses: dict[Any, Any] = {} if more and answers is None else {status: _answer(answers, many)}
    responses |= more or {}
    responses |= {"default": OpenApiResponse(Refusal, description="Refused; `code` says why.")}
    examples = [OpenApiExample("Example", value=dict(example), request_only=True)] if example else []

    body: Any = {"multipart/form-data": takes} if files else {"application/json": takes} if takes else None
    if bytes_in:
        body = {"application/offset+octet-stream": OpenApiTypes.BINARY}

    def decorate(method: Method) -> Method:
        described = extend_schema(
            operation_id=name,
            summary=summary,
            description=_description(method, scope, refuses),
            parameters=[*([asks] if asks else []), *parameters, *headers],
            request=body,
            responses=responses,
            examples=examples,
        )
        return needs(*scope)(described(method))

    return decorate


def needs(*scope: Scope) -> Callable[[Method], Method]:
    """Which scopes a token may have for this method, one of them; any token will do where none is named."""

    def decorate(method: Method) -> Method:
        vars(method)["scopes"] = frozenset(scope)
        return method

    return decorate


def person(request: Request) -> User:
    """Who asks; the permissions have let nobody else through."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def given(shape: BaseSerializer[Any]) -> dict[str, Any]:
    """What was sent, once it is valid."""
    shape.is_valid(raise_exception=True)
    return dict(shape.validated_data)


def one(request: Request, row: Model | Any, shape: type[Shape], code: int = 200) -> Response:
    """One row."""
    return Response(shape(row, context={"request": request}).data, status=code)


def under_way(request: Request, row: RenderJob | RenderBatch, shape: type[Shape], code: int = 202) -> Response:
    """Work that was begun, and where to ask how it stands."""
    response = one(request, row, shape, code)
    response["Location"] = response.data["url"]
    return response


def begun_once(request: Request, asked: dict[str, Any], make: Callable[[], Made], shape: type[Shape]) -> Response:
    """New work, or with a known `Idempotency-Key` what it made before."""
    key = request.headers.get("Idempotency-Key")
    made, replayed = idempotency.once(user=person(request), key=key, asked=asked, make=make)
    response = under_way(request, cast("RenderJob | RenderBatch", made), shape, 200 if replayed else 202)
    if replayed:
        response["Idempotent-Replay"] = "true"
    return response


def _answer(answers: Any, many: bool) -> Any:
    if answers is None:
        return OpenApiResponse(description="Done; there is nothing to say.")
    return type(f"{answers.__name__}Row", (answers,), {"is_row": True})(many=True) if many else answers


def _description(method: Callable[..., Any], scope: Collection[Scope], refuses: Collection[str]) -> str:
    lines = [" ".join((method.__doc__ or "").split())]
    if scope:
        lines.append("A token needs the scope " + " or ".join(f"`{each.value}`" for each in scope) + ".")
    if refuses:
        lines.append("Refuses as:\n" + "\n".join(f"- `{code}`: {codes.CODES[code].sentence}" for code in refuses))
    return "\n\n".join(lines)
