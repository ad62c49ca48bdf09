"""The API's views of a project's people: members, roles and invitations."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, memberships
from projects.api import serializers
from projects.api.answers import given, listed, one, person
from projects.models import Role


@api_view(["GET"])
def members(request: Request, project_id: UUID) -> Response:
    """Everybody in the project, its owner first."""
    row = access.project_for(request.user, project_id)
    return listed(request, memberships.members(row), serializers.MemberShape)


@api_view(["PATCH", "DELETE"])
def member(request: Request, project_id: UUID, user_id: int) -> Response:
    """For the owner: give a member another role, or remove them. Everybody may remove themselves."""
    user = person(request)
    if request.method == "DELETE" and user_id == user.pk:
        memberships.leave(project=access.project_for(user, project_id), user=user)
        return Response(status=status.HTTP_204_NO_CONTENT)
    row = access.membership_in(access.owned_project_for(user, project_id), user_id)
    if request.method == "DELETE":
        memberships.remove(membership=row, by=user)
        return Response(status=status.HTTP_204_NO_CONTENT)
    wanted = given(serializers.NewRole(data=request.data))
    memberships.change_role(membership=row, role=wanted["role"], by=user)
    return Response(serializers.MemberShape(memberships.Member(row.user, Role(row.role), row.joined_at)).data)


@api_view(["POST"])
def hand_over(request: Request, project_id: UUID, user_id: int) -> Response:
    """For the owner: make a member the owner, and be an editor from then on."""
    user = person(request)
    row = access.owned_project_for(user, project_id)
    memberships.hand_over(project=row, to=access.membership_in(row, user_id).user, by=user)
    return one(request, access.project_for(user, project_id), serializers.ProjectShape)


@api_view(["GET", "POST"])
def invitations(request: Request, project_id: UUID) -> Response:
    """For the owner: the open invitations, or a new one, whose link is told this once."""
    user = person(request)
    row = access.owned_project_for(user, project_id)
    if request.method == "GET":
        return listed(request, memberships.open_invitations(row), serializers.InvitationShape)
    wanted = given(serializers.NewRole(data=request.data))
    made, token = memberships.invite(project=row, role=wanted["role"], by=user)
    answer = one(request, made, serializers.InvitationShape, status.HTTP_201_CREATED)
    answer.data |= {"token": token, "link": request.build_absolute_uri(reverse("pages:join", args=[token]))}
    return answer


@api_view(["DELETE"])
def invitation(request: Request, project_id: UUID, invitation_id: UUID) -> Response:
    """For the owner: close a link."""
    user = person(request)
    row = access.owned_project_for(user, project_id)
    memberships.revoke(invitation=access.invitation_in(row, invitation_id), by=user)
    return Response(status=status.HTTP_204_NO_CONTENT)


@api_view(["POST"])
def join(request: Request) -> Response:
    """Use an invitation."""
    user = person(request)
    joined = memberships.accept(token=given(serializers.Token(data=request.data))["token"], user=user)
    return one(request, access.project_for(user, joined.pk), serializers.ProjectShape)
