"""What API views have in common: who asks, what was given, and rows as answers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from projects.api.pagination import Pages


def person(request: Request) -> User:
    """Who asks; the permissions have let nobody else through."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def given(shape: BaseSerializer[Any]) -> dict[str, Any]:
    """What was sent, once it is valid."""
    shape.is_valid(raise_exception=True)
    return dict(shape.validated_data)


def one(request: Request, row: Model, shape: type[BaseSerializer[Any]], code: int = 200) -> Response:
    """One row."""
    return Response(shape(row, context={"request": request}).data, status=code)


def listed(request: Request, rows: QuerySet[Any] | list[Any], shape: type[BaseSerializer[Any]]) -> Response:
    """One page of rows."""
    pages = Pages()
    page = pages.paginate_queryset(rows, request)
    return pages.get_paginated_response(shape(page, many=True, context={"request": request}).data)
