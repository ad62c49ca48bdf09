"""A person's account: language, password, API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from projects import accounts
from projects.errors import ProjectError
from projects.forms import TokenForm
from projects.pages.people import signed_in


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """The account's page."""
    return render(request, "pages/account.html", _context(request))


@require_POST
@sensitive_post_parameters()
def change_password(request: HttpRequest) -> HttpResponse:
    """Take a new password; the person stays signed in here and nowhere else."""
    form = _password_form(signed_in(request), request.POST)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
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
    form.fields["old_password"].widget.attrs.pop("autofocus", None)  # it is one of three things on the page
    return form


def _context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    user = signed_in(request)
    return {"form": _password_form(user), "tokens": accounts.tokens_of(user), "token_form": TokenForm()} | more
