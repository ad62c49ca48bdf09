"""The administration's site: whose pages have which rules for scripts, which door leads in, and its first page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from projects import accounts

if TYPE_CHECKING:
    Site = admin.AdminSite
else:
    from unfold.sites import UnfoldAdminSite as Site


class Administration(Site):
    """Django's admin in the theme of django-unfold."""

    login_template = "pages/sign_in.html"  # the pages' own door, under the pages' own rules
    index_title = "Overview"
    enable_nav_sidebar = True

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page for those who may enter, under the rules that the theme needs. The door keeps the strict ones."""
        guarded = super().admin_view(view, cacheable)
        loosened = csp_replace(settings.ADMINISTRATION_POLICY)(guarded)

        @wraps(guarded)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            chosen: Callable[..., HttpResponseBase] = loosened if self.has_permission(request) else guarded
            return chosen(request, *args, **kwargs)

        return answer

    @method_decorator((login_not_required, never_cache))
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The door."""
        return super().login(request, {"someone_can_sign_in": accounts.someone_can_sign_in} | (extra_context or {}))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page is given. Colours are in static/css/admin.css: here they would become a style element."""
        return super().each_context(request) | {"colors": {}}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The overview."""
        from projects.admin_pages import dashboard  # noqa: PLC0415 - it needs the models, which are not there yet

        return super().index(request, {"cards": dashboard.cards(request)} | (extra_context or {}))
