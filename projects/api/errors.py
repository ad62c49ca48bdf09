"""The body of every refusal under /api/: {code, message, field, detail, docs}, whoever refuses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, JsonResponse
from django.urls import reverse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from projects import codes
from projects.errors import ProjectError

# Of these the framework knows better what is wrong than a sentence that fits them all.
TOLD_BY_THE_FRAMEWORK = ("parse_error",)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The response for an expected error; None for a bug, which `page_of_a_fault` answers."""
    request = context["request"]
    if isinstance(error, ProjectError):
        set_rollback()
        detail = {"at": error.at} if error.at is not None else None
        told = body(error.code, error.message, field=error.field, detail=detail)
        return Response(told, status=error.status)
    if isinstance(error, RequestDataTooBig):
        return Response(_too_large(), status=codes.CODES["body_too_large"].status)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        response.data = _invalid(error)
    elif isinstance(error, exceptions.APIException):
        code = str(error.detail.code) if isinstance(error.detail, exceptions.ErrorDetail) else error.default_code
        message = str(error.detail) if code in TOLD_BY_THE_FRAMEWORK else _sentence(code, request)
        response.data = body(code, message)
    return response


def body(code: str, message: str, *, field: str = "", detail: Any = None) -> dict[str, Any]:
    """The error body. `docs` is where on this server the code is explained."""
    docs = reverse("api:error", args=[code])
    return {"code": code, "message": message, "field": field or None, "detail": detail, "docs": docs}


def refusal(code: str) -> JsonResponse:
    """The same for what is refused before a view of the API is reached, or after one has failed."""
    known = codes.CODES[code]
    return JsonResponse(body(code, known.message), status=known.status)


def _too_large() -> dict[str, Any]:
    limit = (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) / 2**20
    return body("body_too_large", codes.CODES["body_too_large"].message.format(limit=f"{limit:g}"))


def _sentence(code: str, request: Request) -> str:
    return codes.CODES[code].message.replace("{method}", str(request.method))


def _invalid(error: exceptions.ValidationError) -> dict[str, Any]:
    """The first problem as the message, all of them as the detail."""
    field = ""
    problem: Any = error.detail
    if isinstance(problem, dict):
        field, problem = next(iter(problem.items()))
    while isinstance(problem, (list, dict)) and problem:
        problem = problem[0] if isinstance(problem, list) else next(iter(problem.values()))
    named = "" if field == "non_field_errors" else str(field)
    return body("invalid", str(problem), field=named, detail=error.detail)
