"""Coming in and going out: sign-in, sign-out, a forgotten password, and the first account through the one-time link."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from projects import accounts, audit, passwords
from projects.errors import ProjectError
from projects.forms import SetUpForm, SignInForm
from projects.guesses import TooManyGuesses
from projects.pages.people import come_in, remember_guess
from projects.person_forms import ForgottenForm


class SignIn(views.LoginView):
    """Name and password; too many wrong ones are told to wait."""

    template_name = "pages/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    extra_context = {"someone_can_sign_in": accounts.someone_can_sign_in}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Come in; what the browser says of language and time is kept for whoever has chosen nothing."""
        answer = super().form_valid(form)
        remember_guess(self.request)
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """The page again, with the cause."""
        response = super().form_invalid(form)
        wait = getattr(form, "wait", 0)
        response.status_code = 429 if wait else 422
        if wait:
            response["Retry-After"] = str(wait)
        return response


sign_in = SignIn.as_view()
sign_out = views.LogoutView.as_view(next_page=reverse_lazy("pages:sign_in"))


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link to a new password. The answer is the same whether or not anybody has the address."""
    form = ForgottenForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "mail_is_on": passwords.mail_is_on()}
    if request.method == "POST" and form.is_valid():
        try:
            passwords.ask(request, form.cleaned_data["email"])
        except TooManyGuesses as refusal:
            form.add_error(None, refusal.message)
            answer = render(request, "pages/forgotten.html", context, status=429)
            answer["Retry-After"] = str(refusal.wait)
            return answer
        return render(request, "pages/forgotten.html", context | {"asked": True})
    return render(request, "pages/forgotten.html", context, status=422 if form.errors else 200)


class NewPassword(views.PasswordResetConfirmView):
    """A new password, for whoever has the one-time link."""

    template_name = "pages/new_password.html"
    success_url = reverse_lazy("pages:sign_in")

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        """Keep it; sessions that were open with the old one end."""
        with transaction.atomic():
            answer = super().form_valid(form)
            audit.record("account.password_reset", form.user)
        messages.success(self.request, _("The password is changed. Sign in with it."))
        return answer


new_password = NewPassword.as_view()


@login_not_required
@sensitive_post_parameters("password", "repeated")
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first account."""
    if not accounts.setup_is_open(token):
        return render(request, "pages/set_up_closed.html", status=404)
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, password = form.cleaned_data["username"], form.cleaned_data["password"]
        try:
            user = accounts.create_first_administrator(token=token, username=name, password=password)
        except ProjectError as error:
            form.add_error(error.field or None, error.message)
        else:
            come_in(request, user)
            return redirect("pages:quick_render")
    return render(request, "pages/set_up.html", {"form": form}, status=422 if form.errors else 200)
