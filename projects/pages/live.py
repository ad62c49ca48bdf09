"""Parts of pages that ask for themselves every few seconds: told that nothing has changed, they stay as they are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.cache import never_cache

Given = ParamSpec("Given")
View = Callable[Concatenate[HttpRequest, Given], HttpResponse]
# Hidden fields that are drawn anew for every answer; those of the answer before still hold.
DRAWN = re.compile(rb'<input type="hidden" name="(?:csrfmiddlewaretoken|once)" value="[^"]*">')


def polled(view: View[Given]) -> View[Given]:
    """Give the answer a name by its content, and answer 304 to whoever has that content already. Nothing keeps it."""

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, /, *args: Given.args, **kwargs: Given.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code != 200:
            return response
        name = f'"{hashlib.sha256(DRAWN.sub(b"", response.content)).hexdigest()[:32]}"'
        if request.headers.get("If-None-Match") == name:
            response = HttpResponseNotModified()
        response["ETag"] = name
        return response

    return answer
