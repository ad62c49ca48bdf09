"""A person's webhooks: where they lead, what was sent there, and sending it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects import access, webhooks
from projects.errors import ProjectError
from projects.models import WebhookEndpoint
from projects.pages.paging import page_of
from projects.pages.people import signed_in
from projects.webhook_forms import WebhookForm

PAGE_SIZE = 30


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def endpoints(request: HttpRequest) -> HttpResponse:
    """All of the person's webhooks; or a new one, whose secret is shown this once."""
    user = signed_in(request)
    form = WebhookForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made, secret = webhooks.add(owner=user, url=given["url"], project=given["project"], kinds=given["kinds"])
        except ProjectError as error:
            form.add_error("url" if error.field == "url" else None, error.message)
        else:
            return render(request, "pages/webhook.html", _context(request, made, new_secret=secret))
    rows = access.webhooks_of(user)
    context = {"webhooks": rows, "form": form, "is_on": settings.WEBHOOKS}
    return render(request, "pages/webhooks.html", context, status=422 if form.errors else 200)


@require_safe
def endpoint(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One webhook with what was sent."""
    return render(request, "pages/webhook.html", _context(request, access.webhook_for(signed_in(request), webhook_id)))


@require_POST
def change(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Give it another address or other events."""
    user = signed_in(request)
    row = access.webhook_for(user, webhook_id)
    form = WebhookForm(user, request.POST, fixed=True)
    if form.is_valid():
        try:
            webhooks.change(endpoint=row, by=user, **form.cleaned_data)
        except ProjectError as error:
            form.add_error("url" if error.field == "url" else None, error.message)
        else:
            messages.success(request, _("The webhook is changed."))
            return redirect("pages:webhook", row.pk)
    return render(request, "pages/webhook.html", _context(request, row, form=form), status=422)


@require_POST
@never_cache
def change_secret(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Make another secret and show it, this once."""
    user = signed_in(request)
    row = access.webhook_for(user, webhook_id)
    secret = webhooks.change_secret(endpoint=row, by=user)
    return render(request, "pages/webhook.html", _context(request, row, new_secret=secret))


@require_POST
def remove(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Tell it nothing more."""
    user = signed_in(request)
    webhooks.remove(endpoint=access.webhook_for(user, webhook_id), by=user)
    messages.success(request, _("The webhook is removed."))
    return redirect("pages:webhooks")


@require_POST
def ping(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a test message."""
    user = signed_in(request)
    row = access.webhook_for(user, webhook_id)
    try:
        webhooks.ping(endpoint=row, by=user)
    except ProjectError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("A test message is on its way. It appears below."))
    return redirect("pages:webhook", row.pk)


@require_POST
def pause(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send nothing for a while."""
    user = signed_in(request)
    row = access.webhook_for(user, webhook_id)
    webhooks.pause(endpoint=row, by=user)
    return redirect("pages:webhook", row.pk)


@require_POST
def resume(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Go on."""
    user = signed_in(request)
    row = access.webhook_for(user, webhook_id)
    webhooks.resume(endpoint=row, by=user)
    return redirect("pages:webhook", row.pk)


@require_POST
def replay(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send a message once more."""
    user = signed_in(request)
    row = access.webhook_for(user, webhook_id)
    try:
        webhooks.replay(delivery=access.delivery_in(row, delivery_id), by=user)
    except ProjectError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The message is sent once more. It appears below."))
    return redirect("pages:webhook", row.pk)


def _context(request: HttpRequest, row: WebhookEndpoint, **more: Any) -> dict[str, Any]:
    form = WebhookForm(signed_in(request), fixed=True, initial={"url": row.url, "kinds": row.kinds})
    deliveries = page_of(request, access.deliveries_of(row), PAGE_SIZE)
    return {"webhook": row, "form": form, "deliveries": deliveries, "is_on": settings.WEBHOOKS} | more
