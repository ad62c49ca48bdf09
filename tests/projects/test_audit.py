"""The audit log: who did what, never changed, in the admin and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from projects import accounts, audit, consents, library, memberships
from projects.models import AppendOnlyError, AuditEntry, Project, RenderJob, Speaker
from tests import making

LIST = "admin:projects_auditentry_changelist"


@pytest.fixture
def entry(project: Project) -> AuditEntry:
    """One entry."""
    return AuditEntry.objects.filter(verb="project.made").latest("id")


def told(verb: str) -> tuple[str, str, str]:
    """Who did it, to what, in which project."""
    row = AuditEntry.objects.filter(verb=verb).latest("id")
    return row.actor_name, row.object_name, row.project_name


def test_what_people_do_is_recorded_with_their_name_and_address(
    owner_client: Client, project: Project, clip_file: Path, voice_file: Path, owner: User
) -> None:
    browser = Client(REMOTE_ADDR="10.1.2.3")
    browser.force_login(owner)
    files = {"clip_file": making.upload(clip_file), "track_file": making.upload(voice_file)}
    browser.post("/", files | {"consent": "on", "lecturer": "Ada"})
    job = RenderJob.objects.get()
    browser.post(f"/jobs/{job.pk}/cancel/")
    browser.post("/account/tokens/", {"scopes": ["read"], "days": 7})
    browser.post(f"/account/tokens/{accounts.tokens_of(owner).get().key}/revoke/")
    verbs = (
        "lecturer.added",
        "clip.added",
        "track.added",
        "consent.recorded",
        "job.submitted",
        "job.cancelled",
        "token.made",
        "token.revoked",
    )
    rows = list(AuditEntry.objects.filter(verb__in=verbs).order_by("id"))
    assert {row.verb for row in rows} == set(verbs)
    assert {(row.actor_name, row.actor_id, row.address) for row in rows} == {("olga", owner.pk, "10.1.2.3")}
    assert told("clip.added") == ("olga", "take", project.name)
    assert told("consent.recorded") == ("olga", "Ada", project.name)
    assert told("job.submitted")[1] == str(job)


def test_members_and_consents_are_recorded(project: Project, owner: User, stranger: User, speaker: Speaker) -> None:
    _row, token = memberships.invite(project=project, role="viewer", by=owner)
    memberships.accept(token=token, user=stranger)
    member = project.memberships.get()
    memberships.change_role(membership=member, role="editor", by=owner)
    memberships.hand_over(project=project, to=stranger, by=owner)
    memberships.leave(project=project, user=owner)
    consents.withdraw(speaker=speaker, by=stranger)
    assert told("member.joined") == ("stefan", "stefan", project.name)
    assert AuditEntry.objects.get(verb="member.role_changed").detail == {"before": "viewer", "role": "editor"}
    assert told("project.handed_over")[0] == "olga"
    assert told("member.left") == ("olga", "olga", project.name)
    assert told("consent.withdrawn") == ("stefan", "Li Wei", project.name)


def test_nothing_is_recorded_of_what_did_not_happen(project: Project, owner: User) -> None:
    before = AuditEntry.objects.count()
    for _ in range(2):
        library.find_or_add_speaker(project=project, name="Ada")
    assert AuditEntry.objects.count() == before + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.update(actor_name="nobody"),
        lambda entry: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["actor_name"]),
    ],
)
def test_an_entry_is_never_changed(entry: AuditEntry, change: Callable[[AuditEntry], object]) -> None:
    entry.actor_name = "nobody"
    with pytest.raises(AppendOnlyError), transaction.atomic():
        change(entry)
    entry.refresh_from_db()
    assert entry.actor_name == "olga"


def test_an_entry_outlives_what_it_is_about(entry: AuditEntry, project: Project, owner: User) -> None:
    project.delete()
    owner.delete()
    entry.refresh_from_db()
    assert (entry.actor_name, entry.project_name) == ("olga", "My project")


def test_the_admin_shows_and_never_edits_it(administrator: User, entry: AuditEntry) -> None:
    browser = making.browser(administrator)
    assert "project.made" in browser.get(reverse(LIST), {"verb": "project.made"}).content.decode()
    at = reverse("admin:projects_auditentry_change", args=[entry.pk])
    assert browser.post(at, {"actor_name": "nobody"}).status_code == 403
    assert browser.post(reverse("admin:projects_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in browser.get(reverse(LIST)).content.decode()


def test_it_is_saved_as_csv_that_no_table_program_runs(administrator: User, owner: User) -> None:
    library.add_project(owner=owner, name='=HYPERLINK("http://evil", "Spring, term")')
    chosen = {"action": "save_as_csv", "_selected_action": [str(row.pk) for row in AuditEntry.objects.all()]}
    answer = making.browser(administrator).post(reverse(LIST), chosen)
    assert answer["Content-Disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert tuple(rows[0]) == audit.COLUMNS
    assert len(rows) == AuditEntry.objects.count() + 1
    assert rows[1][6] == '\'=HYPERLINK("http://evil", "Spring, term")'


def test_a_new_owner_in_the_admin_takes_the_project_over(administrator: User, project: Project, stranger: User) -> None:
    at = reverse("admin:projects_project_change", args=[project.pk])
    inlines = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    answer = making.browser(administrator).post(at, {"owner": stranger.pk, "name": "Renamed"} | inlines)
    assert answer.status_code == 302
    project.refresh_from_db()
    assert (project.owner, project.name) == (stranger, "Renamed")
    assert {str(member.user): member.role for member in memberships.members(project)} == {"stefan": "owner", "olga": "editor"}
    assert told("project.handed_over")[0] == "ada"
