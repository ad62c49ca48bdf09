"""What is done for every request: HEAD is answered without a body, a page is compressed, a body that is too large is refused
before it is read, a missing last slash is added, an address of forms alone says so to whoever opens it, who is not signed in is
sent to sign in, the reader's language and time zone are taken, and the audit log is told who asks from where."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from projects import audit, guesses, preferences, storage
from projects.api import errors
from projects.errors import NoRoom
from projects.pages.returning import page_before

FORM_ROOM_BYTES = 2**20
ZONE_COOKIE = "zone"  # what static/js/zone.js says of the browser


class HeadMiddleware:
    """Answers HEAD with headers alone: a web server drops the body, but only after a file was read or a ZIP was made for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; the length that was stated stays."""
        response = self.get_response(request)
        if request.method == "HEAD":
            if isinstance(response, StreamingHttpResponse):
                response.streaming_content = ()
            elif isinstance(response, HttpResponse):
                response.content = b""
        return response


class CompressPagesMiddleware(GZipMiddleware):
    """Compresses pages and parts of pages, to a tenth of their bytes on a slow line; files and API answers go as they are.

    Django's own, which adds bytes of a random number, so that nobody learns from the length what stands in the page (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress it, if it is a page."""
        is_page = response.get("Content-Type", "").startswith("text/html") and not response.streaming
        return super().process_response(request, response) if is_page else response


class UploadSizeMiddleware:
    """Answers by the stated length alone: 413, and who is not signed in is sent to sign in, for to look for the word in a form
    that other sites do not know means to put its files on the disk. The API has no need of that, and asks who it is first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, or refuse it."""
        largest = max(settings.LARGEST_CLIP_BYTES, settings.LARGEST_TRACK_BYTES)
        try:
            stated = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            stated = 0
        is_api = request.path.startswith("/api/")
        if stated > FORM_ROOM_BYTES and not is_api and SESSION_KEY not in request.session:
            return redirect_to_login(page_before(request))
        if stated <= largest + FORM_ROOM_BYTES:
            return (_without_room(request, stated) if is_api else None) or self.get_response(request)
        message = _("The file is larger than {limit} MB. Cut it or export it smaller, then try again.").format(
            limit=largest // 2**20
        )
        if is_api:
            return JsonResponse(errors.body("too_large", message, field="file"), status=413)
        return render(request, "413.html", {"message": message}, status=413)


class SlashMiddleware(CommonMiddleware):
    """Leads to the address with its last slash. Django's own, by which clients make a GET of whatever was sent."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Have method and body kept, so that no script takes a list for the answer to what it posted."""
        response = super().process_response(request, response)
        if response.status_code == HTTPStatus.MOVED_PERMANENTLY and request.method not in ("GET", "HEAD"):
            response.status_code = HTTPStatus.PERMANENT_REDIRECT
        return response


class OpenedMiddleware:
    """Shows a page to whoever opens an address that takes forms alone: of Django's empty answer a browser shows nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        response = self.get_response(request)
        is_opened = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or not is_opened or request.path.startswith("/api/"):
            return response
        page = render(request, "405.html", status=response.status_code)
        page["Allow"] = response["Allow"]
        return page


class SignInMiddleware(LoginRequiredMiddleware):
    """Sends who is not signed in to sign in; a part that a page asks for is answered 401, not by a whole page in its place."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[Any, Any],
    ) -> HttpResponseBase | None:
        """Let it through, or refuse it."""
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        if refused and "HX-Request" in request.headers:
            return HttpResponse(status=401)
        # What a form was sent to is no page: the way back leads to the one that the form stands on.
        return redirect_to_login(page_before(request)) if refused and request.method == "POST" else refused


class ReaderMiddleware:
    """Speaks the language that the signed-in person has chosen, and shows times in their zone or the browser's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        chosen = preferences.of(request.user)
        if chosen and chosen.language:
            translation.activate(chosen.language)
            request.LANGUAGE_CODE = chosen.language
        name = (chosen and chosen.time_zone) or request.COOKIES.get(ZONE_COOKIE, "")
        with timezone.override(preferences.zone_named(name)):
            return self.get_response(request)


class WhoAsksMiddleware:
    """Lets the audit log know whose request is being answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        with audit.asked_by(request, guesses.address_of(request)):
            return self.get_response(request)


def _without_room(request: HttpRequest, stated: int) -> HttpResponse | None:
    """The refusal of a file that comes in one piece and would fill the disk before anybody has looked at it. Pages send files
    in many pieces."""
    if stated > FORM_ROOM_BYTES and request.content_type == "multipart/form-data":
        try:
            storage.require_room(stated)
        except NoRoom as error:
            return JsonResponse(errors.body(error.code, error.message, field="file"), status=error.status)
    return None
