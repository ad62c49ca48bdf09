"""A person's account: who they are, language and time, mails, password, API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from projects import accounts, audit, passwords, preferences
from projects.errors import ProjectError
from projects.models import Preferences
from projects.pages.people import signed_in
from projects.person_forms import DescriptionForm, MailsForm, TimeZoneForm, TokenForm


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """The account's page."""
    return render(request, "pages/account.html", _context(request))


@require_POST
@sensitive_post_parameters("you-password")
def describe(request: HttpRequest) -> HttpResponse:
    """Take name and address."""
    user = signed_in(request)
    form = DescriptionForm(request.POST, prefix="you")
    if form.is_valid():
        try:
            preferences.describe(user, **form.cleaned_data)
        except ProjectError as error:
            form.add_error(error.field or None, error.message)
        else:
            return _saved(request)
    return render(request, "pages/account.html", _context(request, description=form), status=422)


@require_POST
def choose_time_zone(request: HttpRequest) -> HttpResponse:
    """Take a time zone."""
    form = TimeZoneForm(request.POST)
    if form.is_valid():
        preferences.choose_time_zone(signed_in(request), form.cleaned_data["time_zone"])
        return _saved(request)
    return render(request, "pages/account.html", _context(request, time_zone=form), status=422)


@require_POST
def choose_mails(request: HttpRequest) -> HttpResponse:
    """Take what shall be told by mail."""
    form = MailsForm(request.POST)
    if form.is_valid():
        preferences.choose_mails(signed_in(request), form.cleaned_data["mails"])
        return _saved(request)
    return render(request, "pages/account.html", _context(request, mails=form), status=422)


@login_not_required
def language(request: HttpRequest) -> HttpResponseBase:
    """Speak another language: in this browser, and to the person from now on."""
    answer = set_language(request)
    chosen = request.POST.get("language")
    if chosen and isinstance(request.user, User):
        preferences.choose_language(request.user, chosen)
    return answer


@require_POST
@sensitive_post_parameters()
def change_password(request: HttpRequest) -> HttpResponse:
    """Take a new password; the person stays signed in here and nowhere else."""
    form = _password_form(signed_in(request), request.POST)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        audit.record("account.password_changed", signed_in(request))
        messages.success(request, _("The password is changed."))
        return redirect("pages:account")
    return render(request, "pages/account.html", _context(request, form=form), status=422)


@require_POST
@never_cache
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show it, this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return render(request, "pages/account.html", _context(request, token_form=form), status=422)
    wanted = form.cleaned_data
    try:
        token, _row = accounts.create_token(
            user=signed_in(request), name=wanted["token_name"], scopes=wanted["scopes"], days=wanted["days"]
        )
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:account")
    return render(request, "pages/account.html", _context(request, new_token=token))


@require_POST
def revoke_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """End a token."""
    accounts.revoke_token(user=signed_in(request), token_id=token_id)
    messages.success(request, _("The token no longer works."))
    return redirect("pages:account")


def _password_form(user: User, data: QueryDict | None = None) -> PasswordChangeForm:
    form = PasswordChangeForm(user, data)
    if data is None:  # it is one of three things on the page; what was not taken shall be in sight
        form.fields["old_password"].widget.attrs.pop("autofocus", None)
    return form


def _saved(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Saved."))
    return redirect("pages:account")


def _context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    user = signed_in(request)
    chosen = preferences.of(user) or Preferences(user=user)
    context = {
        "form": _password_form(user),
        "tokens": accounts.tokens_of(user),
        "token_form": TokenForm(),
        "description": DescriptionForm.of(user),
        "time_zone": TimeZoneForm(initial={"time_zone": chosen.time_zone}),
        "mails": MailsForm(initial={"mails": chosen.mails}),
        "mail_is_on": passwords.mail_is_on(),
    }
    return context | more
