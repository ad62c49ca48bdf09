"""Coming in and going out: sign-in, sign-out, and the first account through the one-time link."""

from __future__ import annotations

from django.contrib.auth import login, views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from projects import accounts
from projects.errors import ProjectError
from projects.forms import SetUpForm, SignInForm


class SignIn(views.LoginView):
    """Name and password; too many wrong ones are told to wait."""

    template_name = "pages/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    extra_context = {"someone_can_sign_in": accounts.someone_can_sign_in}

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
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("pages:quick_render")
    return render(request, "pages/set_up.html", {"form": form}, status=422 if form.errors else 200)
