"""The API's description as a page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Every address of the API, to read and to try out as whoever is signed in."""
    return render(request, "pages/api_docs.html")
