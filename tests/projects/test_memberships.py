"""Invitations, roles, leaving and handing over."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from projects import access, accounts, memberships, turns
from projects.errors import Conflict, Refused
from projects.models import AuditEntry, Invitation, Membership, Project, Role
from tests import making

PASSWORD = "correct horse battery"


@pytest.fixture
def token(project: Project, owner: User) -> str:
    """A link that makes an editor."""
    return memberships.invite(project=project, role="editor", by=owner)[1]


@pytest.fixture
def viewer(project: Project) -> User:
    """Somebody who may look."""
    return making.member(project, "vera", "viewer")


def roles(project: Project) -> dict[str, str]:
    """Everybody's role by name."""
    return {member.user.username: member.role for member in memberships.members(project)}


def test_whoever_has_the_link_joins_with_its_role_once(project: Project, token: str, stranger: User) -> None:
    assert not access.projects_of(stranger).filter(pk=project.pk).exists()
    assert memberships.accept(token=token, user=stranger) == project
    assert roles(project) == {"olga": "owner", "stefan": "editor"}
    assert access.project_for(stranger, project.pk).role == Role.EDITOR
    with pytest.raises(Conflict) as refusal:
        memberships.accept(token=token, user=accounts.create_user(username="late", password=PASSWORD))
    assert refusal.value.code == "invitation_invalid"


@pytest.mark.parametrize("change", [{"expires_at": timezone.now() - timedelta(days=1)}, {"revoked_at": timezone.now()}])
def test_a_link_that_has_ended_lets_nobody_in(
    project: Project, token: str, stranger: User, client: Client, change: dict[str, object]
) -> None:
    Invitation.objects.update(**change)
    with pytest.raises(Conflict):
        memberships.accept(token=token, user=stranger)
    assert client.get(f"/join/{token}/").status_code == 404
    assert client.get("/join/made-up/").status_code == 404


def test_a_link_is_kept_only_as_its_hash(project: Project, token: str) -> None:
    assert token not in str(Invitation.objects.values().get())
    assert token not in str(AuditEntry.objects.get(verb="member.invited").__dict__)


@pytest.mark.parametrize(
    ("role", "invited", "afterwards", "used"),
    [("viewer", "editor", "editor", True), ("editor", "viewer", "editor", False), ("viewer", "viewer", "viewer", False)],
)
def test_a_link_never_lowers_a_role_nor_is_wasted(
    project: Project, owner: User, role: str, invited: str, afterwards: str, used: bool
) -> None:
    member = making.member(project, "mia", role)
    _row, token = memberships.invite(project=project, role=invited, by=owner)
    memberships.accept(token=token, user=member)
    memberships.accept(token=token, user=owner) if not used else None
    assert roles(project) == {"olga": "owner", "mia": afterwards}
    assert (memberships.invitation_of(token) is None) == used


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_one_link_at_the_same_time_one_gets_in(project: Project, token: str) -> None:
    people = [accounts.create_user(username=f"person{number}", password=PASSWORD) for number in range(4)]
    outcomes: list[str] = []
    start = threading.Barrier(len(people))

    def use(person: User) -> None:
        try:
            start.wait(10)
            memberships.accept(token=token, user=person)
            outcomes.append("in")
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=use, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["in", *["invitation_invalid"] * 3]
    assert Membership.objects.filter(project=project).count() == 1


def test_roles_change_and_people_go(project: Project, owner: User, viewer: User) -> None:
    row = access.membership_in(project, viewer.pk)
    memberships.change_role(membership=row, role="editor", by=owner)
    assert roles(project)["vera"] == "editor"
    with pytest.raises(Refused):
        memberships.change_role(membership=row, role="owner", by=owner)
    memberships.remove(membership=row, by=owner)
    assert roles(project) == {"olga": "owner"}
    with pytest.raises(Conflict):
        memberships.leave(project=project, user=viewer)


def test_everybody_may_leave_but_the_owner(project: Project, owner: User, viewer: User) -> None:
    memberships.leave(project=project, user=viewer)
    with pytest.raises(Conflict) as refusal:
        memberships.leave(project=project, user=owner)
    assert refusal.value.code == "owner_stays"
    assert roles(project) == {"olga": "owner"}


def test_a_project_is_handed_over_and_has_one_owner(project: Project, owner: User, viewer: User, stranger: User) -> None:
    memberships.hand_over(project=project, to=viewer, by=owner)
    project.refresh_from_db()
    assert roles(project) == {"vera": "owner", "olga": "editor"}
    memberships.hand_over(project=project, to=viewer, by=viewer)
    assert roles(project) == {"vera": "owner", "olga": "editor"}
    project.owner = owner  # as another page still has it
    with pytest.raises(Conflict):
        memberships.hand_over(project=project, to=stranger, by=owner)


def test_nobody_is_a_member_twice_and_there_is_no_second_owner(project: Project, viewer: User, stranger: User) -> None:
    for bad in (
        Membership(project=project, user=viewer, role="editor"),
        Membership(project=project, user=stranger, role="owner"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            bad.save()


def test_a_newcomer_makes_an_account_through_the_link(client: Client, project: Project, token: str) -> None:
    assert "olga invites you to this project as editor." in client.get(f"/join/{token}/").content.decode()
    weak = client.post(f"/join/{token}/", {"username": "nina", "password": "1234567890", "repeated": "1234567890"})
    assert weak.status_code == 422
    taken = client.post(f"/join/{token}/", {"username": "olga", "password": PASSWORD, "repeated": PASSWORD})
    assert "This user name is taken." in taken.content.decode()
    done = client.post(f"/join/{token}/", {"username": "nina", "password": PASSWORD, "repeated": PASSWORD}, follow=True)
    assert done.status_code == 200
    assert roles(project)["nina"] == "editor"
    assert not User.objects.get(username="nina").is_staff


def test_somebody_with_an_account_says_yes_first(stranger_client: Client, project: Project, token: str) -> None:
    page = stranger_client.get(f"/join/{token}/").content.decode()
    assert "Join the project" in page
    assert roles(project) == {"olga": "owner"}
    assert stranger_client.post(f"/join/{token}/")["Location"] == f"/projects/{project.pk}/"
    assert roles(project)["stefan"] == "editor"


def test_the_link_is_shown_once_on_the_page(owner_client: Client, project: Project) -> None:
    page = owner_client.post(f"/projects/{project.pk}/invitations/add/", {"role": "viewer"}).content.decode()
    found = re.search(r"http://testserver(/join/[\w-]+/)", page)
    assert found is not None
    assert found[1] not in owner_client.get(f"/projects/{project.pk}/members/").content.decode()
    assert Client().get(found[1]).status_code == 200


def test_the_whole_of_it_by_script(owner_client: Client, stranger_client: Client, stranger: User, project: Project) -> None:
    at = f"/api/v1/projects/{project.pk}"

    def send(browser: Client, method: str, address: str, **body: object) -> tuple[int, dict[str, object]]:
        answer = getattr(browser, method)(address, body, content_type="application/json")
        return answer.status_code, answer.json() if answer.content else {}

    status, made = send(owner_client, "post", f"{at}/invitations/", role="viewer")
    assert (status, made["role"]) == (201, "viewer")
    assert len(owner_client.get(f"{at}/invitations/").json()["results"]) == 1
    status, joined = send(stranger_client, "post", "/api/v1/invitations/accept/", token=made["token"])
    assert (status, joined["role"]) == (200, "viewer")
    assert [row["role"] for row in stranger_client.get(f"{at}/members/").json()["results"]] == ["owner", "viewer"]
    assert send(owner_client, "patch", f"{at}/members/{stranger.pk}/", role="editor")[1]["role"] == "editor"
    assert send(owner_client, "patch", f"{at}/members/{stranger.pk}/", role="king")[0] == 400
    assert send(stranger_client, "delete", f"{at}/members/{stranger.pk}/")[0] == 204
    assert stranger_client.get(f"{at}/members/").status_code == 404


def test_the_role_beside_a_new_link_is_that_of_the_link(owner_client: Client, project: Project) -> None:
    page = owner_client.post(f"/projects/{project.pk}/invitations/add/", {"role": "viewer"}).text
    assert "Copy the link now" in page
    assert '<option value="viewer" selected>' in page
    assert '<option value="editor" selected>' not in page


@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("editor", True)])
def test_pages_hide_what_a_role_may_not_do(
    project: Project, job: object, output: object, role: str, offered: bool, owner_client: Client
) -> None:
    browser = making.browser(making.member(project, "mia", role))
    for address, words in (
        (f"/projects/{project.pk}/", "Add a clip"),
        (f"/projects/{project.pk}/voices/", "Add a voice"),
        (f"/projects/{project.pk}/", "Give it a new voice"),
        (f"/jobs/{output.pk}/", "Same take, another voice"),  # type: ignore[attr-defined]
        (f"/lecturers/{output.job.clip.speaker_id}/", "Withdraw the consent"),  # type: ignore[attr-defined]
    ):
        assert (words in browser.get(address).content.decode()) == offered, address
        assert words in owner_client.get(address).content.decode()
    assert "Invite somebody" not in browser.get(f"/projects/{project.pk}/members/").content.decode()


def test_somebody_elses_paused_queue_is_not_called_mine(
    project: Project, job: object, owner: User, owner_client: Client
) -> None:
    turns.pause(user=owner)
    at = f"/jobs/{job.pk}/"  # type: ignore[attr-defined]
    page = making.browser(making.member(project, "edgar", "editor")).get(at).content.decode()
    assert "olga, who asked for it, has paused their queue." in page
    assert "Your queue is paused." not in page
    assert "Your queue is paused." in owner_client.get(at).content.decode()


def test_my_queue_is_what_i_asked_for(project: Project, job: object) -> None:
    browser = making.browser(making.member(project, "edgar", "editor"))
    assert str(job.pk) not in browser.get("/queue/").content.decode()  # type: ignore[attr-defined]
    assert str(job.pk) in browser.get(f"/projects/{project.pk}/renders/").content.decode()  # type: ignore[attr-defined]
