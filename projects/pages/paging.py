"""Long lists in pages: rows and a request go in, the page asked for comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest

from projects.paging import Pager


def page_of(request: HttpRequest, rows: QuerySet[Any] | Sequence[Any], size: int, name: str = "page") -> Page[Any]:
    """The page that `?page=`, or what it is called there, names; the first or last one where it names none that there is."""
    return Pager(rows, size).get_page(request.GET.get(name))
