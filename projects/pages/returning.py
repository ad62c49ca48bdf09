"""Where a form leads back to: what it says, while that is a page of ours, or the page that it stands on."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def next_of(request: HttpRequest, otherwise: str) -> str:
    """The path in the form's `next`."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if wanted.startswith("/") and safe else otherwise


def page_before(request: HttpRequest) -> str:
    """The page of ours on which a form was sent; the start where the browser does not say."""
    try:
        _scheme, host, path, query, _fragment = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    return f"{path}?{query}".removesuffix("?") if host == request.get_host() else "/"
