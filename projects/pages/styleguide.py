"""The style guide, for staff: tokens with their measured contrast, and every part in every state."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from projects.pages import specimens, tokens
from projects.pages.people import signed_in


@require_safe
@never_cache
def styleguide(request: HttpRequest) -> HttpResponse:
    """All of it; `theme` in the query shows it in one theme, whatever the machine is set to."""
    if not signed_in(request).is_staff:
        raise Http404
    theme = request.GET.get("theme", "")
    context = {
        "theme": theme if theme in tokens.THEMES else "",
        "greys": tokens.names("grey-"),
        "colours": tokens.names("accent", "good", "warning", "bad", "ground", "surface", "sunken", "hairline", "edge", "stage"),
        "pairs": tokens.pairs(),
        "sizes": [(name, tokens.values()[name]) for name in tokens.names("size-")],
        "spaces": [(name, tokens.values()[name]) for name in tokens.names("space-")],
        "shown": specimens.shown(request),
    }
    return render(request, "pages/styleguide.html", context)
