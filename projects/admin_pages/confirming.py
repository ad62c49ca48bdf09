"""Actions that remove things or stop them ask first, on a page that says how many, how large and what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

if TYPE_CHECKING:
    from django import forms

    from projects.admin_pages.base import ModelAdmin

CONFIRMED, FROM_ROW = "confirmed", "from_row"
LINES_SHOWN = 50


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the page has been answered with yes."""
    return request.method == "POST" and CONFIRMED in request.POST


def ask(
    page: ModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    button: str,
    count: int,
    lines: Iterable[Any] = (),
    explanation: str = "",
    size: int | None = None,
    form: forms.Form | None = None,
    keep: Sequence[str] = (),
    back: str = "",
) -> HttpResponse:
    """The page that asks. Its button sends the same request again, with `confirmed` and what the form holds.

    lines: what is concerned, of which the first are shown; size: bytes, together; keep: further names that are sent again;
    back: where "No" leads, else the list
    """
    shown = list(islice(lines, LINES_SHOWN))
    kept = ("action", "select_across", FROM_ROW, ACTION_CHECKBOX_NAME, *keep)
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": title,
        "button": button,
        "explanation": explanation,
        "count": count,
        "lines": shown,
        "further": count - len(shown),
        "size": size,
        "form": form,
        "hidden": [(name, value) for name in kept for value in request.POST.getlist(name)],
        "confirmed": CONFIRMED,
        "back": back or _row_page(page, request) or request.get_full_path(),
    }
    return TemplateResponse(request, "admin/confirm.html", context)


def _row_page(page: ModelAdmin, request: HttpRequest) -> str:
    """The page on whose button the question was asked, if it was on a row's."""
    ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
    name = f"admin:{page.opts.app_label}_{page.opts.model_name}_change"
    return reverse(name, args=ids[:1]) if FROM_ROW in request.POST and ids else ""
