"""Who takes part in a project: people are invited by link, join, get another role, leave; the project is handed over.

The owner is `Project.owner` and nothing else; everybody else has a membership. Every change holds the project's row, so that
of two at the same time the second sees what the first has done.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from projects import accounts, audit
from projects.errors import Conflict, Refused
from projects.models import Invitation, Membership, Project, Role
from projects.models.memberships import INVITED_AS

if TYPE_CHECKING:
    from django.contrib.auth.models import User

INVITATION_LIFE = timedelta(days=7)
MOST_OPEN_INVITATIONS = 100


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a project, the owner among them. since: when they joined, or when the project was made"""

    user: User
    role: Role
    since: datetime


def members(project: Project) -> list[Member]:
    """Everybody in the project: the owner, then the others as they joined."""
    others = project.memberships.select_related("user")
    owner = Member(project.owner, Role.OWNER, project.created_at)
    return [owner, *(Member(row.user, Role(row.role), row.joined_at) for row in others)]


def invite(*, project: Project, role: str, by: User) -> tuple[Invitation, str]:
    """A link that lets one person in, and its token, shown this once.

    Raises ProjectError `unknown_role`, `too_many_invitations`.
    """
    _require_role(role)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        _hold(project)
        if open_invitations(project).count() >= MOST_OPEN_INVITATIONS:
            text = _("{count} invitations are open. Revoke some first.").format(count=MOST_OPEN_INVITATIONS)
            raise Conflict("too_many_invitations", text)
        row = Invitation.objects.create(
            project=project,
            role=role,
            token_hash=accounts.hashed(token),
            created_by=by,
            expires_at=timezone.now() + INVITATION_LIFE,
        )
        audit.record("member.invited", row, by=by, role=role)
    return row, token


def open_invitations(project: Project) -> QuerySet[Invitation]:
    """The links that still let somebody in, newest first."""
    return Invitation.objects.open().filter(project=project).select_related("created_by")


def invitation_of(token: str) -> Invitation | None:
    """The open invitation behind a link, None when it no longer works."""
    rows = Invitation.objects.open().select_related("project", "created_by")
    return rows.filter(token_hash=accounts.hashed(token)).first()


def revoke(*, invitation: Invitation, by: User) -> None:
    """Close a link. One that was used stays as it is."""
    with transaction.atomic():
        if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=timezone.now()):
            audit.record("invitation.revoked", invitation, by=by)


def accept(*, token: str, user: User) -> Project:
    """Use a link. Who is in the project already does not use it up, unless it makes an editor of a viewer.

    Raises ProjectError `invitation_invalid`.
    """
    with transaction.atomic():
        row = Invitation.objects.open().filter(token_hash=accounts.hashed(token)).first()
        if row is None:
            raise _closed()
        project = _hold(row.project)
        present = project.role_of(user)
        if present is not None and (present, row.role) != (Role.VIEWER, Role.EDITOR):
            return project
        # Of two people with the same link, one changes the row.
        if not Invitation.objects.open().filter(pk=row.pk).update(used_at=timezone.now(), used_by=user):
            raise _closed()
        made, _new = Membership.objects.update_or_create(project=project, user=user, defaults={"role": row.role})
        audit.record("member.joined", made, by=user, role=row.role, invited_by=str(row.created_by))
    return project


def accept_as_new(*, token: str, username: str, password: str) -> tuple[User, Project]:
    """Make an account and use a link with it: both, or neither.

    Raises ProjectError `invitation_invalid`, and for the account as `accounts.create_user` does.
    """
    with transaction.atomic():
        if invitation_of(token) is None:
            raise _closed()
        user = accounts.create_user(username=username, password=password)
        return user, accept(token=token, user=user)


def change_role(*, membership: Membership, role: str, by: User) -> None:
    """Make an editor of a viewer, or the other way round. Raises ProjectError `unknown_role`, `not_a_member`."""
    _require_role(role)
    with transaction.atomic():
        _hold(membership.project)
        was = membership.role
        if not Membership.objects.filter(pk=membership.pk).update(role=role):
            raise _not_a_member()
        membership.role = role
        if was != role:
            audit.record("member.role_changed", membership, by=by, before=was, role=role)


def remove(*, membership: Membership, by: User) -> None:
    """End a person's part in the project; by themselves: they leave. What they made stays."""
    verb = "member.left" if by.pk == membership.user_id else "member.removed"
    with transaction.atomic():
        _hold(membership.project)
        if Membership.objects.filter(pk=membership.pk).delete()[0]:
            audit.record(verb, membership, by=by, role=membership.role)


def leave(*, project: Project, user: User) -> None:
    """End one's own part in a project. Raises ProjectError `owner_stays`, `not_a_member`."""
    if project.owner_id == user.pk:
        text = _("The owner cannot leave. Hand the project over to another member first.")
        raise Conflict("owner_stays", text)
    membership = Membership.objects.filter(project=project, user=user).select_related("project", "user").first()
    if membership is None:
        raise _not_a_member()
    remove(membership=membership, by=user)


def hand_over(*, project: Project, to: User, by: User) -> None:
    """Make another person the owner; the one before becomes an editor. Raises ProjectError `owner_changed`."""
    with transaction.atomic():
        held = _hold(project)
        before = held.owner
        if before.pk != project.owner_id:
            raise Conflict("owner_changed", _("The project has another owner by now. Load the page again."))
        if before.pk == to.pk:
            return
        Membership.objects.filter(project=held, user=to).delete()
        Membership.objects.create(project=held, user=before, role=Role.EDITOR)
        held.owner = to
        held.save(update_fields=["owner"])
        audit.record("project.handed_over", held, by=by, before=str(before), owner=str(to))
    project.owner = to


def _hold(project: Project) -> Project:
    """The project's row, locked. SQLite has one writer at a time anyway."""
    return Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _require_role(role: str) -> None:
    if role not in INVITED_AS:
        raise Refused("unknown_role", _("Choose one of the roles: editor or viewer."), field="role")


def _closed() -> Conflict:
    text = _("This invitation no longer works: it was used, revoked or has expired. Ask for a new link.")
    return Conflict("invitation_invalid", text)


def _not_a_member() -> Conflict:
    return Conflict("not_a_member", _("This person is no longer a member of the project."))
