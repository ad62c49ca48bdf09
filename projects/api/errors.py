"""The body of every error: {code, message, field, detail, docs}."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from projects.errors import ProjectError


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The response for an expected error; None for a bug, which Django reports."""
    if isinstance(error, ProjectError):
        set_rollback()
        detail = {"at": error.at} if error.at is not None else None
        return Response(body(error.code, error.message, field=error.field, detail=detail), status=error.status)
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
        response.data = body(str(error.get_codes()), str(error.detail))
    return response


def body(code: str, message: str, *, field: str = "", detail: Any = None) -> dict[str, Any]:
    """The error body. `docs` is a place in the documentation, empty for now."""
    return {"code": code, "message": message, "field": field or None, "detail": detail, "docs": ""}


def _invalid(error: exceptions.ValidationError) -> dict[str, Any]:
    """The first problem as the message, all of them as the detail."""
    field = ""
    problem: Any = error.detail
    if isinstance(problem, dict):
        field, problem = next(iter(problem.items()))
    while isinstance(problem, (list, dict)) and problem:
        problem = problem[0] if isinstance(problem, list) else next(iter(problem.values()))
    return body("invalid", str(problem), field="" if field == "non_field_errors" else str(field), detail=error.detail)
