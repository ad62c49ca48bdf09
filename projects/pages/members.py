"""The people of a project: who they are, what they may do, links that invite more, and the door behind such a link."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects import access, memberships
from projects.errors import ProjectError
from projects.forms import RoleForm, SetUpForm
from projects.models import Invitation, Project
from projects.pages.people import come_in, name_of, signed_in


@require_safe
def members(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Everybody in the project."""
    return render(request, "pages/members.html", _context(access.project_for(signed_in(request), project_id)))


@require_POST
@never_cache
def invite(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Make a link that lets one person in, and show it, this once."""
    user = signed_in(request)
    row = access.owned_project_for(user, project_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return render(request, "pages/members.html", _context(row, form=form), status=422)
    try:
        _invitation, token = memberships.invite(project=row, role=form.cleaned_data["role"], by=user)
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:members", row.pk)
    link = request.build_absolute_uri(reverse("pages:join", args=[token]))
    return render(request, "pages/members.html", _context(row, new_link=link, form=form))


@require_POST
def revoke_invitation(request: HttpRequest, project_id: UUID, invitation_id: UUID) -> HttpResponse:
    """Close a link."""
    user = signed_in(request)
    row = access.owned_project_for(user, project_id)
    memberships.revoke(invitation=access.invitation_in(row, invitation_id), by=user)
    messages.success(request, _("The link no longer works."))
    return redirect("pages:members", row.pk)


@require_POST
def change_role(request: HttpRequest, project_id: UUID, user_id: int) -> HttpResponse:
    """Make an editor of a viewer, or the other way round."""
    user = signed_in(request)
    row = access.owned_project_for(user, project_id)
    member = access.membership_in(row, user_id)
    try:
        memberships.change_role(membership=member, role=request.POST.get("role", ""), by=user)
    except ProjectError as error:
        messages.error(request, error.message)
    return redirect("pages:members", row.pk)


@require_POST
def remove_member(request: HttpRequest, project_id: UUID, user_id: int) -> HttpResponse:
    """End a member's part in the project."""
    user = signed_in(request)
    row = access.owned_project_for(user, project_id)
    member = access.membership_in(row, user_id)
    memberships.remove(membership=member, by=user)
    messages.success(request, _("%(name)s is no longer in the project.") % {"name": name_of(member.user)})
    return redirect("pages:members", row.pk)


@require_POST
def hand_over(request: HttpRequest, project_id: UUID, user_id: int) -> HttpResponse:
    """Make a member the owner."""
    user = signed_in(request)
    row = access.owned_project_for(user, project_id)
    member = access.membership_in(row, user_id)
    try:
        memberships.hand_over(project=row, to=member.user, by=user)
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:members", row.pk)
    messages.success(request, _("%(name)s owns the project now; you are an editor.") % {"name": name_of(member.user)})
    return redirect("pages:members", row.pk)


@require_POST
def leave(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """End my own part in the project."""
    user = signed_in(request)
    row = access.project_for(user, project_id)
    try:
        memberships.leave(project=row, user=user)
    except ProjectError as error:
        messages.error(request, error.message)
        return redirect("pages:members", row.pk)
    messages.success(request, _("You have left %(name)s.") % {"name": row.name})
    return redirect("pages:projects")


@login_not_required
@never_cache
@sensitive_post_parameters("password", "repeated")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Use an invitation: with one's account, or with a new one."""
    invitation = memberships.invitation_of(token)
    if invitation is None:
        return render(request, "pages/join_closed.html", status=404)
    if isinstance(request.user, User):
        return _join_as(request, request.user, invitation, token)
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, password = form.cleaned_data["username"], form.cleaned_data["password"]
        try:
            user, project = memberships.accept_as_new(token=token, username=name, password=password)
        except ProjectError as error:
            form.add_error(error.field or None, error.message)
        else:
            come_in(request, user)
            return redirect("pages:project", project.pk)
    context = {"form": form, "invitation": invitation}
    return render(request, "pages/join.html", context, status=422 if form.errors else 200)


def _join_as(request: HttpRequest, user: User, invitation: Invitation, token: str) -> HttpResponse:
    """Let somebody with an account in, once they have said so."""
    if request.method == "POST":
        try:
            return redirect("pages:project", memberships.accept(token=token, user=user).pk)
        except ProjectError:  # somebody else was quicker
            return render(request, "pages/join_closed.html", status=404)
    return render(request, "pages/join.html", {"invitation": invitation})


def _context(row: Project, **more: Any) -> dict[str, Any]:
    context: dict[str, Any] = {"project": row, "tab": "members", "members": memberships.members(row), "form": RoleForm()}
    if row.is_owned:
        context["invitations"] = memberships.open_invitations(row)
    return context | more
