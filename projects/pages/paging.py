"""Long lists in pages: rows and a request go in, the page asked for comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest


def page_of(request: HttpRequest, rows: QuerySet[Any] | Sequence[Any], size: int) -> Page[Any]:
    """The page that `?page=` names; the first or last one where it names none that there is."""
    return Paginator(rows, size).get_page(request.GET.get("page"))
