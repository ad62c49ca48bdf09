"""Projects, and the people in them: members, roles and invitations."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, library, memberships
from projects.api.endpoints import Endpoint, given, one, operation, person
from projects.api.lists import Asked, asked, listed, whole
from projects.api.shapes import EXAMPLE_HOST, Id, Sent, Shape, Time, told
from projects.models import Role, Scope
from projects.models.library import NAME_LENGTH
from projects.models.memberships import INVITED_AS

MANAGE, READ = {Scope.MANAGE}, {Scope.READ}
INVITED = [(role.value, role.label) for role in INVITED_AS]
OF_A_ROLE = told("What they may do: an editor add, render and delete, a viewer look and download.", "editor")


class ProjectShape(Shape):
    """A project, and what the asker is in it."""

    id = Id("Names the project in all addresses.")
    name = serializers.CharField(**told("What it is called.", "Course"))
    role = serializers.ChoiceField(choices=Role.choices, **told("What the asker is in it.", "owner"))
    created_at = Time("When it was made.")


class NewProject(Sent):
    """What a project is made from."""

    name = serializers.CharField(max_length=NAME_LENGTH, **told("What it is to be called.", "Course"))


class MemberShape(Shape):
    """One person of a project."""

    user = serializers.IntegerField(source="user.pk", **told("Names the person in addresses.", 12))
    name = serializers.CharField(source="user.username", **told("Their user name.", "ada"))
    role = serializers.ChoiceField(choices=Role.choices, **OF_A_ROLE)
    since = Time("When they joined, or of the owner when the project was made.")


class InvitationShape(Shape):
    """An open invitation; its link was shown when it was made."""

    id = Id("Names the invitation in addresses.")
    role = serializers.ChoiceField(choices=INVITED, **OF_A_ROLE)
    created_at = Time("When it was made.")
    expires_at = Time("When it stops working, a week later.", "2026-03-21T09:26:53Z")


class NewInvitationShape(InvitationShape):
    """A new invitation, with what is told this once."""

    token = serializers.CharField(**told("For `POST invitations/accept/`.", "q8Vn3yTq0kFZ"))
    link = serializers.CharField(**told("For a person to open in a browser.", f"{EXAMPLE_HOST}/join/q8Vn3yTq0kFZ/"))


class NewRole(Sent):
    """What somebody is to be in a project."""

    role = serializers.ChoiceField(choices=INVITED, **OF_A_ROLE)


class Invited(Sent):
    """The last part of an invitation's link."""

    token = serializers.CharField(max_length=200, **told("The last part of the link.", "q8Vn3yTq0kFZ"))


class ProjectsAsked(Asked):
    """What the list of projects may be asked for."""

    orders, usual, narrows = {"name": "name", "created_at": "created_at"}, "name", {"search": "name__icontains"}

    search = serializers.CharField(required=False, **told("Only those with this in their name.", "Course"))


class PeopleAsked(Asked):
    """What the list of members may be asked for; it stays on one page."""


class InvitationsAsked(Asked):
    """What the list of invitations may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"


class Projects(Endpoint):
    """All of a person's projects."""

    @operation("List projects", scope=READ, asks=ProjectsAsked, answers=ProjectShape, many=True)
    def get(self, request: Request) -> Response:
        """The projects that the asker owns or is a member of."""
        return listed(request, access.projects_of(request.user), ProjectShape, asked(request, ProjectsAsked))

    @operation(
        "Make a project",
        scope=MANAGE,
        takes=NewProject,
        answers=ProjectShape,
        status=201,
        refuses=("no_name",),
        example={"name": "Course"},
    )
    def post(self, request: Request) -> Response:
        """A new project, owned by the asker."""
        wanted = given(NewProject(data=request.data))
        made = library.add_project(owner=person(request), name=wanted["name"])
        return one(request, access.project_for(request.user, made.pk), ProjectShape, status.HTTP_201_CREATED)


class OneProject(Endpoint):
    """One project."""

    @operation("Show a project", scope=READ, answers=ProjectShape)
    def get(self, request: Request, project_id: UUID) -> Response:
        """One project, and what the asker is in it."""
        return one(request, access.project_for(request.user, project_id), ProjectShape)


class Members(Endpoint):
    """The people of a project."""

    @operation("List the members of a project", scope=READ, asks=PeopleAsked, answers=MemberShape, many=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Everybody in the project, its owner first; all on one page."""
        row = access.project_for(request.user, project_id)
        return whole(request, memberships.members(row), MemberShape, asked(request, PeopleAsked))


class OneMember(Endpoint):
    """One person's part in a project."""

    @operation(
        "Change a member's role",
        scope=MANAGE,
        takes=NewRole,
        answers=MemberShape,
        refuses=("not_allowed", "unknown_role", "not_a_member"),
        example={"role": "viewer"},
    )
    def patch(self, request: Request, project_id: UUID, user_id: int) -> Response:
        """For the owner: make an editor of a viewer, or the other way round."""
        user = person(request)
        row = access.membership_in(access.owned_project_for(user, project_id), user_id)
        memberships.change_role(membership=row, role=given(NewRole(data=request.data))["role"], by=user)
        return one(request, memberships.Member(row.user, Role(row.role), row.joined_at), MemberShape)

    @operation("Remove a member", scope=MANAGE, status=204, refuses=("not_allowed", "owner_stays", "not_a_member"))
    def delete(self, request: Request, project_id: UUID, user_id: int) -> Response:
        """For the owner: end somebody's part in the project. Everybody may end their own. What they made stays."""
        user = person(request)
        if user_id == user.pk:
            memberships.leave(project=access.project_for(user, project_id), user=user)
        else:
            row = access.membership_in(access.owned_project_for(user, project_id), user_id)
            memberships.remove(membership=row, by=user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class HandOver(Endpoint):
    """The project for somebody else."""

    @operation(
        "Hand a project over", scope=MANAGE, answers=ProjectShape, refuses=("not_allowed", "owner_changed", "not_a_member")
    )
    def post(self, request: Request, project_id: UUID, user_id: int) -> Response:
        """For the owner: make a member the owner, and be an editor from then on."""
        user = person(request)
        row = access.owned_project_for(user, project_id)
        memberships.hand_over(project=row, to=access.membership_in(row, user_id).user, by=user)
        return one(request, access.project_for(user, project_id), ProjectShape)


class Invitations(Endpoint):
    """The open links of a project."""

    @operation(
        "List invitations", scope=MANAGE, asks=InvitationsAsked, answers=InvitationShape, many=True, refuses=("not_allowed",)
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """For the owner: the links that still let somebody in."""
        rows = memberships.open_invitations(access.owned_project_for(request.user, project_id))
        return listed(request, rows, InvitationShape, asked(request, InvitationsAsked))

    @operation(
        "Invite somebody",
        scope=MANAGE,
        takes=NewRole,
        answers=NewInvitationShape,
        status=201,
        refuses=("not_allowed", "unknown_role", "too_many_invitations"),
        example={"role": "editor"},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """For the owner: a link that lets one person in within a week. It is told this once."""
        user = person(request)
        row = access.owned_project_for(user, project_id)
        made, token = memberships.invite(project=row, role=given(NewRole(data=request.data))["role"], by=user)
        answer = one(request, made, InvitationShape, status.HTTP_201_CREATED)
        answer.data |= {"token": token, "link": request.build_absolute_uri(reverse("pages:join", args=[token]))}
        return answer


class OneInvitation(Endpoint):
    """One link."""

    @operation("Revoke an invitation", scope=MANAGE, status=204, refuses=("not_allowed",))
    def delete(self, request: Request, project_id: UUID, invitation_id: UUID) -> Response:
        """For the owner: close a link. One that was used stays as it is."""
        user = person(request)
        row = access.owned_project_for(user, project_id)
        memberships.revoke(invitation=access.invitation_in(row, invitation_id), by=user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Join(Endpoint):
    """The way into somebody's project."""

    @operation(
        "Accept an invitation",
        scope=MANAGE,
        takes=Invited,
        answers=ProjectShape,
        refuses=("invitation_invalid",),
        example={"token": "q8Vn3yTq0kFZ"},
    )
    def post(self, request: Request) -> Response:
        """Join the project of an invitation. Who is in it already does not use the link up."""
        user = person(request)
        joined = memberships.accept(token=given(Invited(data=request.data))["token"], user=user)
        return one(request, access.project_for(user, joined.pk), ProjectShape)
